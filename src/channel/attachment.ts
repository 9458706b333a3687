import { Backoff } from '../base/backoff.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import type { Tap } from '../base/tap.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { Wire } from '../wire/wire.ts';
import { bridgeLine, complaintLine } from './application-line.ts';
import type { Attachment, AttachmentUser, OutgoingLine, QueuedLine, Refusal } from './channel.ts';
import type { Place } from './line-blocks.ts';
import { type About, LineDesk } from './line-desk.ts';
import { LineQueue } from './line-queue.ts';
import type { Presence, Sight } from './presence.ts';

const FIRST_RETRY_MS = 100;
const RETRY_LIMIT_MS = 5000;
/** How long closing waits for an application that does not read. */
const CLOSE_LIMIT_MS = 2000;

export interface AttachmentOptions {
  readonly text: string;
  readonly endpoint?: Endpoint;
  readonly canWrite: boolean;
  readonly canRead: boolean;
  /** See `Attachment`; default: false. */
  readonly isGroup?: boolean;
  /** Reaches the application; settles within 5 s. `users` are those of the moment, by connection. */
  open(users: ReadonlyMap<string, AttachmentUser>): Promise<Wire>;
  /** Whether a lost application can come back. */
  readonly reopens: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  readonly random: () => number;
  /** Of the whole process: loss and return are told once, however many connections are attached. */
  readonly presence: Presence;
  /** Where there is a capture. */
  readonly tap?: Tap;
  /** Called once when the last user has left, unless the attachment is shared. */
  readonly onUnused?: () => void;
}

const GONE: QueuedLine = { withdraw: () => false };

/**
 * An endpoint and the application behind it.
 *
 * closed ⇄ opening → open → closed …: the first user starts it; a failed attempt or a lost application leads to
 * `closed`, from where a timer (backoff) or the next request tries again. Without a way back it is `gone`; after
 * `close` it is `ended`. Lines that wait while an attempt is under way share its fate.
 */
export class StreamAttachment implements Attachment {
  readonly text: string;
  readonly endpoint: Endpoint | undefined;
  readonly canWrite: boolean;
  readonly canRead: boolean;
  readonly isGroup: boolean;
  readonly #options: AttachmentOptions;
  readonly #users = new Map<string, AttachmentUser>();
  readonly #held = new Set<AttachmentUser>();
  readonly #backoff: Backoff;
  readonly #dropped = new Map<string, number>();
  readonly #queue = new LineQueue();
  readonly #desk: LineDesk;
  #state: 'closed' | 'opening' | 'open' | 'gone' | 'ended' = 'closed';
  #wire: Wire | undefined;
  #isWriting = false;
  #writingBytes = 0;
  #retry: Timer | undefined;
  #epoch = 0;
  #flushed: (() => void) | undefined;
  #sight: Sight = 'unknown';

  constructor(options: AttachmentOptions) {
    this.#options = options;
    this.text = options.text;
    this.endpoint = options.endpoint;
    this.canWrite = options.canWrite;
    this.canRead = options.canRead;
    this.isGroup = options.isGroup ?? false;
    this.#backoff = new Backoff({
      firstMs: FIRST_RETRY_MS,
      limitMs: RETRY_LIMIT_MS,
      random: options.random,
    });
    this.#desk = new LineDesk({
      ...options,
      attachment: this,
      users: this.#users,
      complain: (code, why, about) => this.#complain(code, why, about),
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
    return this.#queue.waitingBytes + this.#writingBytes;
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
    this.#see('unknown');
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
    this.#options.open(this.#users).then(
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
    if (this.#see('there')) log.warn('the application is back', { endpoint: this.text });
    else log.debug('application attached', { endpoint: this.text });
    const lines = this.#desk.decoder();
    wire.start({
      chunk: (bytes) => lines.push(bytes),
      end: () => {
        lines.end();
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
    const lines = users.flatMap((user) =>
      user.greeting().map((bytes) => ({ connection: user.connection, line: lifecycleLine(bytes) })),
    );
    this.#queue.unshift(lines);
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
    const level = this.#see('missing') ? 'warn' : 'debug';
    this.#options.log[level](event, { endpoint: this.text, why });
  }

  /** Whether it is news. */
  #see(sight: Sight): boolean {
    const before = this.#sight;
    this.#sight = sight;
    return before !== sight && this.#options.presence.change(this.text, before, sight);
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
  #enqueue(connection: string, line: OutgoingLine): QueuedLine | undefined {
    if (line.kind === 'lifecycle' || this.#queue.hasRoom(line.bytes.length, this.#writingBytes)) {
      return this.#queue.push(connection, line);
    }
    this.#refuse(connection, line, 'BUSY');
    return undefined;
  }

  #flush(): void {
    const wire = this.#wire;
    if (wire === undefined || this.#isWriting) return;
    const run = this.#queue.takeRun(this.#handedOver);
    if (run === undefined) {
      this.#flushed?.();
      return;
    }
    this.#isWriting = true;
    this.#writingBytes = run.cost;
    this.#options.statistics.count('channel bytes out', run.bytes.length);
    wire.write(run.bytes, (fault) => {
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
    for (const entry of this.#queue.drain()) this.#refuse(entry.connection, entry, why);
  }

  #reportDropped(): void {
    if (this.#dropped.size === 0 || !this.#queue.isHalfEmpty(this.#writingBytes)) return;
    for (const [connection, count] of this.#dropped) {
      const user = this.#users.get(connection);
      if (user === undefined) continue;
      const bytes = bridgeLine(user.lineStart, '_Dropped', { count });
      this.#enqueue(connection, lifecycleLine(bytes));
    }
    this.#dropped.clear();
  }

  #complain(code: string, why: string, about: About | undefined): void {
    this.#options.log.warn('a line of an application was refused', { endpoint: this.text, code, why });
    this.#options.statistics.count('refused lines');
    const [user] = this.#users.values();
    if (user === undefined || !this.canWrite) return;
    const bytes =
      about?.kind === 'answer'
        ? complaintLine(undefined, undefined, code, why, String(JSON.parse(about.idText)))
        : complaintLine(undefined, about?.idText, code, why);
    this.#enqueue(user.connection, { bytes, kind: 'answer' });
    this.#flush();
  }

  readonly #handedOver = (connection: string, { block, from, to }: Place): void => {
    const { tap } = this.#options;
    tap?.line('bridge', this.text, connection, block.subarray(from, to));
    const log = this.#users.get(connection)?.log ?? this.#options.log;
    if (log.enabled('trace'))
      log.trace('line out', { endpoint: this.text, text: block.toString('utf8', from, to - 1) });
  };

  #applyHold(): void {
    if (this.#users.size > 0 && this.#held.size === this.#users.size) this.#wire?.pause();
    else this.#wire?.resume();
  }
}

function lifecycleLine(bytes: Buffer): OutgoingLine {
  return { bytes, kind: 'lifecycle' };
}
