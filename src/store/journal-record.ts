import { crc32 } from 'node:zlib';

/**
 * What one file of the journal holds: records, each on a line of its own,
 *
 *   8 hex digits (CRC-32 of the JSON text) " " JSON LF
 *
 * The first is a `sent` record, or `absent` where a transaction was asked about that never came; a `done` record
 * with the outcome follows. A later `done` replaces an earlier one.
 */
export interface SentRecord {
  readonly state: 'sent' | 'absent';
  readonly version: 1;
  /** Who it came from: a name, an IP address, or nothing. */
  readonly register: string;
  /** The identifying members as text. */
  readonly identity: Readonly<Record<string, string>>;
  readonly method: string;
  /** As written in the request: money is never a number here. */
  readonly amount?: string;
  readonly currency?: string;
  /** SHA-256 of the request's params. */
  readonly hash?: string;
  /** Where the request went. */
  readonly channel?: string;
  readonly connection?: string;
  readonly pid?: number;
  /** ISO 8601. */
  readonly time: string;
}

export interface DoneRecord {
  readonly state: 'done';
  readonly kind: 'result' | 'error';
  /** The application's own JSON text. */
  readonly text: string;
  readonly time: string;
  /** The same moment as the machine counts it, where it does; the clock's `time` may be wrong. */
  readonly boot?: string;
  readonly uptimeMs?: number;
  /** Who settled it, where it was not the application. */
  readonly by?: string;
}

export type JournalRecord = SentRecord | DoneRecord;

export interface ParsedEntry {
  /** Undefined where not even the first record can be read. */
  readonly sent: SentRecord | undefined;
  readonly done: DoneRecord | undefined;
  /** Nothing but whole, valid records. */
  readonly isClean: boolean;
}

export function encodeRecord(record: JournalRecord): Buffer {
  const json = JSON.stringify(record);
  return Buffer.from(`${checksum(json)} ${json}\n`);
}

/** Reads a whole file. Never throws: what cannot be read is left out and makes the entry unclean. */
export function parseEntry(bytes: Buffer): ParsedEntry {
  const lines = bytes.toString('utf8').split('\n');
  let isClean = lines.pop() === '';
  let sent: SentRecord | undefined;
  let done: DoneRecord | undefined;
  for (const [index, line] of lines.entries()) {
    if (line === '') continue; // put before a record that follows a torn one
    const record = parseRecord(line);
    if (record === undefined) isClean = false;
    else if (record.state === 'done') done = record;
    else if (index === 0) sent = record;
    else isClean = false;
  }
  return { sent, done: sent === undefined ? undefined : done, isClean: isClean && sent !== undefined };
}

function parseRecord(line: string): JournalRecord | undefined {
  const json = line.slice(9);
  if (line.slice(0, 9) !== `${checksum(json)} `) return undefined;
  try {
    const record: unknown = JSON.parse(json);
    return isRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** The checksum vouches for our own writing; a file of a later version must not be misread all the same. */
function isRecord(value: unknown): value is JournalRecord {
  if (typeof value !== 'object' || value === null || !('state' in value)) return false;
  if (value.state === 'done') return 'kind' in value && 'text' in value && 'time' in value;
  return (value.state === 'sent' || value.state === 'absent') && 'version' in value && value.version === 1;
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}
