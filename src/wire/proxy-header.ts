import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { addressPeer } from './peer.ts';
import type { Peer } from './wire.ts';

/**
 * What a connection says of itself before its first byte. `source`: whom the proxy speaks for; undefined where it
 * speaks for itself (a health check) or does not know. `bytes`: how long the header is. `fault`: this is no header, or
 * none that counts.
 */
export type ProxyHeader =
  | { readonly source: Peer | undefined; readonly bytes: number }
  | { readonly fault: string };

/** Of version 2. The addresses take 232; what else proxies tell, such as a certificate, has room. */
export const MAX_HEADER_BYTES = 16 * 1024;

/**
 * Reads the header of the PROXY protocol, version 1 or 2, with which `bytes` begin; undefined: it is not whole yet.
 * Everything is judged as early as it can be, and nothing is taken for a header that is not exactly one.
 *
 * Version 1: `PROXY TCP4 10.0.0.7 10.0.0.1 51000 10001` CR LF, at most 107 bytes.
 * Version 2: 12 bytes of signature, version and command, family and transport, a length, then as many bytes: two
 * addresses, and what else the proxy tells, which is skipped.
 *
 * Source: HAProxy, doc/proxy-protocol.txt, sections 2.1 and 2.2
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length === 0) return undefined;
  if (isBegunBy(bytes, SIGNATURE)) return readBinary(bytes);
  if (isBegunBy(bytes, WORD)) return readLine(bytes);
  return { fault: 'it does not begin with one' };
}

/** Whether the bytes begin with `start`, as far as there are any. */
export function isBegunBy(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

/** How version 2 begins. */
export const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** How version 1 begins. */
export const WORD = Buffer.from('PROXY ', 'latin1');
const MAX_LINE_BYTES = 107;

function readLine(bytes: Buffer): ProxyHeader | undefined {
  const text = bytes.toString('latin1', 0, MAX_LINE_BYTES);
  const end = text.search(/[\r\n]/);
  if (end === -1) {
    return text.length < MAX_LINE_BYTES ? undefined : { fault: `its line is over ${MAX_LINE_BYTES} bytes` };
  }
  if (text[end] === '\r' && end + 1 === text.length && text.length < MAX_LINE_BYTES) return undefined;
  if (text.slice(end, end + 2) !== '\r\n') return { fault: 'its line does not end in CR LF' };
  const source = sourceInLine(text.slice(WORD.length, end));
  if (source === 'invalid') return { fault: 'its line names no connection' };
  return { source, bytes: end + 2 };
}

function sourceInLine(line: string): Peer | undefined | 'invalid' {
  const [family, ...fields] = line.split(' ');
  if (family === 'UNKNOWN') return undefined;
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : undefined;
  const [from = '', to = '', ...ports] = fields;
  if (isAddress === undefined || ports.length !== 2) return 'invalid';
  return isAddress(from) && isAddress(to) && ports.every(isPort) ? sourceAt(from) : 'invalid';
}

/** Without the name of an interface: that would be one of the proxy's machine. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

/** Written as a socket writes it, so that an address is one address however a proxy writes it. */
function sourceAt(address: string): Peer {
  return addressPeer(isIPv4(address) ? address : new SocketAddress({ address, family: 'ipv6' }).address);
}

const FIXED_BYTES = 16;
const VERSION = 2;
const LOCAL = 0;
const PROXY = 1;
const MAX_FAMILY = 3;
const MAX_TRANSPORT = 2;

function readBinary(bytes: Buffer): ProxyHeader | undefined {
  const [command] = bytes.subarray(SIGNATURE.length);
  if (command === undefined) return undefined;
  if (command >> 4 !== VERSION) return { fault: `its version is ${command >> 4}, not ${VERSION}` };
  const isLocal = (command & 15) === LOCAL;
  if (!isLocal && (command & 15) !== PROXY) return { fault: `its command is ${command & 15}` };
  const kind = bytes[SIGNATURE.length + 1];
  if (kind === undefined) return undefined;
  if (!isLocal && (kind >> 4 > MAX_FAMILY || (kind & 15) > MAX_TRANSPORT)) {
    return { fault: `its address family and transport are 0x${kind.toString(16).padStart(2, '0')}` };
  }
  if (bytes.length < FIXED_BYTES) return undefined;
  const length = bytes.readUInt16BE(FIXED_BYTES - 2);
  const whole = FIXED_BYTES + length;
  if (whole > MAX_HEADER_BYTES) return { fault: `it has ${whole} bytes, over ${MAX_HEADER_BYTES}` };
  const family = isLocal ? undefined : STREAMS[kind];
  if (family !== undefined && length < family.bytes) {
    return { fault: `its addresses have ${length} of ${family.bytes} bytes` };
  }
  if (bytes.length < whole) return undefined;
  return { source: family?.source(bytes.subarray(FIXED_BYTES)), bytes: whole };
}

/** What streams come from, by family and transport. Of anything else the proxy's own address is what is known. */
const STREAMS: Readonly<
  Record<number, { readonly bytes: number; readonly source: (addresses: Buffer) => Peer }>
> = {
  17: { bytes: 12, source: (addresses) => sourceAt(addresses.subarray(0, 4).join('.')) },
  33: { bytes: 36, source: (addresses) => sourceAt(ipv6Text(addresses)) },
  49: { bytes: 216, source: () => ({ text: 'unix' }) },
};

function ipv6Text(bytes: Buffer): string {
  return Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16)).join(':');
}
