import { randomUUID } from 'node:crypto';
import { type Clock, isoTime } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { maskField, maskText } from '../../base/mask.ts';
import type { Lookup, Outcome } from '../entry-state.ts';
import type { DoneRecord, JournalRecord } from '../journal-record.ts';
import { type OwnedEntry, stamped } from '../owned-entry.ts';
import type { Buckets, Stored } from './bucket.ts';
import { decodeEntry, type EntryValue, encodeEntry, readRecords } from './entry-value.ts';
import type { LooseEnds } from './loose-ends.ts';

export interface NatsEntryOptions {
  readonly buckets: Buckets;
  readonly clock: Clock;
  readonly log: Logger;
  readonly key: string;
  readonly value: EntryValue;
  readonly revision: number;
  readonly lookup: Lookup;
  /** What cannot be written now and has to be later. */
  readonly looseEnds: LooseEnds;
  /** The process is not at it any more. */
  readonly letGo: () => void;
  /** Whether it is at it once more; `besides` this one, where that has not been let go of. */
  readonly isHeld: (besides?: number) => boolean;
}

/**
 * An entry that this process is at. It may be wrong about that: a process that stood still for long is taken for dead.
 * So everything that it writes names the revision that it knows, and where another one has written meanwhile, both are
 * brought together: an outcome of the application's is added where there is none, a result beats "not charged", and
 * nothing is ever overwritten.
 */
export class NatsEntry implements OwnedEntry {
  readonly lookup: Lookup;
  readonly #options: NatsEntryOptions;
  #value: EntryValue;
  #revision: number;
  #isOpen = true;
  #isWithdrawn = false;
  #counts: Outcome | undefined;

  constructor(options: NatsEntryOptions) {
    this.#options = options;
    this.#value = options.value;
    this.#revision = options.revision;
    this.lookup = options.lookup;
  }

  get counts(): Outcome | undefined {
    return this.#counts;
  }

  async finish(done: Outcome): Promise<void> {
    await this.#end(stamped({ ...done, state: 'done' }, this.#options.clock));
  }

  async contradict(done: Outcome): Promise<void> {
    await this.#end(stamped({ ...done, state: 'contradicted' }, this.#options.clock));
  }

  async note(code: string): Promise<void> {
    if (maskText(code) !== code) return;
    await this.#append({ state: 'note', code, time: isoTime(this.#options.clock) });
  }

  async noteTerminal(serialNumber: string): Promise<void> {
    if (!this.#isOpen || maskField('serial_number', serialNumber) !== serialNumber) return;
    await this.#append({ state: 'terminal', serialNumber, time: isoTime(this.#options.clock) });
  }

  /** A connection has carried the outcome to a repeated transaction. */
  async noteCarrier(connection: string): Promise<void> {
    await this.#append({ state: 'carried', connection, time: isoTime(this.#options.clock) });
  }

  async withdraw(): Promise<void> {
    const { buckets, key } = this.#options;
    this.#isWithdrawn = true;
    while (this.#isOpen && !(await buckets.remove('records', key, this.#revision))) {
      const found = await this.#reread();
      // Somebody took us for dead, and has found out what became of it.
      if (found === undefined || readRecords(found.records).done !== undefined) break;
    }
    this.#close();
  }

  async release(): Promise<void> {
    if (!this.#isOpen) return;
    const { buckets, looseEnds, key, isHeld } = this.#options;
    if (this.#isWithdrawn) {
      this.#isOpen = false;
      void looseEnds.withdraw(key, this.#value.mark, () => isHeld(1)).then(this.#options.letGo);
      return;
    }
    this.#close();
    const value = { ...this.#value, owner: undefined, mark: randomUUID() };
    if (readRecords(value.records).done !== undefined) return;
    const released = await buckets
      .update('records', key, encodeEntry(value), this.#revision)
      .catch(() => undefined);
    if (released === undefined) void looseEnds.release(key, isHeld);
  }

  async #end(done: DoneRecord): Promise<void> {
    await this.#append(done);
    this.#close();
  }

  /** Adds a record to what is there now. */
  async #append(record: JournalRecord): Promise<void> {
    const { buckets, key } = this.#options;
    const mark = randomUUID();
    const isOutcome = record.state === 'done' || record.state === 'contradicted';
    for (;;) {
      const owner = isOutcome ? undefined : this.#value.owner;
      const value: EntryValue = { owner, mark, records: [...this.#value.records, record] };
      const revision = await buckets.update('records', key, encodeEntry(value), this.#revision);
      if (revision !== undefined) {
        this.#value = value;
        this.#revision = revision;
        return;
      }
      const found = await this.#reread();
      if (found === undefined) throw new Error('the entry is gone');
      if (found.mark === mark || found.records.some((one) => isSame(one, record))) return; // it was written after all
      const { done } = readRecords(found.records);
      if (done === undefined) continue;
      if (record.state !== 'done') {
        if (record.state === 'contradicted' && done.kind === 'error') continue;
        return; // it is over
      }
      if (record.kind === 'error' || done.kind === 'result') {
        this.#counts = done;
        return;
      }
      const facts = { entry: key, told: done.text.slice(0, MAX_SHOWN) };
      this.#options.log.error('A RESULT CONTRADICTS WHAT ANOTHER PROCESS HAS RECORDED: IT IS CHARGED', facts);
      return this.#append({ ...record, state: 'contradicted' });
    }
  }

  /** What another process has made of it; undefined: nothing is left. */
  async #reread(): Promise<EntryValue | undefined> {
    const stored: Stored | undefined = await this.#options.buckets.read('records', this.#options.key);
    const value = stored === undefined ? undefined : decodeEntry(stored.bytes);
    if (stored === undefined || value === undefined) return undefined;
    this.#value = value;
    this.#revision = stored.revision;
    return value;
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#options.letGo();
  }
}

function isSame(one: JournalRecord, other: JournalRecord): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

const MAX_SHOWN = 200;
