import { crc32 } from 'node:zlib';

/** The version of the format that is written and read. Entries of another one are left alone. */
export const VERSION = 2;

/**
 * What one file of the journal holds: records, each on a line of its own,
 *
 *   8 hex digits (CRC-32 of the JSON text) " " JSON LF
 *
 * The first is a `sent` record, or `absent` where a transaction was asked about that never came; a `done` record
 * with the outcome follows. A later `done` replaces an earlier one, and may say that it is the outcome of something
 * else than the first record: one record more, so that nobody ever sees a part of it.
 */
export interface SentRecord {
  readonly state: 'sent' | 'absent';
  readonly version: typeof VERSION;
  /** The register's name; empty where none was given. */
  readonly register: string;
  /** The identifying members that were given, as text. */
  readonly identity: Readonly<Record<string, string>>;
  /** The same as a JSON object in the register's own text: the params of a question about the transaction. */
  readonly params?: string;
  readonly method: string;
  /** As written in the request: money is never a number here. */
  readonly amount?: string;
  readonly currency?: string;
  /** Keyed hash of what must be the same in a repeated request. */
  readonly hash?: string;
  /** Where the request went. */
  readonly channel?: string;
  /** The endpoint that it went to, resolved: only who is there can tell the outcome. */
  readonly place?: string;
  /** The register's address. */
  readonly peer?: string;
  readonly connection?: string;
  readonly pid?: number;
  /** What a program that makes sales wants to find again with this one. */
  readonly memo?: unknown;
  /** ISO 8601. */
  readonly time: string;
  /** The same moment as the machine counts it by itself. */
  readonly boot?: string;
  readonly uptimeMs?: number;
}

/** The outcome. `contradicted`: a result that came after "not charged" was told; it counts from then on. */
export interface DoneRecord {
  readonly state: 'done' | 'contradicted';
  readonly kind: 'result' | 'error';
  /** The application's own JSON text. */
  readonly text: string;
  readonly time: string;
  /** The same moment as the machine counts it, where it does; the clock's `time` may be wrong. */
  readonly boot?: string;
  readonly uptimeMs?: number;
  /** The connection that carries it to the register. */
  readonly connection?: string;
  /** Who settled it, where it was not the application. */
  readonly by?: string;
  /**
   * What it is the outcome of, where the first record is about something else; from then on it counts instead of that
   * one.
   */
  readonly of?: SentRecord;
}

/** The transaction itself was answered with an error of no declared meaning. */
export interface NoteRecord {
  readonly state: 'note';
  readonly code: string;
  readonly time: string;
}

/** Which terminal has the transaction, as soon as it has said so. */
export interface TerminalRecord {
  readonly state: 'terminal';
  readonly serialNumber: string;
  readonly time: string;
}

/** Another connection than the first has carried the outcome to a repeated transaction. */
export interface CarriedRecord {
  readonly state: 'carried';
  readonly connection: string;
  readonly time: string;
}

export type JournalRecord = SentRecord | DoneRecord | NoteRecord | TerminalRecord | CarriedRecord;

export interface ParsedEntry {
  /** Undefined where not even the first record can be read. */
  readonly sent: SentRecord | undefined;
  /** The outcome that counts. */
  readonly done: DoneRecord | undefined;
  /** "Not charged", as it was told before the result in `done` came. */
  readonly contradicted?: DoneRecord;
  /** The code of no declared meaning with which the transaction itself was answered. */
  readonly directCode?: string;
  /** The serial number of the terminal that has the transaction. */
  readonly serialNumber?: string;
  /** The connections that have carried the outcome to the transaction or to a repeated one. */
  readonly carriers?: readonly string[];
  /** Nothing but whole, valid records. */
  readonly isClean: boolean;
  /** The version of an entry that is not ours to read. */
  readonly otherVersion?: number;
}

export function encodeRecord(record: JournalRecord): Buffer {
  const json = JSON.stringify(record);
  return Buffer.from(`${checksum(json)} ${json}\n`);
}

/** Reads a whole file. Never throws: what cannot be read is left out and makes the entry unclean. */
export function parseEntry(bytes: Buffer): ParsedEntry {
  const lines = bytes.toString('utf8').split('\n');
  let isClean = lines.pop() === '';
  const [first, ...later] = lines;
  const head = first === undefined ? undefined : parseLine(first);
  if (head !== undefined && isOther(head)) {
    return { sent: undefined, done: undefined, isClean: false, otherVersion: head.version };
  }
  if (head === undefined || !isSent(head)) return { sent: undefined, done: undefined, isClean: false };
  let done: DoneRecord | undefined;
  let contradiction: DoneRecord | undefined;
  let directCode: string | undefined;
  let serialNumber: string | undefined;
  const carriers: string[] = [];
  for (const line of later) {
    if (line === '') continue; // put before a record that follows a torn one
    const record = parseLine(line);
    if (record === undefined) isClean = false;
    else if (isDone(record, 'done')) {
      done = record;
      if (record.connection !== undefined) carriers.push(record.connection);
    } else if (isDone(record, 'contradicted')) {
      contradiction = record;
      carriers.length = 0; // they have carried something else
    } else if (isNote(record)) directCode = record.code;
    else if (isTerminal(record)) serialNumber = record.serialNumber;
    else if (isCarried(record)) carriers.push(record.connection);
    else isClean = false;
  }
  return {
    sent: contradiction?.of ?? done?.of ?? head,
    done: contradiction ?? done,
    ...(contradiction !== undefined && done !== undefined && { contradicted: done }),
    ...(directCode !== undefined && { directCode }),
    ...(serialNumber !== undefined && { serialNumber }),
    ...(carriers.length > 0 && { carriers }),
    isClean,
  };
}

function parseLine(line: string): object | undefined {
  const json = line.slice(9);
  if (line.slice(0, 9) !== `${checksum(json)} `) return undefined;
  try {
    const record: unknown = JSON.parse(json);
    return typeof record === 'object' && record !== null ? record : undefined;
  } catch {
    return undefined;
  }
}

// The checksum vouches for our own writing; a file of a later version must not be misread all the same.

function isOther(record: object): record is { version: number } {
  const { version } = record as { readonly version?: unknown };
  return typeof version === 'number' && version !== VERSION;
}

function isSent(record: object): record is SentRecord {
  const { state, version } = record as { readonly state?: unknown; readonly version?: unknown };
  return (state === 'sent' || state === 'absent') && version === VERSION;
}

function isDone(record: object, state: DoneRecord['state']): record is DoneRecord {
  return isOf(record, state, ['kind', 'text', 'time']);
}

function isNote(record: object): record is NoteRecord {
  return isOf(record, 'note', ['code']);
}

function isTerminal(record: object): record is TerminalRecord {
  return isOf(record, 'terminal', ['serialNumber']);
}

function isCarried(record: object): record is CarriedRecord {
  return isOf(record, 'carried', ['connection']);
}

/** Whether it is a record of this state and has these texts. */
function isOf(record: object, state: JournalRecord['state'], texts: readonly string[]): boolean {
  const members = record as Readonly<Record<string, unknown>>;
  return members['state'] === state && texts.every((name) => typeof members[name] === 'string');
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}
