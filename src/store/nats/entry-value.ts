import { judge, type Lookup, type StoredEntry } from '../entry-state.ts';
import { encodeRecord, type JournalRecord, type ParsedEntry, parseEntry } from '../journal-record.ts';

/** What stands under the key of an entry. */
export interface EntryValue {
  /** The process that is at it; undefined: nobody, it is over or has been let go. */
  readonly owner: string | undefined;
  /** Random, of the write that made it: who does not know whether a write took place finds it again. */
  readonly mark: string;
  readonly records: readonly JournalRecord[];
}

export function encodeEntry(value: EntryValue): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Undefined for what cannot be read. */
export function decodeEntry(bytes: Buffer): EntryValue | undefined {
  try {
    const value = JSON.parse(bytes.toString()) as Partial<EntryValue>;
    if (typeof value.mark !== 'string' || !Array.isArray(value.records)) return undefined;
    return { owner: value.owner, mark: value.mark, records: value.records };
  } catch {
    return undefined;
  }
}

/** What the records say together; undefined: there is no entry. */
export function readRecords(records: readonly JournalRecord[]): ParsedEntry {
  return parseEntry(Buffer.concat(records.map((record) => encodeRecord(record))));
}

/** What is known of an entry that nobody is at. */
export function lookupOf(value: EntryValue | undefined): Exclude<Lookup, { state: 'running' | 'none' }> {
  return (value === undefined ? undefined : judge(readRecords(value.records))) ?? { state: 'lost' };
}

/** The same for people's tools. */
export function storedEntry(
  id: string,
  value: EntryValue | undefined,
  storedMs: number,
  isRunning: boolean,
): StoredEntry {
  const parsed =
    value === undefined
      ? { sent: undefined, done: undefined, isClean: false, fault: 'it cannot be read' }
      : readRecords(value.records);
  return { id, file: id, isRunning, isSetAside: false, changedMs: storedMs, ...parsed };
}

/** What stands in the place of an entry that was taken back. */
export function isNothing(value: EntryValue | undefined): boolean {
  return value?.records.length === 0;
}
