import { Backoff } from '../base/backoff.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { Queue } from '../base/queue.ts';
import type { Statistics } from '../base/statistics.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { LineDecoder } from '../frame/lines.ts';
import { parseMessage } from '../rpc/message.ts';
import { scanObject } from '../rpc/scan.ts';
import type { Wire } from '../wire/wire.ts';
import { bridgeLine, complaintLine } from './application-line.ts';
import type { Attachment, AttachmentUser, LineFate, OutgoingLine, QueuedLine, Refusal } from './channel.ts';
import { LineBlocks, type Place } from './line-blocks.ts';

/** Bytes of lines that may wait for one application. */
const MAX_QUEUE_BYTES = 4 * 1024 * 1024;
/** Longest line an application may send. */
const MAX_LINE_BYTES = 1024 * 1024;
/** What an entry costs beside its bytes, so that many short lines are bounded too. */
const ENTRY_BYTES = 128;
/** Of withdrawn lines, before they are thrown out. */
const MIN_COMPACTED_BYTES = 64 * 1024;
const FIRST_RETRY_MS = 100;
const RETRY_LIMIT_MS = 5000;
/** How long closing waits for an application that does not read. */
const CLOSE_LIMIT_MS = 2000;

export interface AttachmentOptions {
  readonly text: string;
  readonly endpoint?: Endpoint;
  readonly canWrite: boolean;
  readonly canRead: boolean;
  /** Reaches the application; settles within 5 s. */
  open(): Promise<Wire>;
  /** Whether a lost application can come back. */
  readonly reopens: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  readonly random: () => number;
  /** Called once when the last user has left, unless the attachment is shared. */
  readonly onUnused?: () => void;
}

/** A line in the queue: where its bytes are, and who wants to know what becomes of it. */
class Entry implements QueuedLine {
  readonly connection: string;
  readonly kind: OutgoingLine['kind'];
  readonly fate: LineFate | undefined;
  readonly bytes: number;
  place: Place;
  /** Neither handed over nor withdrawn nor refused. */
  isQueued = true;
  readonly #leave: (entry: Entry) => void;

  constructor(connection: string, line: OutgoingLine, place: Place, leave: (entry: Entry) => void) {
    this.connection = connection;
    this.kind = line.kind;
    this.fate = line.fate;
    this.bytes = line.bytes.length;
    this.place = place;
    this.#leave = leave;
  }

  get cost(): number {
    return this.bytes + ENTRY_BYTES;
  }

  withdraw(): boolean {
    if (!this.isQueued) return false;
    this.isQueued = false;
    this.#leave(this);
    return true;
  }
}

const GONE: QueuedLine = { withdraw: () => false };

/**
 * An endpoint and the application behind it.
 *
 * closed ⇄ opening → open → closed …: the first user starts it; a failed attempt or a lost application leads to
 * `closed`, from where a timer (backoff) or the next request tries again. Without a way back it is `gone`; after `close`
 * it is `ended`. Lines that wait while an attempt is under way share its fate.
 */
export class StreamAttachment implements Attachment {
  readonly text: string;
  readonly endpoint: Endpoint | undefined;
  readonly canWrite: boolean;
  readonly canRead: boolean;
  readonly #options: AttachmentOptions;
  readonly #users = new Map<string, AttachmentUser>();
  readonly #held = new Set<AttachmentUser>();
  readonly #backoff: Backoff;
  readonly #dropped = new Map<string, number>();
  readonly #queue = new Queue<Entry>();
  #blocks = new LineBlocks();
  #state: 'closed' | 'opening' | 'open' | 'gone' | 'ended' = 'closed';
  #wire: Wire | undefined;
  #isWriting = false;
  #writingBytes = 0;
  #waitingBytes = 0;
  /** Of withdrawn lines that are still in the queue. */
  #withdrawnBytes = 0;
  #retry: Timer | undefined;
  #epoch = 0;
  #flushed: (() => void) | undefined;
  /** Its absence has been reported. */
  #isMissed = false;

  constructor(options: AttachmentOptions) {
    this.#options = options;
    this.text = options.text;
    this.endpoint = options.endpoint;
    this.canWrite = options.canWrite;
    this.canRead = options.canRead;
    this.#backoff = new Backoff({
      firstMs: FIRST_RETRY_MS,
      limitMs: RETRY_LIMIT_MS,
      random: options.random,
    });
  }

  get epoch(): number {
    return this.#epoch;
  }

  get isThere(): boolean {
    return this.#state === 'open';
  }

  get isGone(): boolean {
    return this.#state === 'gone' || this.#state === 'ended';
  }

  get queuedBytes(): number {
    return this.#waitingBytes + this.#writingBytes;
  }

  attach(user: AttachmentUser): void {
    this.#users.set(user.connection, user);
    if (this.#state === 'open') {
      this.#greet([user]);
      this.#flush();
    } else this.#open();
  }

  detach(user: AttachmentUser): void {
    if (!this.#users.delete(user.connection)) return;
    this.#held.delete(user);
    this.#dropped.delete(user.connection);
    this.#applyHold();
    if (this.#users.size === 0) this.#options.onUnused?.();
  }

  send(user: AttachmentUser, line: OutgoingLine): QueuedLine {
    // Without an application there is nobody to tell; its greeting will say how things stand.
    if (line.kind === 'lifecycle' && this.#state !== 'open') return GONE;
    const entry = this.#enqueue(user.connection, line);
    if (entry === undefined) return GONE;
    if (this.#state === 'open') this.#flush();
    else this.#open();
    return entry;
  }

  hold(user: AttachmentUser, isHeld: boolean): void {
    if (isHeld && this.#users.has(user.connection)) this.#held.add(user);
    else this.#held.delete(user);
    this.#applyHold();
  }

  misheard(): void {
    for (const user of [...this.#users.values()]) user.misheard();
  }

  async close(): Promise<void> {
    if (this.#state === 'ended') return;
    this.#retry?.cancel();
    if (this.#state === 'open' && this.queuedBytes > 0) {
      await new Promise<void>((resolve) => {
        const limit = this.#options.clock.after(CLOSE_LIMIT_MS, resolve);
        this.#flushed = () => {
          limit.cancel();
          resolve();
        };
      });
    }
    this.#retry?.cancel();
    const wire = this.#wire;
    this.#state = 'ended';
    this.#wire = undefined;
    this.#refuseAll('CHANNEL_CLOSED');
    if (wire === undefined) return;
    wire.endOutput();
    wire.destroy();
  }

  // The application comes and goes.

  #open(): void {
    if (this.#state !== 'closed') {
      if (this.#state !== 'opening') this.#refuseAll('CHANNEL_UNAVAILABLE');
      return;
    }
    this.#state = 'opening';
    this.#retry?.cancel();
    this.#options.open().then(
      (wire) => this.#opened(wire),
      (fault) => this.#openFailed(fault),
    );
  }

  #opened(wire: Wire): void {
    if (this.#state !== 'opening') {
      wire.destroy();
      return;
    }
    this.#state = 'open';
    this.#wire = wire;
    this.#epoch += 1;
    this.#isWriting = false;
    this.#backoff.reset();
    const { log } = this.#options;
    if (this.#isMissed) log.warn('the application is back', { endpoint: this.text });
    else log.debug('application attached', { endpoint: this.text });
    this.#isMissed = false;
    const decoder = new LineDecoder({ maxLineBytes: MAX_LINE_BYTES });
    const lines = {
      line: (bytes: Buffer) => this.#line(bytes),
      overlong: (size: number) => {
        this.#complain('JSONRPC_PARSE_ERROR', `a line of ${size} bytes is too long`);
        this.misheard();
      },
      cut: (size: number) => {
        log.warn('an application ended inside a line', { endpoint: this.text, bytes: size });
        this.misheard();
      },
    };
    wire.start({
      chunk: (bytes) => {
        this.#options.statistics.count('channel bytes in', bytes.length);
        decoder.push(bytes, lines);
      },
      end: () => {
        decoder.end(lines);
        if (this.canRead) wire.destroy();
      },
      closed: (fault) => this.#closed(wire, fault),
    });
    this.#greet([...this.#users.values()]);
    this.#applyHold();
    this.#flush();
    for (const user of [...this.#users.values()]) user.applicationThere(this);
  }

  /** Greetings go before what waited for the application. */
  #greet(users: readonly AttachmentUser[]): void {
    if (!this.canWrite) return;
    const entries = users.flatMap((user) =>
      user.greeting().map((bytes) => this.#newEntry(user.connection, { bytes, kind: 'lifecycle' })),
    );
    this.#queue.unshift(entries);
  }

  #openFailed(fault: unknown): void {
    if (this.#state !== 'opening') return;
    this.#miss('application not there', describeFault(fault));
    this.#down();
    this.#refuseAll('CHANNEL_UNAVAILABLE');
  }

  #closed(wire: Wire, fault: Error | undefined): void {
    if (this.#wire !== wire) return;
    this.#wire = undefined;
    this.#writingBytes = 0;
    this.#miss('application gone', fault === undefined ? 'it closed' : describeFault(fault));
    this.#down();
    this.#refuseAll('CHANNEL_CLOSED');
    this.#flushed?.();
    for (const user of [...this.#users.values()]) user.applicationGone(this);
  }

  /** One line for an absence, not one an attempt. */
  #miss(event: string, why: string): void {
    const level = this.#isMissed ? 'debug' : 'warn';
    this.#isMissed = true;
    this.#options.log[level](event, { endpoint: this.text, why });
  }

  #down(): void {
    if (!this.#options.reopens) {
      this.#state = 'gone';
      return;
    }
    this.#state = 'closed';
    if (this.#users.size === 0) return;
    this.#retry = this.#options.clock.after(this.#backoff.nextMs(), () => this.#open());
  }

  // Lines to the application.

  /** Undefined: there was no room. */
  #enqueue(connection: string, line: OutgoingLine): Entry | undefined {
    const hasRoom = this.queuedBytes + line.bytes.length + ENTRY_BYTES <= MAX_QUEUE_BYTES;
    if (hasRoom || line.kind === 'lifecycle') {
      const entry = this.#newEntry(connection, line);
      this.#queue.push(entry);
      return entry;
    }
    this.#refuse(connection, line, 'BUSY');
    return undefined;
  }

  #newEntry(connection: string, line: OutgoingLine): Entry {
    const entry = new Entry(connection, line, this.#blocks.add(line.bytes), this.#leave);
    this.#waitingBytes += entry.cost;
    return entry;
  }

  /** Hands over the lines that lie together. What waits behind them can still be withdrawn. */
  #flush(): void {
    const wire = this.#wire;
    if (wire === undefined || this.#isWriting) return;
    let first: Place | undefined;
    let to = 0;
    let cost = 0;
    for (let entry = this.#queue.peek(); entry !== undefined; entry = this.#queue.peek()) {
      if (entry.isQueued) {
        const { place } = entry;
        if (first === undefined) first = place;
        else if (place.block !== first.block || place.from !== to) break;
        to = place.to;
        cost += entry.cost;
        entry.isQueued = false;
        entry.fate?.handedOver?.();
      } else this.#withdrawnBytes -= entry.cost;
      this.#queue.shift();
    }
    if (first === undefined) {
      this.#blocks.release(); // nothing waits and nothing is being written
      this.#flushed?.();
      return;
    }
    this.#isWriting = true;
    this.#waitingBytes -= cost;
    this.#writingBytes = cost;
    this.#options.statistics.count('channel bytes out', to - first.from);
    wire.write(first.block.subarray(first.from, to), (fault) => {
      if (this.#wire !== wire || fault !== undefined) return; // `closed` follows or came already
      this.#isWriting = false;
      this.#writingBytes = 0;
      this.#reportDropped();
      this.#flush();
    });
  }

  #refuse(connection: string, { kind, fate }: Pick<OutgoingLine, 'kind' | 'fate'>, why: Refusal): void {
    if (kind === 'request') {
      if (fate?.refused !== undefined) queueMicrotask(() => fate.refused?.(why));
      return;
    }
    if (kind === 'lifecycle') return;
    this.#options.statistics.count(`dropped ${kind}s`);
    this.#dropped.set(connection, (this.#dropped.get(connection) ?? 0) + 1);
  }

  #refuseAll(why: Refusal): void {
    const entries = this.#queue.drain();
    this.#waitingBytes = 0;
    this.#withdrawnBytes = 0;
    for (const entry of entries) {
      if (!entry.isQueued) continue;
      entry.isQueued = false;
      this.#refuse(entry.connection, entry, why);
    }
  }

  readonly #leave = (entry: Entry): void => {
    this.#waitingBytes -= entry.cost;
    this.#withdrawnBytes += entry.cost;
    // Withdrawn lines must not pile up behind an application that never reads.
    if (this.#withdrawnBytes > Math.max(MIN_COMPACTED_BYTES, this.#waitingBytes)) this.#compact();
  };

  #compact(): void {
    this.#withdrawnBytes = 0;
    this.#blocks = new LineBlocks();
    for (const entry of this.#queue.drain()) {
      if (!entry.isQueued) continue;
      const { block, from, to } = entry.place;
      entry.place = this.#blocks.add(block.subarray(from, to));
      this.#queue.push(entry);
    }
  }

  #reportDropped(): void {
    if (this.#dropped.size === 0 || this.queuedBytes > MAX_QUEUE_BYTES / 2) return;
    for (const [connection, count] of this.#dropped) {
      const user = this.#users.get(connection);
      if (user === undefined) continue;
      const bytes = bridgeLine(user.lineStart, '_Dropped', { count });
      this.#enqueue(connection, { bytes, kind: 'lifecycle' });
    }
    this.#dropped.clear();
  }

  // Lines from the application.

  #line(bytes: Buffer): void {
    this.#options.statistics.count('lines in');
    if (this.#options.log.enabled('trace')) {
      this.#options.log.trace('line in', { endpoint: this.text, text: bytes.toString() });
    }
    const parsed = parseMessage(bytes, 'line');
    if (!parsed.ok) {
      if (parsed.isErrorWithoutId)
        this.#options.log.info('an application complains', { endpoint: this.text });
      else this.#complain(parsed.code, parsed.why, parsed.idText, isCall(bytes) ? 'request' : 'answer');
      if (!isCall(bytes)) this.misheard();
      return;
    }
    const { message, connection, identity } = parsed;
    const user = connection === undefined ? this.#userOf(identity) : this.#users.get(connection);
    if (user !== undefined) {
      user.applicationSays(message, this);
      return;
    }
    const idText = message.kind === 'request' ? message.idText : undefined;
    if (connection === undefined && this.#users.size > 1) {
      this.#complain(
        'JSONRPC_INVALID_REQUEST',
        'several connections are live: name one in "connection", or in "identity" whom it is for',
        idText,
      );
    } else if (message.kind === 'request') {
      this.#complain('CONNECTION_CLOSED', 'there is no such connection', idText);
    } else
      this.#options.log.info('a line for a connection that is gone', { endpoint: this.text, connection });
    if (message.kind === 'result' || message.kind === 'error') this.misheard();
  }

  /** For a line that names no connection: the only one, or the newest with that identity. */
  #userOf(identity: string | undefined): AttachmentUser | undefined {
    if (this.#users.size === 1) {
      const [only] = this.#users.values();
      const isOther = identity !== undefined && only?.identity !== undefined && only.identity !== identity;
      return isOther ? undefined : only;
    }
    if (identity === undefined) return undefined;
    return [...this.#users.values()].findLast((user) => user.identity === identity);
  }

  /** `idText` is that of a request, which the complaint answers, or of an answer, which it is about. */
  #complain(code: string, why: string, idText?: string, what: 'request' | 'answer' = 'request'): void {
    this.#options.log.warn('a line of an application was refused', { endpoint: this.text, code, why });
    this.#options.statistics.count('refused lines');
    const [user] = this.#users.values();
    if (user === undefined || !this.canWrite) return;
    const bytes =
      what === 'request' || idText === undefined
        ? complaintLine(undefined, idText, code, why)
        : complaintLine(undefined, undefined, code, why, String(JSON.parse(idText)));
    this.#enqueue(user.connection, { bytes, kind: 'answer' });
    this.#flush();
  }

  #applyHold(): void {
    if (this.#users.size > 0 && this.#held.size === this.#users.size) this.#wire?.pause();
    else this.#wire?.resume();
  }
}

/** Whether a line that was refused meant to ask or to tell something, and was no answer: it names a method and no outcome. */
function isCall(line: Buffer): boolean {
  const [method, result, error] = scanObject(line, ['method', 'result', 'error']).values;
  return method !== undefined && result === undefined && error === undefined;
}
