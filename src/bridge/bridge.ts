import type { Clock, Timer } from '../base/clock.ts';
import type { CloseReason } from '../base/close-reason.ts';
import { deferred } from '../base/deferred.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Gauges, Statistics } from '../base/statistics.ts';
import type { ConnectionStatus, PlaceStatus, StatusSource } from '../base/status.ts';
import { AttachmentPool } from '../channel/pool.ts';
import type {
  Beside,
  BesideEvents,
  ConnectionEvents,
  Conversation,
  ConversationHost,
  Dialect,
  PeerConnection,
  Verdict,
} from '../dialect/dialect.ts';
import type { TransactionLock } from '../store/lock.ts';
import { Speaker } from '../wire/speaker.ts';
import { tapWire } from '../wire/tapped-wire.ts';
import type { Wire } from '../wire/wire.ts';
import { WireFault } from '../wire/wire-fault.ts';
import { besideRegister } from './beside-register.ts';
import type { BridgeContext, BridgeEnd, BridgeOptions } from './bridge-options.ts';
import { connectionName, wantsOf } from './connection-endpoints.ts';
import { Sessions } from './sessions.ts';
import type { SpeechWatch } from './speech-watch.ts';
import { stopTimes } from './stopping.ts';
import { type Stranger, StrangeStart } from './strange-start.ts';
import { openTerminalLock } from './terminal-lock.ts';

/** Output beyond which the peer counts as stalled at once: applications that others use too cannot be held back. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/**
 * One wire and everything on it: prepared → speaking → finishing (goodbye, half-close, read and discard) → wire
 * closed → ended, when no transaction is awaited any more and everything is given back.
 */
export class Bridge implements ConversationHost, StatusSource {
  readonly clock: Clock;
  /** Under the name of the newest connection, where one follows the other. */
  log: Logger;
  readonly statistics: Statistics;
  readonly #wire: Wire;
  readonly #options: BridgeOptions;
  readonly #context: BridgeContext;
  readonly #pool: AttachmentPool;
  readonly #lock: TransactionLock;
  readonly #speaker: Speaker;
  readonly #sessions: Sessions;
  readonly #end = deferred<BridgeEnd>();
  readonly #gone = deferred<void>();
  readonly #giveBack: () => Promise<void>;
  readonly #register: string | undefined;
  #conversation: Conversation | undefined;
  #watch: SpeechWatch | undefined;
  /** Until the first bytes have been looked at. */
  #start: StrangeStart | undefined;
  #isAccepted = false;
  #hasLeft = false;
  #how: BridgeEnd = 'ended';
  #hasUnknown = false;
  #isClosed = false;
  #stopLimit: Timer | undefined;

  /**
   * Prepares everything that must be had before the first byte is read. Rejects with a BridgeError, and leaves nothing
   * open but the wire.
   */
  static async open(wire: Wire, options: BridgeOptions, shared: BridgeContext): Promise<Bridge> {
    const token = shared.randomId();
    const name = connectionName(wire, options, token, wire.peer.identity);
    const lease = await shared.journalFor?.({ peer: wire.peer.text, connection: name });
    const context = lease === undefined ? shared : { ...shared, journal: lease.journal };
    // Where connections follow each other on one wire the applications stay attached in between.
    const keeps = options.protocol.sync ? 'everything' : 'by kind';
    const pool = new AttachmentPool(context, context.pool, keeps);
    try {
      for (const identity of options.dialect.identities ?? [wire.peer.identity]) {
        const own = connectionName(wire, options, token, identity);
        for (const { want } of wantsOf(options, { connection: own, identity }, wire, context)) {
          await pool.prepare(want);
          pool.get(want);
        }
      }
      await context.journal?.checkPlace();
      return new Bridge(wire, options, context, pool, await openTerminalLock(options, context), {
        name,
        token,
        giveBack: async () => lease?.release(),
      });
    } catch (fault) {
      await pool.close();
      await lease?.release();
      throw fault;
    }
  }

  private constructor(
    wire: Wire,
    options: BridgeOptions,
    context: BridgeContext,
    pool: AttachmentPool,
    lock: TransactionLock,
    first: { readonly name: string; readonly token: string; readonly giveBack: () => Promise<void> },
  ) {
    this.clock = context.clock;
    this.log = context.log.with({ connection: first.name });
    this.statistics = context.statistics;
    const { dialect } = options;
    const { framing, peer } = wire;
    const about = { connection: first.name, peer: peer.text, dialect: dialect.name, framing };
    this.#wire = context.tap === undefined ? wire : tapWire(wire, context.tap.wire(about));
    this.#options = options;
    this.#context = context;
    this.#pool = pool;
    this.#lock = lock;
    this.#giveBack = first.giveBack;
    this.#register = options.register?.replaceAll('{peer}', peer.text);
    this.#sessions = new Sessions({
      wire: this.#wire,
      options,
      context,
      pool,
      lock,
      firstToken: first.token,
      ended: (outcome) => {
        if (outcome === 'unknown') this.#hasUnknown = true;
        this.#endIfDone();
      },
    });
    const { linkSpeed } = options;
    this.#speaker = new Speaker(
      this.#wire,
      {
        clock: context.clock,
        maxOutputBytes: MAX_OUTPUT_BYTES,
        ...(linkSpeed !== undefined && { linkSpeed }),
        onSlowFrame: (bytes) =>
          this.log.warn('a frame takes more than 4 s on this link', { bytes, linkSpeed }),
      },
      {
        chunk: (bytes) => {
          this.statistics.count('wire bytes in', bytes.length);
          this.#receive(bytes);
        },
        refused: (fault) => this.#refused(describeFault(fault)),
        inputEnded: () => {
          this.#receiveRest();
          this.#conversation?.endOfInput();
        },
        congested: (isCongested) => this.#congested(isCongested),
        lost: (reason, wasFinishing) => this.#lost(reason, wasFinishing),
        closed: (fault) => this.#closed(fault),
      },
    );
  }

  /** Gives everything back without having spoken. Instead of `run`. */
  async abandon(): Promise<void> {
    this.#speaker.destroy();
    await Promise.all([this.#pool.close(), this.#lock.close(), this.#giveBack()]);
  }

  /** Speaks until everything is over. Call once. */
  run(): Promise<BridgeEnd> {
    const { dialect, protocol } = this.#options;
    const conversation = dialect.converse(this, this.#wire.framing, protocol);
    this.#conversation = conversation;
    this.#watch = this.#options.watch?.({
      ...{ clock: this.clock, statistics: this.statistics },
      speech: conversation,
      isKnown: this.identity !== undefined,
      isBusy: () => this.connections.some((each) => each.open_requests > 0),
      tooSlow: (why) => this.#refused(why),
    });
    this.#start = this.#wire.framing === 'stream' ? new StrangeStart() : undefined;
    this.#speaker.start();
    return this.#end.promise;
  }

  /** Resolves when the wire is closed; transactions may still be awaited. */
  get wireClosed(): Promise<void> {
    return this.#gone.promise;
  }

  /** Whether a connection has ever begun on this wire. */
  get hasConversed(): boolean {
    return this.#sessions.haveBegun;
  }

  /** Whether the peer has let us in, or has refused to for good, or we have left on purpose. */
  get verdict(): 'accepted' | 'refused' | 'left' | 'none' {
    if (this.#hasLeft) return 'left';
    if (this.#how === 'refused') return 'refused';
    return this.#isAccepted ? 'accepted' : 'none';
  }

  /** Refuses new work, finishes what is open within 5 s, or as long as transactions have. */
  stop(): void {
    if (this.#stopLimit !== undefined) return;
    const { wireMs } = stopTimes(this.#options.drainMs);
    this.#stopLimit = this.clock.after(wireMs, () => this.#speaker.destroy());
    for (const session of this.#sessions) session.stop();
    this.#conversation?.stop?.();
  }

  /** See `SpeechWatch`. */
  get isSilent(): boolean {
    return this.#watch?.isSilent ?? false;
  }

  /** Says why, and goes; `isInHurry`: without waiting until the peer has heard it. */
  leave(reason: CloseReason, isInHurry: boolean): void {
    const words = this.#options.dialect.turnAway?.(this.#wire.framing, reason);
    if (words !== undefined) this.send(words, 'normal');
    this.#conversation?.lost(reason);
    if (isInHurry) this.#speaker.destroy();
  }

  /** Sizes of the moment, for statistics. */
  get gauges(): Gauges {
    const { connections } = this;
    const sum = (sizes: number[]) => sizes.reduce((total, size) => total + size, 0);
    return {
      connections: connections.length,
      'open requests': sum(connections.map(({ open_requests }) => open_requests)),
      'wire bytes queued': this.#speaker.queuedBytes,
      'channel bytes queued': sum(
        connections.flatMap(({ applications }) => applications.map(({ waiting_bytes }) => waiting_bytes)),
      ),
    };
  }

  /** Who is connected, and what each is doing. */
  get connections(): ConnectionStatus[] {
    const wire_waiting_bytes = this.#speaker.queuedBytes;
    return [...this.#sessions].map(({ status }) => ({ ...status, wire_waiting_bytes }));
  }

  readonly places: readonly PlaceStatus[] = [];

  // What the dialect may use.

  randomId(): string {
    return this.#context.randomId();
  }

  send(frame: Uint8Array, urgency: 'urgent' | 'normal'): void {
    if (this.#speaker.isLost) return;
    this.statistics.count('wire bytes out', frame.length);
    this.#speaker.send(frame, urgency);
  }

  discardOutput(): void {
    this.#speaker.discardOutput();
  }

  accepted(): void {
    this.#isAccepted = true;
  }

  branch(purpose: string, converse: Dialect['converse']): boolean {
    return this.#options.branch?.(purpose, converse) ?? false;
  }

  get reopen(): (() => void) | undefined {
    return this.#options.reopen;
  }

  get post(): ConversationHost['post'] {
    return this.#wire.post;
  }

  beside(port: number | 'next', events: BesideEvents, at?: string): Beside | undefined {
    return besideRegister(this.#wire.peer.address, { port, at }, this.clock, events);
  }

  get identity(): string | undefined {
    return this.#wire.peer.identity;
  }

  opened(peer: PeerConnection, identity = this.identity, register = this.#register): ConnectionEvents {
    const { session, log } = this.#sessions.begin(peer, { identity, register });
    if (identity === this.identity) this.log = log;
    if (this.#speaker.isCongested) session.congested(true);
    // Its connection can be closed only when this has returned.
    if (this.#stopLimit !== undefined) queueMicrotask(() => session.stop());
    return session;
  }

  finished(reason: CloseReason, how: 'ended' | 'broken' | 'lost', verdict?: Verdict): void {
    if (verdict === 'left') this.#hasLeft = true;
    else if (verdict !== undefined) this.#how = verdict;
    if (how === 'broken') this.#how = 'broken';
    if (FAILURES.has(reason.code)) this.#how = 'failed';
    if (how === 'broken') this.#wire.closeAs?.('protocol-error');
    else if (this.#stopLimit !== undefined) this.#wire.closeAs?.('going-away');
    this.#speaker.finish({ limit: how === 'lost' ? 'from now' : 'once written' });
  }

  // The wire.

  #receive(bytes: Buffer): void {
    const judged = this.#start === undefined ? { stranger: undefined, bytes } : this.#start.judge(bytes);
    if (judged === undefined) return;
    this.#start = undefined;
    if (judged.stranger !== undefined) {
      this.#refuse(judged.stranger);
      return;
    }
    this.#conversation?.receive(judged.bytes);
    this.#watch?.came(judged.bytes.length);
  }

  /** What looked like a stranger's first words until the end is the conversation's after all. */
  #receiveRest(): void {
    const rest = this.#start?.rest();
    this.#start = undefined;
    if (rest !== undefined && rest.length > 0) this.#conversation?.receive(rest);
  }

  #refused(why: string): void {
    const { turnAway } = this.#options.dialect;
    const conversation = this.#conversation;
    if (conversation?.refused !== undefined) {
      conversation.refused(why);
      return;
    }
    const words = turnAway?.(this.#wire.framing, { code: 'JSONRPC_PARSE_ERROR', text: why, by: 'us' });
    if (words !== undefined) this.send(words, 'normal');
    conversation?.lost({ code: 'CONNECTION_CLOSED', text: `refused: ${why}`, by: 'us' });
  }

  /** Before anything of it is obeyed. */
  #refuse(stranger: Stranger): void {
    const text =
      stranger === 'PROXY'
        ? 'the peer begins with a PROXY protocol header, and --proxy-protocol does not name its address'
        : `the peer speaks ${stranger}, not ${this.#options.dialect.name}`;
    this.log.warn('the peer is refused', { peer: this.#wire.peer.text, why: text });
    this.#refused(text);
    this.#how = 'broken';
  }

  #congested(isCongested: boolean): void {
    if (!isCongested) this.#watch?.resumed();
    this.#conversation?.congested(isCongested);
    for (const session of this.#sessions) session.congested(isCongested);
  }

  #lost(reason: CloseReason, wasFinishing: boolean): void {
    const { code, text } = reason;
    if (FAILURES.has(code)) {
      this.#how = 'failed';
      this.log.warn('the wire is closed', { code, why: text });
    } else if (this.#sessions.size === 0 && !wasFinishing) this.log.info('the wire is closed', { why: text });
    if (!wasFinishing) this.#conversation?.lost(reason);
  }

  #closed(fault: Error | undefined): void {
    if (fault instanceof WireFault && BROKEN.has(fault.code)) this.#how = 'broken';
    this.#isClosed = true;
    this.#watch?.close();
    this.#gone.resolve();
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (!this.#isClosed || this.#sessions.size > 0) return;
    this.#stopLimit?.cancel();
    void Promise.all([this.#pool.close(), this.#lock.close(), this.#giveBack()]).then(() =>
      this.#end.resolve(this.#hasUnknown ? 'unknown' : this.#how),
    );
  }
}

/** The peer broke the rules of the transport itself. */
const BROKEN: ReadonlySet<string> = new Set([
  'WIRE_MESSAGE_TOO_LARGE',
  'WIRE_MESSAGE_BINARY',
  'WIRE_MESSAGE_INVALID',
]);
const FAILURES: ReadonlySet<string> = new Set(['KEEPALIVE', 'WIRE_WRITE_TIMEOUT']);
