import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, isoTime } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { loadFileLocks } from '../base/file-lock.ts';
import type { Logger } from '../base/log.ts';
import { Journal, type OwnedEntry } from '../store/journal.ts';
import type { SentRecord } from '../store/journal-record.ts';
import { openLockFile } from '../store/lock-file.ts';
import { type Answer, errorAnswer } from './answer.ts';
import { Ended } from './cardholder.ts';
import type { Identifiers, Purchase } from './purchase.ts';
import type { Texts } from './texts.ts';
import type { Known, OpenRecord, TransactionStore } from './transaction-store.ts';

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
 * Remembers in a folder, which belongs to one terminal at a time. An entry without outcome that nobody is at was cut off before
 * it was decided, by the death of its terminal or a fault (the outcome is on the disk before anybody hears of it): it becomes
 * TRANSACTION_INTERRUPTED, once and for ever. So does one whose last record is found torn at the start, for it was not yet answered.
 */
export class JournalStore implements TransactionStore {
  readonly #journal: Journal;
  readonly #lock: FileHandle;
  readonly #options: JournalStoreOptions;
  #approvals = 0;

  /** Rejects with STATE_OPEN_FAILED, also when another terminal has the folder. */
  static async open(folder: string, options: JournalStoreOptions): Promise<JournalStore> {
    const { clock, log } = options;
    let journal: Journal | undefined;
    let lock: FileHandle | undefined;
    try {
      journal = await Journal.open(folder, { clock, log, keepMs: KEEP_MS });
      lock = await openLockFile(path.join(folder, LOCK_FILE));
      if (!loadFileLocks().tryLock(lock.fd, 0, 'exclusive')) throw new Error('another terminal is using it');
      const store = new JournalStore(journal, lock, options);
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

  private constructor(journal: Journal, lock: FileHandle, options: JournalStoreOptions) {
    this.#journal = journal;
    this.#lock = lock;
    this.#options = options;
  }

  get approvals(): number {
    return this.#approvals;
  }

  async find(identifiers: Identifiers): Promise<Known> {
    const id = idOf(identifiers);
    let found = await this.#journal.lookup(id);
    if (found.state === 'unresolved' && !found.isDoubtful) {
      if (!(await this.#interrupt(id))) return { state: 'running' };
      found = await this.#journal.lookup(id);
    }
    if (found.state === 'unresolved') return { state: 'lost' };
    if (found.state !== 'done') return { state: found.state };
    if (found.sent.state === 'absent') return { state: 'absent' };
    return { state: 'done', answer: { kind: found.done.kind, text: Buffer.from(found.done.text) } };
  }

  async begin(purchase: Purchase): Promise<OpenRecord | 'known'> {
    const id = idOf(purchase);
    // A record that was damaged keeps its identifiers used up.
    if ((await this.#journal.lookup(id)).state !== 'none') return 'known';
    const record: TerminalRecord = {
      ...this.#recordOf('sent', purchase),
      method: purchase.method,
      amount: String(purchase.amountMinor),
      currency: purchase.currency,
      language: purchase.language,
    };
    const entry = await this.#journal.begin(id, record);
    if (entry === 'exists') return 'known';
    return { finish: (answer) => this.#finish(entry, answer), release: () => entry.release() };
  }

  async markAbsent(identifiers: Identifiers): Promise<boolean> {
    const { kind, text } = errorAnswer('TRANSACTION_NOT_FOUND', 'no such transaction');
    const done = { kind, text: text.toString(), time: isoTime(this.#options.clock) };
    const entry = await this.#journal.begin(idOf(identifiers), this.#recordOf('absent', identifiers), done);
    if (entry === 'exists') return false;
    await entry.release();
    return true;
  }

  async close(): Promise<void> {
    await this.#journal.close();
    await this.#lock.close();
  }

  async #recover(): Promise<void> {
    await this.#journal.prune();
    for await (const { id, file, isSetAside, sent, done } of this.#journal.entries()) {
      if (isSetAside || sent?.register !== REGISTER) continue;
      if (done?.kind === 'result') this.#approvals += 1;
      if (done !== undefined) continue;
      if (await this.#interruptSoon(id)) continue;
      throw new Error(`another program does not let go of its transaction ${file}`);
    }
  }

  async #interruptSoon(id: string): Promise<boolean> {
    for (const waitMs of CLAIM_WAITS_MS) {
      if (await this.#interrupt(id)) return true;
      await this.#pause(waitMs);
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
      const language = (sent as TerminalRecord).language ?? 'en';
      const text = this.#options.texts.say(language, display);
      await this.#finish(entry, errorAnswer('TRANSACTION_INTERRUPTED', message, text));
      this.#options.log.warn('a transaction was interrupted; it is not charged', { identity: sent.identity });
      return true;
    } finally {
      await entry.release();
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve));
  }

  async #finish(entry: OwnedEntry, { kind, text }: Answer): Promise<void> {
    await entry.finish({ kind, text: text.toString(), time: isoTime(this.#options.clock) });
  }

  #recordOf(state: 'sent' | 'absent', { receiptId, sequenceId }: Identifiers): TerminalRecord {
    return {
      state,
      version: 1,
      register: REGISTER,
      identity: { receipt_id: receiptId, sequence_id: sequenceId },
      method: '',
      time: isoTime(this.#options.clock),
    };
  }
}

/** What the terminal adds to a record of the journal. */
interface TerminalRecord extends SentRecord {
  readonly language?: string;
}

function idOf({ key }: Identifiers): string {
  return Journal.idOf(REGISTER, key);
}
