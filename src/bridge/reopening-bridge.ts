import { Backoff } from '../base/backoff.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { pause } from '../base/pause.ts';
import { type Gauges, sumGauges } from '../base/statistics.ts';
import type { ConnectionStatus, PlaceStatus, StatusSource } from '../base/status.ts';
import { AttachmentPool } from '../channel/pool.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Wire } from '../wire/wire.ts';
import { Bridge } from './bridge.ts';
import type { BridgeContext, BridgeEnd, BridgeOptions } from './bridge-options.ts';
import { tryLock } from './terminal-lock.ts';

const FIRST_RETRY_MS = 100;
const RETRY_LIMIT_MS = 5000;
/** A wire that lasted this long was a good one, whatever ended it. */
const GOOD_MS = 5000;
/** Failures in a row after which something seems to be stuck. */
const STUCK_FAILURES = 5;
/** Bridges whose wire is gone and whose transactions are still awaited; beyond it the line waits for one to end. */
const MAX_AWAITING = 64;
/** Between two looks at a wire that we have left: any time will do. */
const LEFT_MS = 3_600_000;
/** Failures with the same text are logged at the first, and then once in so many. */
const QUIET_FAILURES = 60;

export interface ReopeningOptions extends BridgeOptions {
  /** The wire's endpoint, for the log. */
  readonly place: string;
  /** Opens the wire, once. Rejects with WIRE_OPEN_FAILED when it cannot be had now; any other fault ends everything. */
  readonly openWire: (signal: AbortSignal) => Promise<Wire>;
  /**
   * Runs after every fifth failure in a row, and is waited for; within 2 s of the signal's abort it ends. Never
   * rejects.
   */
  readonly onStuck?: (failures: number, signal: AbortSignal) => Promise<void>;
  /** Runs whenever `places` has changed. */
  readonly placeChanged?: () => void;
  /** Other wires to the same peer, each with a life of its own. */
  readonly beside?: readonly ReopeningOptions[];
}

/** What one life of a wire was: `good` means that what failed before is over, `left` that we wanted its end. */
interface WireLife {
  readonly was: 'good' | 'failed' | 'refused' | 'left';
  readonly lastedMs: number;
}

/**
 * Bridges on a wire that comes and goes: opening → speaking → (wire closed) → pause → opening → … until stopped.
 *
 * Every wire gets a bridge of its own, so nothing that was pending crosses over; a transaction of an earlier wire is
 * still awaited by its own bridge. The applications stay attached throughout.
 *
 * A failure is a wire that cannot be opened, or that closes before anybody has spoken on it for a while; where the
 * dialect says how its wires come back, one that closes before the peer has let us in.
 *
 * Wires beside this one share its applications and its end.
 */
export class ReopeningBridge implements StatusSource {
  readonly #options: ReopeningOptions;
  readonly #context: BridgeContext;
  /** Undefined: it belongs to the bridge that this one is beside of. */
  readonly #ownPool: AttachmentPool | undefined;
  readonly #backoff: Backoff;
  /** Wires beside this one, by what they are for. */
  readonly #beside = new Map<string, { readonly bridge: ReopeningBridge; readonly ended: Promise<void> }>();
  readonly #bridges = new Map<Bridge, Promise<void>>();
  readonly #stopping = new AbortController();
  /** Aborts when this life of the wire, once it is over, is to be followed by the next at once. */
  #wanted = new AbortController();
  #failures = 0;
  #isOpen = false;
  #lastFailure = '';
  #hasUnknown = false;

  /** Rejects with a BridgeError when the transaction lock cannot be had. */
  static async open(options: ReopeningOptions, context: BridgeContext): Promise<ReopeningBridge> {
    await tryLock(options, context);
    return new ReopeningBridge(options, context, new AttachmentPool(context, undefined, 'everything'));
  }

  private constructor(options: ReopeningOptions, context: BridgeContext, ownPool?: AttachmentPool) {
    this.#options = {
      ...options,
      branch: (purpose, converse) => this.#branch(purpose, converse),
      reopen: () => this.#wanted.abort(),
    };
    this.#ownPool = ownPool;
    this.#context = { ...context, pool: ownPool ?? context.pool };
    const { firstMs = FIRST_RETRY_MS, limitMs = RETRY_LIMIT_MS } = options.dialect.reconnects ?? {};
    this.#backoff = new Backoff({ firstMs, limitMs, random: context.random });
  }

  /** Speaks until it is stopped. Rejects with what ends everything. Call once. */
  async run(): Promise<'ended' | 'unknown'> {
    try {
      for (const other of this.#options.beside ?? []) this.#open(other.place, other);
      while (!this.#isStopping) {
        this.#wanted = new AbortController();
        const life = await this.#speak();
        if (life.was === 'good' || life.was === 'left') this.#succeeded();
        else await this.#failed();
        if (this.#bridges.size >= MAX_AWAITING) await Promise.race(this.#bridges.values());
        await this.#rest(life);
      }
    } finally {
      for (const bridge of this.#bridges.keys()) bridge.stop();
      for (const { bridge } of this.#beside.values()) bridge.stop();
      await Promise.all([...this.#bridges.values(), ...[...this.#beside.values()].map(({ ended }) => ended)]);
      await this.#ownPool?.close();
    }
    return this.#hasUnknown ? 'unknown' : 'ended';
  }

  /** Refuses new work, finishes what is open within 5 s, opens nothing more. */
  stop(): void {
    this.#stopping.abort();
    for (const bridge of this.#bridges.keys()) bridge.stop();
    for (const { bridge } of this.#beside.values()) bridge.stop();
  }

  /** Sums over the bridges, for statistics. */
  get gauges(): Gauges {
    return sumGauges(this.#parts);
  }

  get connections(): ConnectionStatus[] {
    return this.#parts.flatMap(({ connections }) => connections);
  }

  get places(): PlaceStatus[] {
    const { place } = this.#options;
    const why = this.#lastFailure;
    const own: PlaceStatus = this.#isOpen
      ? { place, state: 'open' }
      : { place, state: 'opening', failures: this.#failures, ...(why !== '' && { why }) };
    return [own, ...[...this.#beside.values()].flatMap(({ bridge }) => bridge.places)];
  }

  get #parts(): StatusSource[] {
    return [...this.#bridges.keys(), ...[...this.#beside.values()].map(({ bridge }) => bridge)];
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Waits until the wire is to be opened again, or everything ends. */
  async #rest(life: WireLife): Promise<void> {
    const { clock } = this.#context;
    const signals = [this.#stopping.signal, this.#wanted.signal];
    if (life.was === 'left')
      while (!signals.some(({ aborted }) => aborted)) await pause(clock, LEFT_MS, ...signals);
    else await pause(clock, this.#pauseMs(life), ...signals);
  }

  /** How long to wait before the wire is opened again. */
  #pauseMs({ was, lastedMs }: WireLife): number {
    const { reconnects } = this.#options.dialect;
    if (reconnects === undefined || was === 'failed') return this.#backoff.nextMs();
    if (was === 'refused') return reconnects.refusedMs;
    // At once, but not again and again at once.
    return Math.max(0, reconnects.firstMs - lastedMs);
  }

  #branch(purpose: string, converse: Dialect['converse']): boolean {
    const { dialect, beside: _, onStuck: __, ...options } = this.#options;
    this.#open(purpose, { ...options, dialect: { ...dialect, converse } });
    return true;
  }

  /** Opens another wire beside this one, unless there is one for this already. */
  #open(purpose: string, options: ReopeningOptions): void {
    if (this.#beside.has(purpose) || this.#isStopping) return;
    const bridge = new ReopeningBridge(options, this.#context);
    const ended = bridge.run().then(
      (end) => {
        if (end === 'unknown') this.#hasUnknown = true;
      },
      (fault) => {
        this.#context.log.error('a wire beside the first is given up', {
          place: purpose,
          why: describeFault(fault),
        });
      },
    );
    this.#beside.set(purpose, { bridge, ended });
  }

  /** One life of the wire. */
  async #speak(): Promise<WireLife> {
    const wire = await this.#openWire();
    if (wire === undefined) return { was: 'failed', lastedMs: 0 };
    if (this.#isStopping) {
      wire.destroy();
      return { was: 'good', lastedMs: 0 };
    }
    const { clock, log, statistics } = this.#context;
    const bridge = await Bridge.open(wire, this.#options, this.#context).catch((fault) => {
      wire.destroy();
      throw fault;
    });
    statistics.count('wires opened');
    log.info('the line is open', { on: this.#options.place });
    const openedMs = clock.nowMs();
    const ended = bridge.run().then((end) => this.#ended(bridge, end));
    this.#bridges.set(bridge, ended);
    this.#isOpen = true;
    this.#options.placeChanged?.();
    if (this.#isStopping) bridge.stop();
    await bridge.wireClosed;
    this.#isOpen = false;
    this.#options.placeChanged?.();
    log.info('the line is closed', { on: this.#options.place });
    return { was: this.#judge(bridge, clock.nowMs() - openedMs), lastedMs: clock.nowMs() - openedMs };
  }

  #judge(bridge: Bridge, lastedMs: number): WireLife['was'] {
    const { dialect, protocol } = this.#options;
    if (dialect.reconnects !== undefined) {
      const { verdict } = bridge;
      return verdict === 'accepted' ? 'good' : verdict === 'none' ? 'failed' : verdict;
    }
    const isSynchronised = protocol.sync && bridge.hasConversed;
    return isSynchronised || lastedMs >= GOOD_MS ? 'good' : 'failed';
  }

  #ended(bridge: Bridge, end: BridgeEnd): void {
    this.#bridges.delete(bridge);
    if (end === 'unknown') this.#hasUnknown = true;
  }

  async #openWire(): Promise<Wire | undefined> {
    try {
      return await this.#options.openWire(this.#stopping.signal);
    } catch (fault) {
      if (!(fault instanceof BridgeError) || fault.code !== 'WIRE_OPEN_FAILED') throw fault;
      this.#noteFailure(describeFault(fault));
      return undefined;
    }
  }

  #noteFailure(text: string): void {
    if (this.#isStopping) return;
    const isNew = text !== this.#lastFailure;
    this.#lastFailure = text;
    const isLoud = isNew || this.#failures % QUIET_FAILURES === 0;
    if (!isLoud && this.#options.dialect.reconnects?.tellsEvery !== true) return;
    const facts = { why: text, failures: this.#failures + 1 };
    this.#context.log[isLoud ? 'warn' : 'info']('the line cannot be opened', facts);
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#lastFailure = '';
    this.#backoff.reset();
  }

  async #failed(): Promise<void> {
    this.#failures += 1;
    this.#options.placeChanged?.();
    this.#context.statistics.count('wire failures');
    if (this.#isStopping || this.#failures % STUCK_FAILURES !== 0) return;
    await this.#options.onStuck?.(this.#failures, this.#stopping.signal);
  }
}
