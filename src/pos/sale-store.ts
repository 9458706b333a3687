import { type Clock, isoTime } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { storable } from '../rpc/storable.ts';
import type { Lookup, Outcome, StoredEntry } from '../store/entry-state.ts';
import { Journal } from '../store/journal.ts';
import { type SentRecord, VERSION } from '../store/journal-record.ts';
import type { OwnedEntry } from '../store/owned-entry.ts';
import { orWithdrawn } from '../store/withdrawn.ts';
import type { Answer } from './answer.ts';
import { PosError, type SaleIdentity } from './pos-error.ts';
import { ReceiptCounter } from './receipt-counter.ts';
import { type AskedSale, ambiguous, type KnownSale, knownSale } from './sale-words.ts';
import { settlesWithin } from './wait.ts';

/** A disk that does not answer must not keep an outcome from the cashier, nor a client from closing. */
const DISK_LIMIT_MS = 5000;
/** Whose entries they are, for people who look into the store. */
const REGISTER = 'pos';

/** What is to be stored of a sale before it is sent. */
export interface SaleRecord extends SaleIdentity {
  readonly method: string;
  readonly amountMinor: number;
  readonly currency: string;
  /** Where the terminal is. */
  readonly place: string;
  /** What the caller wants to find with it, JSON text. */
  readonly memo?: string | undefined;
}

/** What a store holds that is not done. */
export interface StoreSurvey {
  /** Sales without an outcome that nobody is at, oldest first. */
  readonly unfinished: SaleIdentity[];
  /** Sales that a process is carrying out, or asking about. */
  readonly running: number;
  /** Entries of which nobody can tell any more what they were. */
  readonly unreadable: number;
  /** Whether anything is older than the store keeps. */
  readonly hasOld: boolean;
}

export interface SaleStoreOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly keepMs: number;
}

/**
 * The register's durable store: a journal with an entry for each sale, and the receipt numbers. Shared by any number
 * of processes; the owner of an unfinished entry is known by a kernel lock.
 */
export class SaleStore {
  readonly #journal: Journal;
  readonly #options: SaleStoreOptions;
  readonly #counter: ReceiptCounter;

  /** Rejects with STORE_FAILED. */
  static async open(folder: string, options: SaleStoreOptions): Promise<SaleStore> {
    try {
      return new SaleStore(await Journal.open(folder, { ...options, kind: 'sales' }), options);
    } catch (cause) {
      throw new PosError('STORE_FAILED', `the store ${folder} cannot be opened: ${causeOf(cause)}`, {
        cause,
      });
    }
  }

  private constructor(journal: Journal, options: SaleStoreOptions) {
    this.#journal = journal;
    this.#options = options;
    this.#counter = new ReceiptCounter(journal.folder, options.clock);
  }

  get folder(): string {
    return this.#journal.folder;
  }

  async close(): Promise<void> {
    await this.#within('be closed', this.#journal.close());
  }

  /** Rejects with STORE_FAILED. */
  nextReceiptId(): Promise<string> {
    return this.#guard(async () => String(await this.#counter.next()));
  }

  /**
   * Begins a sale: its entry is on the disk when this resolves. Rejects with STORE_FAILED, and leaves no trace then.
   */
  begin(record: SaleRecord): Promise<OwnedEntry | 'exists'> {
    const { method, amountMinor, currency, place, memo } = record;
    return this.#guard(async () => {
      const entry = await this.#journal.begin(idOf(record), {
        ...this.#sentRecord('sent', record),
        method,
        amount: String(amountMinor),
        currency,
        place,
        pid: process.pid,
        ...(memo !== undefined && { memo: JSON.parse(storable(memo)) as unknown }),
      });
      if (entry === 'exists' || !(await orWithdrawn(entry, this.#isAbsent(record)))) return entry;
      await this.withdraw(entry);
      return 'exists';
    });
  }

  /**
   * Stores what was found out about a sale that the store did not know. From then on a new sale is refused that has its
   * identifiers, or its receipt where it has no more than that. Rejects with STORE_FAILED.
   */
  recordUnknown(identity: SaleIdentity, answer: Answer): Promise<'recorded' | 'exists'> {
    const sent = { ...this.#sentRecord('absent', identity), method: '' };
    const id = idOf(identity);
    return this.#guard(async () => {
      const entry = await this.#journal.begin(id, sent, this.#doneRecord(answer));
      if (entry === 'exists') return 'exists';
      // Whoever begins a sale looks here after its entry is made, as it is done here: one of the two sees the other.
      const isTaken = Journal.isBare(id) && (await orWithdrawn(entry, this.#hasOthers(id)));
      await (isTaken ? this.withdraw(entry) : this.release(entry));
      return isTaken ? 'exists' : 'recorded';
    });
  }

  async #hasOthers(id: string): Promise<boolean> {
    return (await this.#journal.siblings(id)).some((other) => other !== id);
  }

  /** Whether an absence was recorded for the receipt alone, which holds for every sale with it. */
  async #isAbsent({ receiptId, sequenceId }: SaleIdentity): Promise<boolean> {
    if (sequenceId === undefined) return false;
    const lookup = await this.#journal.lookup(idOf({ receiptId, sequenceId: undefined }));
    return lookup.state === 'done' && lookup.sent.state === 'absent';
  }

  /**
   * The sale that is meant: without a sequence number the one that has none, else the only one with this receipt.
   * Rejects with OUTCOME_UNKNOWN where there are several, and with STORE_FAILED.
   */
  async find(wanted: SaleIdentity): Promise<{ readonly identity: SaleIdentity; readonly lookup: Lookup }> {
    const id = idOf(wanted);
    const lookup = await this.lookup(wanted);
    if (wanted.sequenceId !== undefined || lookup.state !== 'none') return { identity: wanted, lookup };
    const others = await this.#guard(async () => {
      const found: { identity: SaleIdentity; lookup: Lookup }[] = [];
      for (const other of await this.#journal.siblings(id)) {
        const known = await this.#journal.lookup(other);
        const identity = 'sent' in known && known.sent !== undefined ? identityOf(known.sent) : undefined;
        if (known.state !== 'none') found.push({ identity: identity ?? wanted, lookup: known });
      }
      return found;
    });
    if (others.length > 1)
      throw ambiguous(
        wanted,
        others.flatMap(({ identity }) => identity.sequenceId ?? []),
      );
    return others[0] ?? { identity: wanted, lookup };
  }

  /** Rejects with STORE_FAILED. */
  lookup(identity: SaleIdentity): Promise<Lookup> {
    return this.#guard(() => this.#journal.lookup(idOf(identity)));
  }

  /** Takes over an entry that nobody is at. Rejects with STORE_FAILED. */
  claim(identity: SaleIdentity): Promise<OwnedEntry | undefined> {
    return this.#guard(() => this.#journal.claim(idOf(identity)));
  }

  /**
   * Every sale that can be read, in no order, for a program that keeps a list of its own. Rejects with STORE_FAILED.
   */
  async *entries(): AsyncGenerator<StoredEntry> {
    const entries = this.#journal.entries();
    for (;;) {
      const next = await this.#guard(() => entries.next());
      if (next.done) return;
      yield next.value;
    }
  }

  /** Ends an entry without an outcome as a person says. Rejects with STORE_FAILED. */
  settle(identity: SaleIdentity, outcome: Outcome): Promise<'settled' | 'ended' | 'running'> {
    return this.#guard(async () => {
      const entry = await this.#journal.claim(idOf(identity));
      if (entry === undefined) return 'running';
      try {
        if (entry.lookup.state !== 'unresolved') return 'ended';
        await entry.finish(outcome);
        return 'settled';
      } finally {
        await entry.release();
      }
    });
  }

  /** Reads the whole store. Rejects with STORE_FAILED. */
  survey(): Promise<StoreSurvey> {
    return this.#guard(async () => {
      const found: { identity: SaleIdentity; time: string }[] = [];
      let hasOld = false;
      let running = 0;
      let unreadable = 0;
      for await (const entry of this.#journal.entries()) {
        const { file, sent, done, isRunning, isSetAside, fault } = entry;
        if (this.#isOld(done === undefined ? entry.changedMs : Date.parse(done.time))) hasOld = true;
        if (isRunning) running += 1;
        if (isRunning || (done !== undefined && !isSetAside)) continue;
        const identity = sent === undefined ? undefined : identityOf(sent);
        if (identity === undefined || isSetAside || fault !== undefined) {
          if (!this.#isOld(entry.changedMs)) unreadable += 1;
          this.#options.log.error('an entry of the store cannot be read', { folder: this.folder, file });
        } else if (sent !== undefined) found.push({ identity, time: sent.time });
      }
      found.sort((a, b) => (a.time < b.time ? -1 : 1));
      return { unfinished: found.map(({ identity }) => identity), running, unreadable, hasOld };
    });
  }

  /** Removes what is older than the store keeps. Never rejects. */
  async prune(): Promise<void> {
    try {
      await this.#journal.prune();
    } catch (fault) {
      this.#options.log.warn('the store cannot be pruned', { why: describeFault(fault) });
    }
  }

  /**
   * Stores an outcome, lets go of the entry, and returns the time that stands in it. Undefined when the disk refuses it
   * or takes too long: the entry is then open, and whoever recovers it finds the same outcome. Never rejects.
   */
  async finish(entry: OwnedEntry, answer: Answer): Promise<string | undefined> {
    let storedAt: string | undefined;
    const storing = async () => {
      const done = this.#doneRecord(answer);
      try {
        await entry.finish(done);
        storedAt = done.time;
      } catch (fault) {
        const why = describeFault(fault);
        this.#options.log.error('the store does not take an outcome', { folder: this.folder, why });
        await entry.release();
      }
    };
    await this.#within('take an outcome', storing());
    return storedAt;
  }

  /** Stores a result that came after "not charged" was stored and told; it counts from then on. Never rejects. */
  async contradict(identity: SaleIdentity, answer: Answer): Promise<void> {
    const storing = async () => {
      const entry = await this.#journal.claim(idOf(identity));
      if (entry === undefined) return;
      try {
        const { lookup } = entry;
        const isNotCharged = lookup.state === 'done' && lookup.done.kind === 'error';
        if (isNotCharged) await entry.contradict(this.#doneRecord(answer));
      } finally {
        await entry.release();
      }
    };
    await this.#within('take a result that came late', storing());
  }

  /** Stores the code with which the terminal has answered the sale itself, where that is no outcome. Never rejects. */
  async noteCode(entry: OwnedEntry, code: string): Promise<void> {
    await this.#within('take a code', entry.note(code));
  }

  /** Stores which terminal has the sale. Never rejects. */
  async noteTerminal(entry: OwnedEntry, serialNumber: string): Promise<void> {
    await this.#within('take the name of a terminal', entry.noteTerminal(serialNumber));
  }

  /** Lets go of an entry. Never rejects. */
  async release(entry: OwnedEntry): Promise<void> {
    await this.#within('let go of an entry', entry.release());
  }

  /** Removes the entry of a sale of which nothing was sent. Never rejects: what stays is found not to have arrived. */
  async withdraw(entry: OwnedEntry): Promise<void> {
    const withdrawing = async () => {
      try {
        await entry.withdraw();
      } catch (fault) {
        this.#options.log.warn('an entry cannot be withdrawn', { why: describeFault(fault) });
        await entry.release();
      }
    };
    await this.#within('take an entry back', withdrawing());
  }

  /** Waits for the disk, but not for ever. Never rejects. */
  async #within(what: string, work: Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    const settled = work.catch((fault: unknown) => {
      log.error(`the store does not ${what}`, { folder: this.folder, why: describeFault(fault) });
    });
    if (await settlesWithin(clock, DISK_LIMIT_MS, settled)) return;
    log.error(`the store does not ${what} in time`, { folder: this.folder });
  }

  #isOld(timeMs: number): boolean {
    return this.#options.clock.wallMs() - timeMs > this.#options.keepMs;
  }

  #sentRecord(
    state: SentRecord['state'],
    identity: SaleIdentity,
  ): Pick<SentRecord, 'state' | 'version' | 'register' | 'identity' | 'time'> {
    const { receiptId, sequenceId } = identity;
    return {
      state,
      version: VERSION,
      register: REGISTER,
      identity: { receipt_id: receiptId, ...(sequenceId !== undefined && { sequence_id: sequenceId }) },
      time: isoTime(this.#options.clock),
    };
  }

  /** For the disk: never with card data or a key of ours. */
  #doneRecord({ kind, text }: Answer): { kind: Answer['kind']; text: string; time: string } {
    const kept = storable(text);
    if (kept !== text) this.#options.log.warn('an answer has secrets; it is stored without them');
    return { kind, text: kept, time: isoTime(this.#options.clock) };
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const text = `the store ${this.folder} cannot be used: ${causeOf(cause)}`;
      throw new PosError('STORE_FAILED', text, { cause });
    }
  }
}

function identityOf({ identity }: SentRecord): SaleIdentity | undefined {
  const { receipt_id: receiptId, sequence_id: sequenceId } = identity;
  return receiptId === undefined ? undefined : { receiptId, sequenceId };
}

/** What an entry without an outcome says about its sale. */
export function openSale(
  { sent, directCode, serialNumber }: Extract<Lookup, { state: 'unresolved' }>,
  identity: SaleIdentity,
): AskedSale {
  const { place } = sent;
  const terminal = place === undefined ? undefined : { place, serialNumber };
  return { ...knownSale(sent, identity), directCode, terminal };
}

/** What an entry with an outcome says about its sale, and the outcome. */
export function storedSale({
  sent,
  done,
}: Extract<Lookup, { state: 'done' }>): [sale: KnownSale, answer: Answer, endedAt: string] {
  const identity = identityOf(sent) ?? { receiptId: '', sequenceId: undefined };
  return [knownSale(sent, identity), { kind: done.kind, text: done.text }, done.time];
}

function idOf({ receiptId, sequenceId }: SaleIdentity): string {
  return Journal.idOf(REGISTER, receiptId, sequenceId);
}

/** The operating system's word, not ours about options of another command. */
function causeOf(fault: unknown): string {
  return describeFault(fault instanceof Error && fault.cause !== undefined ? fault.cause : fault);
}
