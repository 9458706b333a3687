import type { Clock, Timer } from '../../../base/clock.ts';
import { centsOf, type Fuel, type SaleAmounts, saleOf, volumeFor } from './fuel.ts';

/** Cleared transactions that are remembered; the oldest make room. */
const MAX_CLEARED = 10_000;
/** What a customer takes: 45.50 l of the first fuel; after a release 30.00 l of the last one that is allowed. */
const POST_PAY_CL = 4550;
const PRE_AUTH_CL = 3000;
/** With less credit a customer goes away; with less than this one only waits. */
const WORTH_FUELLING_CENTS = 100n;
const WORTH_BEGINNING_CENTS = 200n;

export type PumpStatus = 'free' | 'in-use' | 'ready-to-pay' | 'locked' | 'out-of-order';

export interface PumpSetup {
  readonly pump: number;
  /** Idle ones are free, or locked until the platform unlocks them. */
  readonly kind: 'post-pay' | 'pre-auth' | 'broken';
}

export interface StationTransaction extends SaleAmounts {
  readonly pump: number;
  readonly siteTransactionId: string;
  readonly status: 'open';
  readonly productId: string;
  readonly currency: string;
  readonly unit: string;
}

/** What is wrong with a request, as OpenFSC numbers it. */
export class Refusal extends Error {
  readonly fscCode: number;

  constructor(fscCode: number, text: string) {
    super(text);
    this.fscCode = fscCode;
  }
}

export interface ForecourtEvents {
  pump(pump: number, status: PumpStatus): void;
  transaction(transaction: StationTransaction): void;
  /**
   * A customer whose pump was unlocked has left without fuelling: the platform is to be told, then `left` is called.
   */
  left(pump: number, fscTransactionId: string): void;
}

export interface ForecourtOptions {
  readonly clock: Clock;
  readonly pumps: readonly PumpSetup[];
  readonly fuels: readonly Fuel[];
  readonly currency: string;
  /** What a customer takes for each step. */
  readonly paceMs: number;
  /** A new id of a transaction that is paid afterwards. */
  readonly newId: () => string;
  readonly events: ForecourtEvents;
}

interface Release {
  readonly fscTransactionId: string;
  /** Whether fuel flows, or has flowed. */
  hasBegun: boolean;
  timer: Timer | undefined;
}

interface Pump extends PumpSetup {
  status: PumpStatus;
  /** For whom a pre-auth pump is or was unlocked last. */
  release: Release | undefined;
}

/**
 * The pumps of a simulated station and what was sold at them.
 *
 *   post-pay   free → in-use → ready-to-pay ──cleared──▶ free
 *   pre-auth   locked ──unlocked──▶ free → in-use → locked, and a transaction; or free ──left, locked again──▶ locked
 */
export class Forecourt {
  readonly #options: ForecourtOptions;
  readonly #pumps: ReadonlyMap<number, Pump>;
  readonly #open = new Map<string, StationTransaction>();
  /** By siteTransactionId: pump, and for which platform transaction it was cleared. */
  readonly #cleared = new Map<string, { readonly pump: number; readonly fscTransactionId: string }>();
  readonly #timers = new Set<Timer>();

  constructor(options: ForecourtOptions) {
    this.#options = options;
    const status = { 'post-pay': 'free', 'pre-auth': 'locked', broken: 'out-of-order' } as const;
    this.#pumps = new Map(
      options.pumps.map((setup) => [
        setup.pump,
        { ...setup, status: status[setup.kind], release: undefined },
      ]),
    );
  }

  get pumps(): readonly { readonly pump: number; readonly status: PumpStatus }[] {
    return [...this.#pumps.values()].map(({ pump, status }) => ({ pump, status }));
  }

  /** Throws a Refusal for a pump that is not there. */
  statusOf(pump: number): PumpStatus {
    return this.#pump(pump).status;
  }

  /** Of one pump, or all. */
  transactions(pump: number | undefined): readonly StationTransaction[] {
    if (pump !== undefined) this.#pump(pump);
    return [...this.#open.values()].filter((one) => pump === undefined || one.pump === pump);
  }

  /** A customer drives up to a free post-pay pump and fuels; nothing happens when there is none. */
  arrive(): void {
    const pump = [...this.#pumps.values()].find(
      ({ kind, status }) => kind === 'post-pay' && status === 'free',
    );
    const [fuel] = this.#options.fuels;
    if (pump === undefined || fuel === undefined) return;
    this.#later(() => {
      if (pump.status !== 'free') return;
      this.#set(pump, 'in-use');
      this.#later(() => {
        this.#set(pump, 'ready-to-pay');
        this.#sell(pump, fuel, POST_PAY_CL, this.#options.newId());
      });
    });
  }

  /** UNLOCKPUMP. Throws a Refusal. */
  unlock(order: {
    readonly pump: number;
    readonly currency: string;
    readonly credit: string;
    readonly fscTransactionId: string;
    readonly productIds: readonly string[];
  }): void {
    const { currency, fuels } = this.#options;
    const pump = this.#pump(order.pump);
    const unknown = order.productIds.some((id) => !fuels.some(({ productId }) => productId === id));
    if (unknown) throw new Refusal(404, 'Product unknown');
    if (order.currency !== currency) throw new Refusal(422, 'Currency unknown');
    const isSame = pump.release?.fscTransactionId === order.fscTransactionId;
    // The answer was lost: once more is no harm.
    if (isSame && pump.release !== undefined) return;
    const isOver = this.#cleared.has(order.fscTransactionId);
    if (pump.kind !== 'pre-auth' || pump.status !== 'locked' || pump.release !== undefined || isOver) {
      throw new Refusal(412, 'The pump cannot be unlocked now');
    }
    const release: Release = { fscTransactionId: order.fscTransactionId, hasBegun: false, timer: undefined };
    pump.release = release;
    this.#set(pump, 'free');
    const allowed = fuels.filter(
      ({ productId }) => order.productIds.length === 0 || order.productIds.includes(productId),
    );
    const cents = centsOf(order.credit);
    if (cents >= WORTH_BEGINNING_CENTS) {
      const fuel = allowed.at(-1);
      if (fuel !== undefined)
        release.timer = this.#later(() => this.#fuel(pump, release, fuel, order.credit));
    } else if (cents < WORTH_FUELLING_CENTS) {
      release.timer = this.#later(() => this.#options.events.left(pump.pump, release.fscTransactionId));
    }
  }

  /** LOCKPUMP. Throws a Refusal. */
  lock(number: number): void {
    const pump = this.#pump(number);
    if (pump.release?.hasBegun || pump.status === 'in-use' || pump.status === 'ready-to-pay') {
      throw new Refusal(402, 'Fuel flows, or was not paid yet');
    }
    if (pump.kind !== 'pre-auth' || pump.status === 'locked') throw new Refusal(423, 'Already locked');
    this.#lock(pump);
  }

  /** The platform knows that the customer has left. */
  left(number: number, fscTransactionId: string): void {
    const pump = this.#pumps.get(number);
    if (pump?.release?.fscTransactionId === fscTransactionId && !pump.release.hasBegun) this.#lock(pump);
  }

  /** CLEAR. Throws a Refusal; 410 when it was cleared for the same transaction of the platform. */
  clear(number: number, siteTransactionId: string, fscTransactionId: string): void {
    const pump = this.#pump(number);
    const cleared = this.#cleared.get(siteTransactionId);
    if (cleared?.pump === number) {
      if (cleared.fscTransactionId === fscTransactionId.toLowerCase())
        throw new Refusal(410, 'already cleared');
      throw new Refusal(403, 'paid otherwise');
    }
    if (this.#open.get(siteTransactionId)?.pump !== number) throw new Refusal(404, 'Transaction unknown');
    this.#open.delete(siteTransactionId);
    this.#cleared.set(siteTransactionId, {
      pump: number,
      fscTransactionId: fscTransactionId.toLowerCase(),
    });
    const [oldest] = this.#cleared.keys();
    if (this.#cleared.size > MAX_CLEARED && oldest !== undefined) this.#cleared.delete(oldest);
    pump.release = undefined;
    this.#set(pump, pump.kind === 'pre-auth' ? 'locked' : 'free');
  }

  /** Nothing happens any more. */
  close(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #fuel(pump: Pump, release: Release, fuel: Fuel, credit: string): void {
    release.hasBegun = true;
    this.#set(pump, 'in-use');
    this.#later(() => {
      this.#set(pump, 'locked');
      this.#sell(pump, fuel, volumeFor(fuel, credit, PRE_AUTH_CL), release.fscTransactionId);
    });
  }

  #sell(pump: Pump, fuel: Fuel, volumeCl: number, siteTransactionId: string): void {
    const transaction: StationTransaction = {
      pump: pump.pump,
      siteTransactionId,
      status: 'open',
      productId: fuel.productId,
      currency: this.#options.currency,
      unit: 'LTR',
      ...saleOf(fuel, volumeCl),
    };
    this.#open.set(siteTransactionId, transaction);
    this.#options.events.transaction(transaction);
  }

  #lock(pump: Pump): void {
    pump.release?.timer?.cancel();
    pump.release = undefined;
    this.#set(pump, 'locked');
  }

  #set(pump: Pump, status: PumpStatus): void {
    pump.status = status;
    this.#options.events.pump(pump.pump, status);
  }

  #pump(number: number): Pump {
    const pump = this.#pumps.get(number);
    if (pump === undefined) throw new Refusal(404, 'Pump unknown');
    return pump;
  }

  #later(run: () => void): Timer {
    const timer = this.#options.clock.after(this.#options.paceMs, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
    return timer;
  }
}
