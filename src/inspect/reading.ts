import type { Framing } from '../base/framing.ts';
import type { Inspector } from '../dialect/inspecting.ts';
import type { DialectRow } from '../dialect/row.ts';
import { type CaptureRecord, type HEAD, wireRecord } from './record.ts';
import type { Segment } from './segment.ts';
import { type Piece, SideReader } from './side-reader.ts';

/** A record that was read back. Lines that are none are counted. */
export function readCapture(text: string): {
  readonly records: CaptureRecord[];
  readonly unreadable: number;
} {
  const records: CaptureRecord[] = [];
  let unreadable = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      const value = JSON.parse(line) as CaptureRecord | typeof HEAD;
      if (!('capture' in value)) records.push(value);
    } catch {
      unreadable += 1; // its writer died inside of it
    }
  }
  return { records, unreadable };
}

/** Takes recorded bytes apart as a dialect. */
export async function readSegments(
  segments: readonly Segment[],
  { name, inspects }: Pick<DialectRow, 'name' | 'inspects'>,
): Promise<CaptureRecord[]> {
  const inspector = await inspects?.();
  if (inspector === undefined) return [];
  const records: CaptureRecord[] = [];
  const streams = new Map<string, Stream>();
  for (const { stream: connection, side, timeMs, bytes } of segments) {
    let stream = streams.get(connection);
    if (stream === undefined) {
      stream = await openStream(inspector, bytes, (record) => records.push(record), connection);
      streams.set(connection, stream);
      const time = timeMs === undefined ? {} : { time: new Date(timeMs).toISOString() };
      records.push({ ...time, connection, event: 'opened', dialect: name, framing: stream.framing });
    }
    stream.push(side, bytes, timeMs);
  }
  for (const stream of streams.values()) stream.end();
  const isTimed = records.every(({ time }) => time !== undefined);
  return isTimed ? records.toSorted((a, b) => Date.parse(a.time ?? '') - Date.parse(b.time ?? '')) : records;
}

interface Stream {
  readonly framing: Framing;
  push(side: 0 | 1, bytes: Buffer, timeMs: number | undefined): void;
  end(): void;
}

/** What stands between the bytes of a stream and the messages of the protocol; undefined: nothing does. */
interface Carrier {
  readonly framing: Framing;
  readonly name: string;
  readonly sides: readonly [CarrierSide, CarrierSide];
}

interface CarrierSide {
  /** Calls `message` for each whole message. Returns why nothing more can be read, if so. */
  push(bytes: Buffer, message: (bytes: Buffer) => void): string | undefined;
}

async function carrierOf(start: Buffer): Promise<Carrier | undefined> {
  if (!/^(?:GET |POST |HTTP\/)/.test(start.toString('latin1', 0, 5))) return undefined;
  const [{ isWebSocket, WebSocketSide }, { isHttp, HttpBodies }] = await Promise.all([
    import('./web-socket.ts'),
    import('./http-bodies.ts'),
  ]);
  if (isWebSocket(start)) {
    return {
      framing: 'messages',
      name: 'WebSocket',
      sides: [new WebSocketSide(true), new WebSocketSide(false)],
    };
  }
  return isHttp(start)
    ? { framing: 'exchange', name: 'HTTP', sides: [new HttpBodies(), new HttpBodies()] }
    : undefined;
}

async function openStream(
  inspector: Inspector,
  start: Buffer,
  say: (record: CaptureRecord) => void,
  connection: string,
): Promise<Stream> {
  const carrier = await carrierOf(start);
  const framing = carrier?.framing ?? 'stream';
  const [first, second] = inspector.open(framing);
  const readers = [new SideReader(first, framing), new SideReader(second, framing)] as const;
  let lastMs: number | undefined;
  const found = (side: 0 | 1) => (piece: Piece) =>
    say(wireRecord(connection, side === 0 ? 'peer' : 'bridge', piece, framing, inspector));
  return {
    framing,
    push(side, bytes, timeMs) {
      lastMs = timeMs;
      if (carrier === undefined) {
        readers[side].push(bytes, timeMs, found(side));
        return;
      }
      const fault = carrier.sides[side].push(bytes, (message) =>
        readers[side].push(message, timeMs, found(side)),
      );
      if (fault !== undefined) {
        found(side)({
          timeMs,
          beganMs: timeMs,
          raw: bytes,
          wrong: `${carrier.name} that cannot be read: ${fault}`,
        });
      }
    },
    end() {
      for (const side of [0, 1] as const) readers[side].end(lastMs, found(side));
    },
  };
}

/** So much of a record is enough to find out what is spoken. */
const GUESSED_BYTES = 64 * 1024;

/** The dialect that most of a record makes sense in; undefined: none. */
export async function guessDialect(
  segments: readonly Segment[],
  rows: readonly DialectRow[],
): Promise<DialectRow | undefined> {
  let left = GUESSED_BYTES;
  const start = segments.flatMap((segment) => {
    const bytes = segment.bytes.subarray(0, Math.max(0, left));
    left -= bytes.length;
    return bytes.length === 0 ? [] : [{ ...segment, bytes }];
  });
  let best: { readonly row: DialectRow; readonly bytes: number } | undefined;
  for (const row of rows) {
    let bytes = 0;
    for (const record of await readSegments(start, row)) {
      if (!('kind' in record) || record.wrong !== undefined || record.kind === 'acknowledgement') continue;
      bytes += record.bytes;
    }
    if (bytes > (best?.bytes ?? 0)) best = { row, bytes };
  }
  return best?.row;
}
