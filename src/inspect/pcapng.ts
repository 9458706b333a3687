import type { CaptureRecord, LineRecord, WireRecord } from './record.ts';

/**
 * Records as a file for Wireshark: each connection a TCP stream between invented addresses, 10.1.x.y for its peer,
 * 10.0.0.1 for the bridge, 10.2.0.1 for applications. A message in which something is hidden is written as its masked
 * text, with a comment that says so.
 */
export function pcapngOf(records: readonly CaptureRecord[]): Buffer {
  const blocks = [sectionHeader(), interfaceDescription()];
  const streams = new Map<string, Stream>();
  for (const record of records) {
    if (!('from' in record)) continue;
    const key =
      'endpoint' in record ? `line ${record.endpoint} ${record.connection ?? ''}` : record.connection;
    const stream = streams.get(key) ?? newStream(streams.size, 'endpoint' in record);
    streams.set(key, stream);
    const { bytes, comment } = payloadOf(record);
    const timeMs = record.time === undefined ? 0 : Date.parse(record.time);
    for (let at = 0; at === 0 || at < bytes.length; at += MAX_SEGMENT_BYTES) {
      const part = bytes.subarray(at, at + MAX_SEGMENT_BYTES);
      blocks.push(enhancedPacket(timeMs, packetOf(stream, record.from === 'bridge', part), comment));
    }
  }
  return Buffer.concat(blocks);
}

function payloadOf(record: WireRecord | LineRecord): {
  readonly bytes: Buffer;
  readonly comment: string | undefined;
} {
  if ('endpoint' in record) return { bytes: Buffer.from(`${record.text}\n`), comment: undefined };
  const masked = record.is_masked ? `masked: ${record.bytes} bytes on the wire` : undefined;
  const notes = [masked, record.wrong].filter((note) => note !== undefined).join('; ');
  const bytes =
    record.data === undefined ? Buffer.from(record.text ?? '') : Buffer.from(record.data, 'base64');
  return { bytes, comment: notes === '' ? undefined : notes };
}

interface Stream {
  readonly ends: readonly [End, End];
  /** The next sequence number of each end. */
  readonly next: [number, number];
}

interface End {
  readonly address: readonly number[];
  readonly port: number;
}

const BRIDGE_PORT = 10_001;
const APPLICATION_PORT = 20_001;
const FIRST_PORT = 30_000;

function newStream(number: number, isLine: boolean): Stream {
  const port = FIRST_PORT + (number % 30_000);
  const peer = { address: [10, 1, (number >> 8) & 0xff, number & 0xff], port };
  const bridge = { address: [10, 0, 0, 1], port: isLine ? port : BRIDGE_PORT };
  const application = { address: [10, 2, 0, 1], port: APPLICATION_PORT };
  return { ends: [isLine ? application : peer, bridge], next: [1, 1] };
}

const MAX_SEGMENT_BYTES = 32_000;
const IP_HEADER_BYTES = 20;
const TCP_HEADER_BYTES = 20;
const PSH_ACK = 0x18;

function packetOf(stream: Stream, isFromBridge: boolean, bytes: Buffer): Buffer {
  const [own, other] = isFromBridge ? ([1, 0] as const) : ([0, 1] as const);
  const [from, to] = [stream.ends[own], stream.ends[other]];
  const packet = Buffer.alloc(IP_HEADER_BYTES + TCP_HEADER_BYTES + bytes.length);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[8] = 64;
  packet[9] = 6;
  packet.set(from.address, 12);
  packet.set(to.address, 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, IP_HEADER_BYTES)), 10);
  const tcp = packet.subarray(IP_HEADER_BYTES);
  tcp.writeUInt16BE(from.port, 0);
  tcp.writeUInt16BE(to.port, 2);
  tcp.writeUInt32BE(stream.next[own] >>> 0, 4);
  tcp.writeUInt32BE(stream.next[other] >>> 0, 8);
  tcp[12] = (TCP_HEADER_BYTES / 4) << 4;
  tcp[13] = PSH_ACK;
  tcp.writeUInt16BE(0xffff, 14);
  bytes.copy(tcp, TCP_HEADER_BYTES);
  const pseudo = Buffer.from([...from.address, ...to.address, 0, 6, tcp.length >> 8, tcp.length & 0xff]);
  tcp.writeUInt16BE(checksum(Buffer.concat([pseudo, tcp])), 16);
  stream.next[own] += bytes.length;
  return packet;
}

/** The Internet checksum. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

// Blocks of pcapng, little-endian.

const LINKTYPE_RAW = 101;

function sectionHeader(): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(0x1a2b3c4d, 0);
  body.writeUInt16LE(1, 4);
  body.writeBigInt64LE(-1n, 8);
  return block(0x0a0d0d0a, body);
}

function interfaceDescription(): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(LINKTYPE_RAW, 0);
  return block(1, body);
}

function enhancedPacket(timeMs: number, packet: Buffer, comment: string | undefined): Buffer {
  const head = Buffer.alloc(20);
  const microseconds = BigInt(Math.max(0, Math.round(timeMs))) * 1000n;
  head.writeUInt32LE(Number(microseconds >> 32n), 4);
  head.writeUInt32LE(Number(microseconds & 0xffff_ffffn), 8);
  head.writeUInt32LE(packet.length, 12);
  head.writeUInt32LE(packet.length, 16);
  const options = comment === undefined ? [] : [option(1, Buffer.from(comment)), Buffer.alloc(4)];
  return block(6, Buffer.concat([head, padded(packet), ...options]));
}

function option(code: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(code, 0);
  head.writeUInt16LE(value.length, 2);
  return Buffer.concat([head, padded(value)]);
}

function block(type: number, body: Buffer): Buffer {
  const length = body.length + 12;
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(length, 4);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(length, 0);
  return Buffer.concat([head, body, tail]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
