import path from 'node:path';
import { type Identifiers, identifiersOf, type TransactionKey } from '../application/identifiers.ts';
import { type Clock, isoTime } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { loadFileLocks } from '../base/file-lock.ts';
import type { OpenFile } from '../base/files.ts';
import type { Logger } from '../base/log.ts';
import { pause } from '../base/pause.ts';
import { storable } from '../rpc/storable.ts';
import { isDamaged } from '../store/entry-state.ts';
import { Journal } from '../store/journal.ts';
import { type DoneRecord, type SentRecord, VERSION } from '../store/journal-record.ts';
import { openLockFile } from '../store/lock-file.ts';
import type { OwnedEntry } from '../store/owned-entry.ts';
import { type Answer, errorAnswer } from './answer.ts';
import { Ended } from './cardholder.ts';
import type { Known } from './known.ts';
import { readPeriod, writeClosed } from './period-file.ts';
import type { Purchase } from './purchase.ts';
import { ReceiptIndex } from './receipt-index.ts';
import { originalOf } from './reversal.ts';
import { DEFAULT_LANGUAGE, type Texts } from './texts.ts';
import type { Totals } from './totals.ts';
import type { OpenRecord, TransactionStore } from './transaction-store.ts';

/** How long identifiers stay used up. */
const KEEP_MS = 365 * 86_400_000;
const LOCK_FILE = 'terminal.lock';
/** Whose entries they are: a bridge that keeps its journal in the same folder, against advice, has others. */
const REGISTER = 'terminal';

export interface JournalStoreOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly texts: Texts;
}

/** Somebody who only looks at an entry has its lock for a moment. */
const CLAIM_WAITS_MS: readonly number[] = [2, 5, 10, 20, 50, 100, 200, 500];

/**
 * Remembers in a folder, which belongs to one terminal at a time. An entry without outcome that nobody is at was cut
 * off before it was decided, by the death of its terminal or a fault (the outcome is on the disk before anybody hears
 * of it): it becomes TRANSACTION_INTERRUPTED, once and for ever. So does one whose last record is found torn at the
 * start, for it was not yet answered. Which identifiers are used is kept in memory as well, read at the start.
 */
export class JournalStore implements TransactionStore {
  readonly #journal: Journal;
  readonly #lock: OpenFile;
  readonly #options: JournalStoreOptions;
  readonly totals: Totals;
  readonly #index = new ReceiptIndex();
  readonly #running = new Set<TransactionKey>();
  readonly #reversed = new Set<TransactionKey>();
  #approvals = 0;
  /** A record could not be read: whose receipt it was nobody knows. */
  #isDamaged = false;

  /** Rejects with STATE_OPEN_FAILED, also when another terminal has the folder. */
  static async open(folder: string, options: JournalStoreOptions): Promise<JournalStore> {
    const { clock, log } = options;
    let journal: Journal | undefined;
    let lock: OpenFile | undefined;
    try {
      journal = await Journal.open(folder, { clock, log, keepMs: KEEP_MS, kind: 'terminal' });
      lock = await openLockFile(path.join(folder, LOCK_FILE));
      if (!loadFileLocks().tryLock(lock.fd, 0, 'exclusive')) throw new Error('another terminal is using it');
      const store = new JournalStore(journal, lock, await readPeriod(folder), options);
      await store.#recover();
      return store;
    } catch (cause) {
      await lock?.close();
      await journal?.close();
      const why = cause instanceof BridgeError ? describeFault(cause.cause) : describeFault(cause);
      const text = `the terminal's state cannot be kept in ${folder}: ${why}; give another folder with --state`;
      throw new BridgeError('STATE_OPEN_FAILED', text, { cause });
    }
  }

  private constructor(journal: Journal, lock: OpenFile, totals: Totals, options: JournalStoreOptions) {
    this.#journal = journal;
    this.#lock = lock;
    this.totals = totals;
    this.#options = options;
  }

  get approvals(): number {
    return this.#approvals;
  }

  async find(identifiers: Identifiers): Promise<Known> {
    const found = this.#index.find(identifiers);
    if (found === 'several' || found === 'absent') return { state: found };
    const key = found === 'none' ? identifiers.key : found;
    if (this.#running.has(key)) return { state: 'running' };
    const known = await this.#look(key);
    if (known.state !== 'none') return known;
    if (found !== 'none') this.#index.release(identifiersIn(found)); // too old: the journal has forgotten it
    const mayBeLost = this.#isDamaged && identifiers.sequenceId === undefined;
    return mayBeLost ? { state: 'lost' } : known;
  }

  async begin(purchase: Purchase): Promise<OpenRecord | 'known'> {
    const { key, method } = purchase;
    const original = purchase.original && originalOf(await this.find(purchase.original), purchase);
    const undone = typeof original === 'object' ? original.key : undefined;
    if (!this.#index.claim(purchase, 'sale')) return 'known';
    this.#running.add(key);
    const entry = await this.#begin(purchase, undone).catch((fault) => {
      this.#running.delete(key);
      this.#index.release(purchase);
      throw fault;
    });
    if (entry === 'known') {
      this.#running.delete(key);
      return 'known';
    }
    return {
      original,
      finish: async (answer) => {
        await this.#finish(entry, answer);
        this.#running.delete(key);
        this.#count(method, undone, answer);
      },
      release: async () => {
        this.#running.delete(key);
        await entry.release();
      },
    };
  }

  async markAbsent(identifiers: Identifiers): Promise<boolean> {
    if (!this.#index.claim(identifiers, 'absent')) return this.#index.find(identifiers) === 'absent';
    const { kind, text } = errorAnswer('TRANSACTION_NOT_FOUND', 'no such transaction');
    const done = { kind, text: text.toString(), time: isoTime(this.#options.clock) };
    try {
      const record = this.#recordOf('absent', identifiers);
      const entry = await this.#journal.begin(idOf(identifiers.key), record, done);
      if (entry !== 'exists') {
        await entry.release();
        return true;
      }
    } catch (fault) {
      this.#index.release(identifiers);
      throw fault;
    }
    this.#index.release(identifiers);
    return false;
  }

  async closePeriod(): Promise<void> {
    const { period, lines: totals } = this.totals;
    await writeClosed(this.#journal.folder, { period, totals });
    this.totals.close();
  }

  async close(): Promise<void> {
    await this.#journal.close();
    await this.#lock.close();
  }

  async #begin(purchase: Purchase, reverses: TransactionKey | undefined): Promise<OwnedEntry | 'known'> {
    const id = idOf(purchase.key);
    // A record that was damaged keeps its identifiers used up.
    if ((await this.#journal.lookup(id)).state !== 'none') return 'known';
    const record: TerminalRecord = {
      ...this.#recordOf('sent', purchase),
      method: purchase.method,
      amount: String(purchase.amountMinor),
      currency: purchase.currency,
      language: purchase.language,
      period: this.totals.period,
      ...(reverses !== undefined && { reverses }),
    };
    const entry = await this.#journal.begin(id, record);
    return entry === 'exists' ? 'known' : entry;
  }

  async #look(key: TransactionKey): Promise<Known> {
    const id = idOf(key);
    let found = await this.#journal.lookup(id);
    if (found.state === 'unresolved' && !found.isDoubtful) {
      if (!(await this.#interrupt(id))) return { state: 'running' };
      found = await this.#journal.lookup(id);
    }
    if (found.state === 'unresolved' || found.state === 'lost') {
      this.#isDamaged = true;
      return { state: 'lost' };
    }
    if (found.state !== 'done') return { state: found.state };
    const { sent, done } = found;
    if (sent.state === 'absent') return { state: 'absent' };
    const answer = { kind: done.kind, text: Buffer.from(done.text) };
    return { state: 'done', answer, key, method: sent.method, isReversed: this.#reversed.has(key) };
  }

  async #recover(): Promise<void> {
    await this.#journal.prune();
    for await (const stored of this.#journal.entries()) {
      if (isDamaged(stored)) this.#isDamaged = true;
      const { id, file, isSetAside, sent, done } = stored;
      if (isSetAside || sent?.register !== REGISTER) continue;
      const { identity, method, period, reverses }: TerminalRecord = sent;
      const { receipt_id: receiptId = '', sequence_id: sequenceId } = identity;
      this.#index.claim(identifiersOf(receiptId, sequenceId), sent.state === 'absent' ? 'absent' : 'sale');
      if (done?.kind === 'result') this.#approvals += 1;
      if (done !== undefined) this.#count(method, reverses, done, period === this.totals.period);
      else if (!(await this.#interruptSoon(id))) {
        throw new Error(`another program does not let go of its transaction ${file}`);
      }
    }
  }

  /** An approved transaction is on record. */
  #count(
    method: string,
    reverses: TransactionKey | undefined,
    answer: Pick<DoneRecord, 'kind'> & { readonly text: Buffer | string },
    isOfPeriod = true,
  ): void {
    if (answer.kind === 'result' && reverses !== undefined) this.#reversed.add(reverses);
    if (isOfPeriod) this.totals.add(method, answer);
  }

  async #interruptSoon(id: string): Promise<boolean> {
    for (const waitMs of CLAIM_WAITS_MS) {
      if (await this.#interrupt(id)) return true;
      await pause(this.#options.clock, waitMs);
    }
    return this.#interrupt(id);
  }

  /** Ends what was cut off, if nobody has done so meanwhile; false while somebody else has its lock. */
  async #interrupt(id: string): Promise<boolean> {
    const entry = await this.#journal.claim(id);
    if (entry === undefined) return !(await this.#journal.hasEntry(id));
    try {
      if (entry.lookup.state !== 'unresolved') return true;
      const { sent } = entry.lookup;
      const { message, display } = new Ended('TRANSACTION_INTERRUPTED');
      const language = (sent as TerminalRecord).language ?? DEFAULT_LANGUAGE;
      const text = this.#options.texts.say(language, display);
      await this.#finish(entry, errorAnswer('TRANSACTION_INTERRUPTED', message, text));
      this.#options.log.warn('a transaction was interrupted; it is not charged', { identity: sent.identity });
      return true;
    } finally {
      await entry.release();
    }
  }

  async #finish(entry: OwnedEntry, { kind, text }: Answer): Promise<void> {
    await entry.finish({ kind, text: storable(text.toString()), time: isoTime(this.#options.clock) });
  }

  #recordOf(state: 'sent' | 'absent', { receiptId, sequenceId }: Identifiers): TerminalRecord {
    return {
      state,
      version: VERSION,
      register: REGISTER,
      identity: { receipt_id: receiptId, ...(sequenceId !== undefined && { sequence_id: sequenceId }) },
      method: '',
      time: isoTime(this.#options.clock),
    };
  }
}

/** What the terminal adds to a record of the journal. */
interface TerminalRecord extends SentRecord {
  readonly language?: string;
  /** Of the totals. */
  readonly period?: number;
  /** What a Reversal undoes. */
  readonly reverses?: TransactionKey;
}

function idOf(key: TransactionKey): string {
  return Journal.idOf(REGISTER, key);
}

function identifiersIn(key: TransactionKey): Identifiers {
  const [receiptId, sequenceId] = JSON.parse(key) as [string, string | null];
  return identifiersOf(receiptId, sequenceId ?? undefined);
}
