import type { Segment } from './segment.ts';

/** What is needed of a packet. */
interface Packet {
  readonly timeMs: number;
  readonly stream: string;
  readonly from: string;
  /** Relative sequence number of the first byte; undefined: the export does not have it. */
  readonly seq: number | undefined;
  readonly bytes: Buffer;
}

/** `tshark -T json`, with `tcp.payload` in it, as it is without `-J`. */
export function jsonSegments(text: string): Segment[] {
  let packets: unknown;
  try {
    packets = JSON.parse(text);
  } catch {
    throw new Error('it begins as an export of tshark, and is no whole JSON');
  }
  if (!Array.isArray(packets)) throw new Error('it is no list of packets');
  return inOrder(
    packets.flatMap((packet: { _source?: { layers?: Record<string, Record<string, unknown>> } }) => {
      const { frame = {}, ip = {}, ipv6 = {}, tcp = {} } = packet._source?.layers ?? {};
      const source = textOf(ip['ip.src'] ?? ipv6['ipv6.src']);
      return packetOf({
        time: textOf(frame['frame.time_epoch']),
        stream: textOf(tcp['tcp.stream']),
        from: `${source}:${textOf(tcp['tcp.srcport'])}`,
        seq: textOf(tcp['tcp.seq']),
        payload: textOf(tcp['tcp.payload']),
      });
    }),
  );
}

/**
 * `tshark -T fields -E header=y -e frame.time_epoch -e tcp.stream -e ip.src -e tcp.srcport -e tcp.seq -e tcp.payload`
 */
export function fieldsSegments(text: string): Segment[] {
  const [head = '', ...lines] = text.split('\n');
  const names = head.trim().split('\t');
  const at = (cells: readonly string[], ...wanted: readonly string[]) =>
    wanted.map((name) => cells[names.indexOf(name)] ?? '').find((cell) => cell !== '') ?? '';
  if (!names.includes('tcp.payload'))
    throw new Error('the export of tshark lacks the field tcp.payload: add -e tcp.payload');
  return inOrder(
    lines.flatMap((line) => {
      const cells = line.split('\t');
      return packetOf({
        time: at(cells, 'frame.time_epoch'),
        stream: at(cells, 'tcp.stream'),
        from: `${at(cells, 'ip.src', 'ipv6.src')}:${at(cells, 'tcp.srcport')}`,
        seq: at(cells, 'tcp.seq'),
        payload: at(cells, 'tcp.payload'),
      });
    }),
  );
}

function packetOf(texts: {
  time: string;
  stream: string;
  from: string;
  seq: string;
  payload: string;
}): Packet[] {
  const bytes = Buffer.from(texts.payload.replaceAll(':', ''), 'hex');
  if (bytes.length === 0) return [];
  const { stream, from } = texts;
  const seq = /^\d+$/.test(texts.seq) ? Number(texts.seq) : undefined;
  const timeMs = /^[\d.]+$/.test(texts.time) ? Number(texts.time) * 1000 : Date.parse(texts.time);
  return [{ timeMs, stream: `tcp ${stream || '0'}`, from, seq, bytes }];
}

/** Bytes that were sent again count once, and those that came too early wait for their turn. */
function inOrder(packets: readonly Packet[]): Segment[] {
  const segments: Segment[] = [];
  const streams = new Map<string, Map<string, { side: 0 | 1; next: number | undefined; early: Packet[] }>>();
  for (const packet of packets) {
    const sides = streams.get(packet.stream) ?? new Map();
    streams.set(packet.stream, sides);
    const side = sides.get(packet.from) ?? { side: sides.size === 0 ? 0 : 1, next: packet.seq, early: [] };
    sides.set(packet.from, side);
    side.early.push(packet);
    for (let due = take(side); due !== undefined; due = take(side)) {
      segments.push({ stream: packet.stream, side: side.side, timeMs: packet.timeMs, bytes: due });
    }
  }
  return segments;
}

/** The next bytes of a side, if they are there. */
function take(side: { next: number | undefined; early: Packet[] }): Buffer | undefined {
  const { next } = side;
  const index = side.early.findIndex(({ seq }) => seq === undefined || next === undefined || seq <= next);
  const [packet] = index === -1 ? [] : side.early.splice(index, 1);
  if (packet === undefined) return undefined;
  if (packet.seq === undefined || next === undefined) return packet.bytes;
  const fresh = packet.bytes.subarray(next - packet.seq);
  side.next = next + fresh.length;
  return fresh.length > 0 ? fresh : take(side);
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? textOf(value[0]) : typeof value === 'string' ? value : '';
}
