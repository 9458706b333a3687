import type { Clock } from '../base/clock.ts';
import { type CloseReason, LINE_ECHOES } from '../base/close-reason.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { pause } from '../base/pause.ts';
import type { InboundNotification, InboundRequest } from '../dialect/dialect.ts';
import type { TlsFiles } from '../wire/tls.ts';
import type { Wire } from '../wire/wire.ts';
import { Callbacks } from './callbacks.ts';
import { TerminalConnection, type TerminalConnectionOptions } from './terminal-connection.ts';
import { sharedController } from './wait.ts';

/** The end of a connection, or of an attempt to have one. */
export interface Disconnection {
  readonly reason: CloseReason;
  /** Consecutive failures, this one included; 0 after a connection that worked. */
  readonly failures: number;
  /** When it is tried again. */
  readonly retryMs: number;
}

export interface KeeperOptions extends TerminalConnectionOptions {
  /** Opens a wire, once. */
  readonly openWire: (signal: AbortSignal) => Promise<Wire>;
  /** Of ours, where a terminal reaches us by itself. */
  readonly tls?: TlsFiles | undefined;
  /** An attempt begins. */
  connecting(): void;
  connected(connection: TerminalConnection): void;
  /** Not for the end that `close` makes. */
  disconnected(disconnection: Disconnection): void;
  request(request: InboundRequest): void;
  notification(notification: InboundNotification): void;
}

export type KeeperState = 'idle' | 'connecting' | 'connected' | 'waiting' | 'closed';

/**
 * Keeps a connection to the terminal:
 *
 *   idle ──first use──▶ connecting ──▶ connected ──lost──▶ waiting ──the dialect's delay──▶ connecting …
 *                           └────────failed───────────────────▲
 *
 * and from anywhere to closed, for good. One wire at a time. A failure is a wire that cannot be opened or
 * spoken on, or one on which nothing was ever heard but an echo.
 */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #closing = sharedController();
  readonly #waiters = new Set<Deferred<TerminalConnection | undefined>>();
  #state: KeeperState = 'idle';
  #failures = 0;
  #connection: TerminalConnection | undefined;
  #hurry = new AbortController();
  #running: Promise<void> | undefined;
  #lastFailure: CloseReason | undefined;
  readonly #callbacks: Callbacks | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#log = options.log;
    const { callbacks } = options.dialect;
    this.#callbacks = callbacks && new Callbacks(callbacks, options);
  }

  get state(): KeeperState {
    return this.#state;
  }

  /** Consecutive failures. */
  get failures(): number {
    return this.#failures;
  }

  /** Why there is no connection to `to`, for people. */
  whyNot(to: string, waitedMs: number): string {
    const { text = 'it does not answer' } = this.#lastFailure ?? {};
    const place = `cannot connect to ${to}: `;
    const why = text.startsWith(place) ? text.slice(place.length) : text;
    return `no connection to ${to} within ${waitedMs / 1000} s: ${why}; nothing was sent`;
  }

  /** Aborts when the keeper is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** The connection, if it can be spoken on now. */
  get current(): TerminalConnection | undefined {
    return this.#connection?.isSpeaking ? this.#connection : undefined;
  }

  /** Somebody wants to work now: begins to connect, and cuts a wait before the next attempt short. */
  wake(): void {
    if (this.#state === 'closed') return;
    this.#running ??= this.#run();
    if (this.#state === 'waiting') this.#hurry.abort();
  }

  /** The next connection that can be spoken on; undefined when `signal` aborts first or the keeper is closed. */
  async speaking(signal: AbortSignal): Promise<TerminalConnection | undefined> {
    if (this.#state !== 'closed') this.#running ??= this.#run();
    if (signal.aborted || this.#closing.signal.aborted) return undefined;
    if (this.current !== undefined) return this.current;
    const waiter = deferred<TerminalConnection | undefined>();
    const giveUp = () => waiter.resolve(undefined);
    this.#waiters.add(waiter);
    signal.addEventListener('abort', giveUp);
    this.#closing.signal.addEventListener('abort', giveUp);
    try {
      return await waiter.promise;
    } finally {
      this.#waiters.delete(waiter);
      signal.removeEventListener('abort', giveUp);
      this.#closing.signal.removeEventListener('abort', giveUp);
    }
  }

  /** Says goodbye; resolves when the wire is gone. Safe to repeat. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#closing.abort();
    this.#connection?.close({ code: 'CONNECTION_CLOSED', text: 'the register is closing', by: 'us' });
    await this.#running;
    await this.#callbacks?.close();
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      this.#state = 'connecting';
      this.#options.connecting();
      this.#hurry = new AbortController();
      const wire = await this.#open().catch((fault: unknown) => {
        if (!this.#closing.signal.aborted) this.#failed(fault);
        return undefined;
      });
      if (this.#closing.signal.aborted) {
        wire?.destroy();
        break;
      }
      if (wire !== undefined) await this.#converse(wire);
      if (this.#closing.signal.aborted) break;
      this.#state = 'waiting';
      await this.#waitForRetry();
    }
  }

  /** An opener that throws is one that rejects. */
  async #open(): Promise<Wire> {
    await this.#callbacks?.open();
    return this.#options.openWire(this.#closing.signal);
  }

  #failed(fault: unknown): void {
    this.#failures += 1;
    this.#disconnected({ code: 'NOT_CONNECTED', text: describeFault(fault), by: 'wire' });
  }

  /** Resolves when the wire is gone. */
  #converse(wire: Wire): Promise<void> {
    const gone = deferred<void>();
    let hasHeard = false;
    let failuresBefore = this.#failures;
    const connection = new TerminalConnection(wire, this.#options, {
      ready: () => {
        this.#state = 'connected';
        this.#options.connected(connection);
        for (const waiter of [...this.#waiters]) waiter.resolve(connection);
      },
      heard: () => {
        if (hasHeard) return;
        hasHeard = true;
        failuresBefore = this.#failures;
        this.#failures = 0;
        this.#lastFailure = undefined;
      },
      request: (request) => this.#options.request(request),
      notification: (notification) => this.#options.notification(notification),
      ended: (reason) => {
        this.#connection = undefined;
        // Whoever hears an echo has heard nobody.
        if (reason.code === LINE_ECHOES) this.#failures = failuresBefore + 1;
        else if (!hasHeard) this.#failures += 1;
        if (this.#state !== 'closed') this.#state = 'waiting';
        this.#disconnected(reason);
      },
      closed: () => gone.resolve(),
    });
    this.#connection = connection;
    connection.begin();
    return gone.promise;
  }

  #disconnected(reason: CloseReason): void {
    if (this.#failures > 0) this.#lastFailure = reason;
    const isOver = this.#closing.signal.aborted;
    const retryMs = this.#retryMs;
    const { code, text, by } = reason;
    const failures = this.#failures;
    // A terminal that stays away is news once.
    this.#log[failures > 1 ? 'debug' : 'info']('disconnected', {
      code,
      why: text,
      by,
      failures,
      ...(!isOver && { retryMs }),
    });
    if (!isOver) this.#options.disconnected({ reason, failures, retryMs });
  }

  get #retryMs(): number {
    return this.#options.dialect.retryMs(this.#failures);
  }

  async #waitForRetry(): Promise<void> {
    await pause(this.#clock, this.#retryMs, this.#hurry.signal, this.#closing.signal);
  }
}
