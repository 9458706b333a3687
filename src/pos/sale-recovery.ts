import { pause } from '../base/pause.ts';
import type { OwnedEntry } from '../store/owned-entry.ts';
import type { Search } from './inquiry.ts';
import { PosError, type SaleIdentity } from './pos-error.ts';
import type { RecoveredSale, RecoverySummary, SaleOutcome } from './sale.ts';
import type { SaleDesk } from './sale-desk.ts';
import { openSale, type SaleStore, storedSale } from './sale-store.ts';
import { named, running, saleOutcome, storedOutcome } from './sale-words.ts';
import type { Working } from './wait.ts';

/** Who only looks at an entry holds it for a moment, too. */
const CLAIM_RETRIES = 3;
const CLAIM_RETRY_MS = 20;
/** Sales that are recovered at the same time. */
const MAX_RECOVERING = 8;

/** What recovering one sale gives: nothing to tell where somebody else is at it, or has ended it. */
type Recovered = RecoveredSale | 'busy' | 'ended';

/** Finds out about earlier sales: from the store, else from the terminal. */
export class SaleRecovery {
  readonly #desk: SaleDesk;

  constructor(desk: SaleDesk) {
    this.#desk = desk;
  }

  /** How one sale ended. Rejects with TRANSACTION_ACTIVE while somebody else is at it. */
  async check(identity: SaleIdentity, userSignal: AbortSignal | undefined): Promise<SaleOutcome> {
    const limit = this.#desk.limit(userSignal);
    try {
      const search = { limit, userSignal };
      const known = await this.#lookUp(identity, search);
      if (typeof known !== 'string') return known;
      const { sale, isTaken } = await this.#checkUnrecorded(identity, {
        ...search,
        isDoubtful: known === 'lost',
      });
      if (!isTaken) return sale;
      const again = await this.#lookUp(identity, search);
      return typeof again === 'string' ? sale : again;
    } finally {
      limit.stop();
    }
  }

  /**
   * What the store can tell about a sale, with the terminal's help where its entry is open; `lost`: it cannot be read.
   */
  async #lookUp(wanted: SaleIdentity, search: Search): Promise<SaleOutcome | 'none' | 'lost'> {
    const { store, keeper } = this.#desk.options;
    if (store === undefined) {
      keeper.wake();
      return 'none';
    }
    const { identity, lookup } = await store.find(wanted);
    if (lookup.state === 'done') return storedOutcome(...storedSale(lookup));
    if (lookup.state === 'running') throw running(identity);
    keeper.wake();
    if (lookup.state !== 'unresolved') return lookup.state;
    const entry = await store.claim(identity);
    if (entry === undefined) throw running(identity);
    return this.#resolve(store, entry, identity, search);
  }

  /**
   * Brings every unfinished sale of the store to its end, several at a time; those of living processes are theirs.
   * `working` keeps what is under way, should nobody ask for more of it.
   */
  async *recover(
    store: SaleStore,
    userSignal: AbortSignal | undefined,
    working: Working,
  ): AsyncGenerator<RecoveredSale, RecoverySummary, undefined> {
    const { unfinished: left, hasOld, running: others, unreadable } = await store.survey();
    let busy = others;
    if (left.length > 0) this.#desk.options.keeper.wake();
    const underWay = new Map<SaleIdentity, Promise<{ identity: SaleIdentity; sale: Recovered }>>();
    const over = new AbortController();
    const limit = this.#desk.limit(userSignal, over.signal);
    try {
      for (;;) {
        while (underWay.size < MAX_RECOVERING) {
          const identity = left.shift();
          if (identity === undefined) break;
          const work = this.#recoverOne(store, identity, { limit, userSignal });
          underWay.set(identity, working.keep(work.then((sale) => ({ identity, sale }))));
        }
        if (underWay.size === 0) break;
        const { identity, sale } = await Promise.race(underWay.values());
        underWay.delete(identity);
        if (sale === 'busy') busy += 1;
        else if (sale !== 'ended') yield sale;
      }
      if (hasOld) await store.prune();
      return { busy, unreadable };
    } finally {
      over.abort();
      limit.stop();
      await Promise.allSettled(underWay.values());
    }
  }

  async #recoverOne(store: SaleStore, identity: SaleIdentity, search: Search): Promise<Recovered> {
    let entry = await store.claim(identity);
    for (let retry = 0; entry === undefined && retry < CLAIM_RETRIES; retry += 1) {
      await pause(this.#desk.options.clock, CLAIM_RETRY_MS, search.limit.signal);
      entry = await store.claim(identity);
    }
    if (entry === undefined) {
      const { state } = await store.lookup(identity);
      return state === 'none' || state === 'done' ? 'ended' : 'busy';
    }
    if (entry.lookup.state !== 'unresolved') {
      await store.release(entry);
      return 'ended';
    }
    const { receiptId, sequenceId, method, amountMinor, currency } = openSale(entry.lookup, identity);
    try {
      return await this.#resolve(store, entry, identity, search);
    } catch (fault) {
      if (!(fault instanceof PosError)) throw fault;
      return { receiptId, sequenceId, method, amountMinor, currency, outcome: 'unknown', error: fault };
    }
  }

  /** Asks about an entry that this process has taken over, and lets go of it. */
  async #resolve(
    store: SaleStore,
    entry: OwnedEntry,
    identity: SaleIdentity,
    search: Search,
  ): Promise<SaleOutcome> {
    const { lookup } = entry;
    if (lookup.state === 'unresolved') {
      const sale = openSale(lookup, identity);
      const { isDoubtful } = lookup;
      return this.#desk.end(store, entry, sale, this.#desk.ask(sale, { ...search, isDoubtful }));
    }
    await store.release(entry);
    if (lookup.state === 'done') return storedOutcome(...storedSale(lookup));
    throw new PosError('STORE_FAILED', `the entry of ${named(identity)} cannot be read`, { sale: identity });
  }

  /**
   * A sale that the store does not know, or that cannot be read any more. `isTaken`: meanwhile somebody has begun it,
   * so the store knows better.
   */
  async #checkUnrecorded(
    identity: SaleIdentity,
    search: Search,
  ): Promise<{ readonly sale: SaleOutcome; readonly isTaken: boolean }> {
    const sale = { ...identity, method: '', amountMinor: undefined, currency: undefined };
    const verdict = await this.#desk.ask(sale, search);
    const { store, log } = this.#desk.options;
    let recorded: 'recorded' | 'exists' | undefined;
    try {
      recorded = await store?.recordUnknown(identity, verdict.answer);
    } catch (fault) {
      if (!(fault instanceof PosError)) throw fault;
      log.error('the store does not take an outcome', { why: fault.text });
    }
    if (recorded !== 'exists') this.#desk.tell(sale, 'decided');
    return { sale: saleOutcome(sale, verdict, recorded === 'recorded'), isTaken: recorded === 'exists' };
  }
}
