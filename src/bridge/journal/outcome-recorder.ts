import { deferred } from '../../base/deferred.ts';
import { describeFault } from '../../base/errors.ts';
import { pause } from '../../base/pause.ts';
import { errorText, stringCodeOf } from '../../rpc/error-object.ts';
import type { OutcomeText as Answer } from '../../rpc/outcome.ts';
import type { SentRecord } from '../../store/journal-record.ts';
import type { OwnedEntry } from '../../store/owned-entry.ts';
import type { Identity } from '../identity.ts';
import type { Carrying } from './carrying.ts';
import type { JournalDeskOptions } from './desk-options.ts';
import type { Records } from './records.ts';

/** A disk that does not answer must not keep an outcome from the register. */
const RECORD_LIMIT_MS = 5000;
const RECORD_AGAIN_MS = 1000;

/** "Not charged", as it was told of a transaction that was handed over. */
export interface Told {
  readonly sent: SentRecord;
  readonly code: string;
  /** ISO 8601. */
  readonly time: string;
}

/** Writes down what became of transactions, on a disk that may be slow, full or gone. */
export class OutcomeRecorder {
  readonly #options: JournalDeskOptions;
  readonly #records: Records;
  readonly #carrying: Carrying;
  /** The names of the entries that this connection has begun. */
  readonly #begun = new WeakMap<OwnedEntry, string>();

  constructor(options: JournalDeskOptions, records: Records, carrying: Carrying) {
    this.#options = options;
    this.#records = records;
    this.#carrying = carrying;
  }

  /** This connection has begun a transaction: it carries its outcome. */
  began(entry: OwnedEntry, id: string): void {
    this.#begun.set(entry, id);
  }

  /**
   * Stores an outcome. Resolves when it is on the disk, or when the disk refuses it or takes too long: it is then
   * reported and tried again, as long as an outcome is waited for. Never rejects.
   *
   * @returns what counts instead, where another process has recorded something else meanwhile.
   */
  async record(entry: OwnedEntry, answer: Answer): Promise<Answer | undefined> {
    const id = this.#begun.get(entry);
    const isCarried = id !== undefined && !this.#carrying.hasLeft;
    const done = {
      ...this.#records.doneOf(answer),
      ...(isCarried && { connection: this.#options.connection }),
    };
    if (isCarried) this.#carrying.carries(id);
    await this.#store(entry, () => entry.finish(done));
    const { counts } = entry;
    return counts === undefined ? undefined : { kind: counts.kind, text: Buffer.from(counts.text) };
  }

  /**
   * A result that nobody waits for any more. Where "not charged" was told, it contradicts that, which is reported;
   * where nothing was told yet, it is the outcome. From then on it is what `Check` gives. Resolves like `record`, never
   * rejects.
   *
   * @param told makes the entry anew where none is left: what is refused before anything begins leaves none.
   */
  async contradict(identity: Identity, answer: Answer, told: Told): Promise<void> {
    const id = this.#records.idOf(identity);
    const { clock, log, outcomeWaitMs } = this.#options;
    const giveUpMs = clock.nowMs() + outcomeWaitMs;
    const facts = { identity: identity.values, entry: id };
    while (answer.kind === 'result' && clock.nowMs() < giveUpMs) {
      const isOver = await this.#tryContradict(id, identity, answer, told).catch((fault) => {
        log.error('A RESULT CANNOT BE RECORDED', { ...facts, why: describeFault(fault) });
        return false;
      });
      if (isOver) return;
      await pause(clock, RECORD_AGAIN_MS);
    }
  }

  /** Whether there is nothing more to do about it. */
  async #tryContradict(id: string, identity: Identity, answer: Answer, told: Told): Promise<boolean> {
    const { journal } = this.#options;
    const entry = await journal.claim(id);
    if (entry === undefined) {
      if (await journal.hasEntry(id)) return false; // somebody is at it
      const refusal: Answer = { kind: 'error', text: errorText(told.code, 'no entry was left of it') };
      const was = { ...this.#records.doneOf(refusal), time: told.time };
      const begun = await journal.begin(id, told.sent, was, this.#records.doneOf(answer));
      if (begun === 'exists') return false;
      await begun.release();
      this.#contradicted(identity, told.code, told.time);
      return true;
    }
    const { lookup } = entry;
    if (lookup.state === 'unresolved') await this.record(entry, answer);
    else if (lookup.state === 'done' && lookup.done.kind === 'error') {
      this.#contradicted(identity, stringCodeOf(Buffer.from(lookup.done.text)), lookup.done.time);
      // Of an absence that was recorded after the refusal nothing but the identifiers is known.
      const isAbsent = lookup.sent.state === 'absent';
      const done = { ...this.#records.doneOf(answer), ...(isAbsent && { of: told.sent }) };
      await this.#store(entry, () => entry.contradict(done));
    } else await entry.release();
    return true;
  }

  #contradicted({ values }: Identity, told: string, since: string): void {
    const facts = { identity: values, told, since };
    this.#options.log.error('A RESULT CONTRADICTS WHAT WAS TOLD: IT IS CHARGED', facts);
  }

  async #store(entry: OwnedEntry, store: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    const stored = store();
    const late = deferred<'late'>();
    const limit = clock.after(RECORD_LIMIT_MS, () => late.resolve('late'));
    try {
      if ((await Promise.race([stored, late.promise])) !== 'late') return;
      log.error('the journal does not take an outcome in time; the register gets it all the same');
      stored.catch((fault) => this.#storeAgain(entry, store, fault));
    } catch (fault) {
      this.#storeAgain(entry, store, fault);
    } finally {
      limit.cancel();
    }
  }

  /**
   * Stores the code with which the application has answered the transaction itself, also for after a crash: where it
   * has no declared meaning a `Check` that says the same is final; after DUPLICATE_TRANSACTION whatever `Check` says is
   * about an earlier sale. Resolves soon, never rejects.
   */
  async note(entry: OwnedEntry, code: string): Promise<void> {
    const late = deferred<void>();
    const limit = this.#options.clock.after(RECORD_LIMIT_MS, () => late.resolve());
    const noted = entry.note(code).catch((fault) => {
      this.#options.log.error('the journal does not take what an application said', {
        code,
        why: describeFault(fault),
      });
    });
    await Promise.race([noted, late.promise]);
    limit.cancel();
  }

  /**
   * The application has told about an earlier sale with these identifiers: the record of this request, which it
   * refused, makes way for what it told, in one step: whoever began to look while there was no entry must not find that
   * there is none again. Resolves like `record`.
   */
  supersede(entry: OwnedEntry, identity: Identity, answer: Answer): Promise<void> {
    const done = { ...this.#records.doneOf(answer), of: this.#records.absent(identity) };
    return this.#store(entry, () => entry.finish(done));
  }

  #storeAgain(entry: OwnedEntry, store: () => Promise<void>, fault: unknown): void {
    this.#records.notTaken(fault);
    const { clock, outcomeWaitMs, log } = this.#options;
    const giveUpMs = clock.nowMs() + outcomeWaitMs;
    const retry = async (): Promise<void> => {
      try {
        await store();
        log.warn('the journal has taken the outcome after all');
      } catch (again) {
        if (clock.nowMs() < giveUpMs) clock.after(RECORD_AGAIN_MS, retry);
        else {
          this.#records.notTaken(again);
          await entry.release();
        }
      }
    };
    clock.after(RECORD_AGAIN_MS, retry);
  }
}
