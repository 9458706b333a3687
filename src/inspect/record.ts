import type { Framing } from '../base/framing.ts';
import { maskText } from '../base/mask.ts';
import type { Inspector, SeenMessage } from '../dialect/inspecting.ts';
import type { Piece } from './side-reader.ts';

/**
 * One line of a capture: masked, so that it can be stored and handed on. The first line of a file is `HEAD`.
 *
 * A message in which nothing had to be hidden stands there byte for byte (`data`, base64). Of another one `data` is
 * what its masked text would be on the wire, where the protocol can write that.
 */
export type CaptureRecord = WireRecord | LineRecord | EventRecord | LostRecord;

interface Timed {
  /** ISO 8601; missing where the source does not tell. */
  readonly time?: string;
}

/** Bytes of a wire: a message, or what belongs to none. */
export interface WireRecord extends Timed {
  readonly connection: string;
  readonly from: 'peer' | 'bridge';
  readonly bytes: number;
  /** When its first byte came, where that was earlier. */
  readonly began?: string;
  readonly kind?: SeenMessage['kind'];
  readonly name?: string;
  readonly id?: string;
  readonly text?: string;
  readonly wrong?: string;
  readonly data?: string;
  readonly is_masked?: true;
}

/** A line between the bridge and an application. */
export interface LineRecord extends Timed {
  readonly connection?: string;
  readonly endpoint: string;
  readonly from: 'bridge' | 'application';
  readonly bytes: number;
  readonly text: string;
}

export interface EventRecord extends Timed {
  readonly connection: string;
  readonly event: 'opened' | 'closed';
  readonly peer?: string;
  readonly dialect?: string;
  readonly framing?: Framing;
  readonly why?: string;
}

/** So many bytes found no room: the disk was too slow. */
export interface LostRecord extends Timed {
  readonly lost: number;
}

export const HEAD = { capture: 'posbridge', version: 1 } as const;

/** A piece of a wire as it may be stored. */
export function wireRecord(
  connection: string,
  from: WireRecord['from'],
  { timeMs, beganMs, raw, message, wrong }: Piece,
  framing: Framing,
  { isText, frame }: Inspector,
): WireRecord {
  const about = {
    ...(timeMs !== undefined && { time: isoOf(timeMs) }),
    ...(beganMs !== undefined && timeMs !== undefined && beganMs < timeMs && { began: isoOf(beganMs) }),
    ...{ connection, from, bytes: raw.length },
  };
  if (message === undefined) {
    const text = isText === true ? { text: maskText(raw.toString('latin1').slice(0, MAX_NOISE)) } : {};
    return { ...about, ...text, wrong: wrong ?? 'these bytes belong to no message' };
  }
  const { kind, name, id } = message;
  const text = maskText(message.text);
  const isMasked = message.isHidden === true || text !== message.text || isSecret(raw);
  return {
    ...about,
    kind,
    ...(name !== undefined && { name: maskText(name) }),
    ...(id !== undefined && { id: maskText(id) }),
    text,
    ...(message.wrong !== undefined && { wrong: message.wrong }),
    ...dataOf(isMasked ? maskedFrame(text, framing, frame) : raw),
    ...(isMasked && ({ is_masked: true } as const)),
  };
}

function maskedFrame(text: string, framing: Framing, frame: Inspector['frame']): Buffer | undefined {
  try {
    return text === '' ? undefined : frame?.(text, framing);
  } catch {
    return undefined; // masked it is no message any more
  }
}

function dataOf(bytes: Buffer | undefined): Pick<WireRecord, 'data'> {
  return bytes === undefined ? {} : { data: bytes.toString('base64') };
}

export function lineRecord(
  timeMs: number,
  {
    endpoint,
    connection,
    from,
    line,
  }: { endpoint: string; connection: string | undefined; from: LineRecord['from']; line: Buffer },
): LineRecord {
  const text = line.toString().replace(/\r?\n$/, '');
  return {
    time: isoOf(timeMs),
    ...(connection !== undefined && { connection }),
    ...{ endpoint, from, bytes: line.length, text: maskText(text) },
  };
}

export function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

function isSecret(raw: Buffer): boolean {
  const text = raw.toString('utf8');
  return maskText(text) !== text;
}

/** What is shown of bytes that nobody can read. */
const MAX_NOISE = 256;
