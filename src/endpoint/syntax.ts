import { isIPv4, isIPv6 } from 'node:net';
import { BridgeError } from '../base/errors.ts';
import { maskText } from '../base/mask.ts';
import { quoteText } from '../base/printable.ts';
import type {
  Endpoint,
  FdEndpoint,
  FifoEndpoint,
  HttpEndpoint,
  NatsEndpoint,
  SerialEndpoint,
  SimulatorEndpoint,
  TerminalEndpoint,
  UnixEndpoint,
  WireEndpoint,
  WsEndpoint,
} from './endpoint.ts';
import { BRACES, isPlaceholder, PLACEHOLDERS } from './placeholder.ts';
import { readSerialLine } from './serial.ts';

/** The forms of endpoints, each with an example. */
export const EXAMPLES = {
  fd: 'fd:3',
  fifo: 'fifo:/run/pos/ui',
  unix: 'unix:/run/pay.sock',
  tcp: 'tcp:127.0.0.1:10001',
  serial: 'serial:/dev/ttyS0?baudRate=115200',
  ws: 'ws://127.0.0.1:8080/pos',
  wss: 'wss://pos.example.com/pos',
  http: 'http://127.0.0.1:8080/nexo',
  https: 'https://10.0.0.6:8443/nexo',
  nats: 'nats://10.0.0.1:4222,10.0.0.2:4222/shop1',
  simulator: 'simulator:',
  null: 'null:',
} as const;

export type Scheme = keyof typeof EXAMPLES;

export function schemeOf(text: string): Scheme | undefined {
  const word = text.slice(0, Math.max(0, text.indexOf(':')));
  return Object.hasOwn(EXAMPLES, word) ? (word as Scheme) : undefined;
}

/** What stands before the plus of `DIALECT+ENDPOINT`; undefined for an endpoint that is no terminal's. */
export function dialectIn(text: string): string | undefined {
  return DIALECT_PREFIX.exec(text)?.[1];
}

/** A plus that comes before the colon of the scheme. */
const DIALECT_PREFIX = /^([a-z][a-z\d.-]*)\+[a-z]+:/;

/** Whether a text that should be a path is an address instead: `nats://HOST`, `tcp:HOST:PORT`. */
export function isAddress(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || (schemeOf(text) ?? dialectIn(text)) !== undefined;
}

/** An ENDPOINT_INVALID about a text. */
export function invalid(text: string, why: string, example: string): BridgeError {
  return new BridgeError('ENDPOINT_INVALID', `${shown(text)}: ${why}; for example ${example}`);
}

/** A part of an endpoint in an error text: also without a password that has no place in it. */
function shown(text: string): string {
  return quoteText(maskText(text).replace(/(?<![^\s:@/])[^\s:@/]+:[^\s@/]+@/g, '***@'), MAX_SHOWN);
}

/**
 * Reads an endpoint text, whatever it is used for. Lengths and hosts of a text with placeholders are left
 * for later, when it is read again with everything filled in.
 */
export function readEndpoint(text: string): Endpoint {
  const dialect = dialectIn(text);
  if (dialect !== undefined) return readTerminal(text, dialect);
  const scheme = schemeOf(text);
  if (scheme === undefined)
    throw invalid(text, 'no such kind of endpoint', Object.values(EXAMPLES).join(', '));
  const source: Source = { text, rest: text.slice(scheme.length + 1), example: EXAMPLES[scheme] };
  if (text.length > MAX_TEXT) throw complaint(source, `longer than ${MAX_TEXT} characters`);
  if (/[\p{Cc}\p{Cs}]/u.test(text)) throw complaint(source, 'it holds a control character');
  checkBraces(source);
  switch (scheme) {
    case 'fd':
      return readFd(source);
    case 'fifo':
      return readFifo(source);
    case 'unix':
      return readUnix(source);
    case 'tcp':
      return { kind: 'tcp', text, ...readAddress(source, source.rest) };
    case 'serial':
      return readSerial(source);
    case 'ws':
    case 'wss':
      return { kind: 'ws', ...readUrl(source, scheme === 'wss') };
    case 'http':
    case 'https':
      return { kind: 'http', ...readUrl(source, scheme === 'https') };
    case 'nats':
      return readNats(source);
    case 'simulator':
      return readSimulator(source);
    case 'null':
      if (source.rest !== '') throw complaint(source, 'nothing may follow the colon');
      return { kind: 'null', text };
  }
}

/** Where one wire can be opened to somebody who waits there. */
export const WIRE_SCHEMES = [
  'tcp',
  'unix',
  'serial',
  'ws',
  'wss',
  'http',
  'https',
  'fd',
] as const satisfies readonly Scheme[];

function readTerminal(text: string, dialect: string): TerminalEndpoint {
  const [at = '', ...query] = text.slice(dialect.length + 1).split('?');
  const example = `${dialect}+${EXAMPLES.tcp}`;
  const scheme = schemeOf(at);
  if (!WIRE_SCHEMES.some((one) => one === scheme)) {
    throw invalid(text, `no terminal can be there, only at ${WIRE_SCHEMES.join(', ')}`, example);
  }
  if (text.length > MAX_TEXT) throw invalid(text, `longer than ${MAX_TEXT} characters`, example);
  return { kind: 'terminal', text, dialect, place: readEndpoint(at) as WireEndpoint, query: query.join('?') };
}

const MAX_SHOWN = 200;
const MAX_TEXT = 4096;
const MAX_FD = 65_535;
/** A socket address holds 108 bytes: a path needs one for its end, an abstract name one for its beginning. */
const MAX_SOCKET_BYTES = 107;
const MAX_PATH_BYTES = 4095;
const MAX_FILE_NAME_BYTES = 255;
const MAX_HOST = 253;

interface Source {
  readonly text: string;
  /** Behind the scheme's colon. */
  readonly rest: string;
  readonly example: string;
}

function complaint(source: Source, why: string, example = source.example): BridgeError {
  return invalid(source.text, why, example);
}

function checkBraces(source: Source): void {
  const known = PLACEHOLDERS.map((word) => `{${word}}`).join(' ');
  const bare = source.text.replace(BRACES, (braces, word: string) => {
    if (isPlaceholder(word)) return '';
    throw complaint(source, `nothing is known as ${shown(braces)}, only ${known}`);
  });
  if (/[{}]/.test(bare)) throw complaint(source, `a brace without its partner; braces are for ${known}`);
}

function hasPlaceholders(text: string): boolean {
  return text.includes('{');
}

function readFd({ text, rest, example }: Source): FdEndpoint {
  const [, read, , write = read] = /^(0|[1-9]\d{0,4})(,(0|[1-9]\d{0,4}))?$/.exec(rest) ?? [];
  const endpoint = { kind: 'fd', text, read: Number(read), write: Number(write) } as const;
  if (endpoint.read <= MAX_FD && endpoint.write <= MAX_FD) return endpoint;
  throw invalid(text, `descriptors are numbers from 0 to ${MAX_FD}, one or two`, `${example}, fd:6,7`);
}

function readFifo(source: Source): FifoEndpoint {
  const path = source.rest;
  if (path === '' || path.endsWith('/')) throw complaint(source, 'the path of the named pipe is missing');
  checkPath(source, path, MAX_PATH_BYTES);
  return { kind: 'fifo', text: source.text, path };
}

function readUnix(source: Source): UnixEndpoint {
  const [place = '', ...options] = source.rest.split('?');
  const abstract = place.startsWith('@');
  const path = abstract ? place.slice(1) : place;
  if (path === '' || (path.endsWith('/') && !abstract)) {
    throw complaint(source, 'the path is missing', `${source.example}, unix:@pay`);
  }
  if (abstract) checkLength(source, path, MAX_SOCKET_BYTES);
  else checkPath(source, path, MAX_SOCKET_BYTES);
  const endpoint = { kind: 'unix', text: source.text, path, abstract } as const;
  return options.length === 0
    ? endpoint
    : { ...endpoint, mode: readMode(source, options.join('?'), abstract) };
}

function readMode(source: Source, options: string, abstract: boolean): number {
  const [, octal] = /^mode=(0?[0-7]{3})$/.exec(options) ?? [];
  if (octal === undefined)
    throw complaint(source, 'only ?mode=, three octal digits, may follow', `${source.example}?mode=0660`);
  if (abstract) throw complaint(source, 'an abstract socket is no file and has no mode', 'unix:@pay');
  return Number.parseInt(octal, 8);
}

function checkPath(source: Source, path: string, maxBytes: number): void {
  checkLength(source, path, maxBytes);
  if (hasPlaceholders(path)) return;
  if (path.split('/').some((name) => Buffer.byteLength(name) > MAX_FILE_NAME_BYTES)) {
    throw complaint(source, `a file name is longer than ${MAX_FILE_NAME_BYTES} bytes`);
  }
}

function checkLength(source: Source, path: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= maxBytes || hasPlaceholders(path)) return;
  throw complaint(source, `${bytes} bytes are too long, ${maxBytes} is the limit`);
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`; without a default port, the port must be there. */
function readAddress(source: Source, text: string, defaultPort?: number): Address {
  const [, bracketed, plain, digits] = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) {
    const isBareIPv6 = isIPv6(text) || isIPv6(text.replace(/:[^:]*$/, ''));
    throw complaint(
      source,
      isBareIPv6 ? 'an IPv6 address stands in brackets' : 'this is no HOST:PORT',
      IPV6_EXAMPLES[source.example],
    );
  }
  if (host === '') throw complaint(source, 'the host is missing');
  const isHost = bracketed === undefined ? isHostName(host) : isIPv6(host);
  if (!isHost) throw complaint(source, `${shown(host)} is no host name or address`);
  if (digits === undefined && defaultPort !== undefined) return { host, port: defaultPort };
  if (digits === undefined || digits === '') throw complaint(source, 'the port is missing');
  if (!/^(?:0|[1-9]\d{0,4})$/.test(digits) || Number(digits) > 65_535) {
    throw complaint(source, 'a port is a number from 1 to 65535');
  }
  return { host, port: Number(digits) };
}

const IPV6_EXAMPLES: Readonly<Record<string, string>> = {
  [EXAMPLES.tcp]: `${EXAMPLES.tcp}, tcp:[::1]:10001`,
  [EXAMPLES.ws]: `${EXAMPLES.ws}, ws://[::1]:8080/pos`,
  [EXAMPLES.http]: `${EXAMPLES.http}, http://[::1]:8080/nexo`,
};

/** A name as the Domain Name System knows it, or an IPv4 address. */
function isHostName(host: string): boolean {
  const labels = host.replace(BRACES, 'x').replace(/\.$/, '').split('.');
  if (labels.join('.').length > MAX_HOST) return false;
  if (/^\d*$/.test(labels.at(-1) ?? '')) return isIPv4(host);
  return labels.every((label) => /^\w(?:[\w-]{0,61}\w)?$/.test(label));
}

function readUrl(source: Source, secure: boolean): Omit<WsEndpoint | HttpEndpoint, 'kind'> {
  const { text } = source;
  const [, authority, path] = /^\/\/([^/?#]*)(.*)$/.exec(source.rest) ?? [];
  if (authority === undefined || path === undefined)
    throw complaint(source, 'two slashes and a host must follow');
  if (authority.includes('@')) throw complaint(source, 'passwords come from a file or the environment');
  const address = readAddress(source, authority, secure ? 443 : 80);
  if (path.includes('#')) throw complaint(source, 'this address has no # part');
  if (!/^[!-~]*$/.test(path)) throw complaint(source, 'characters other than ASCII are written as %XX');
  if (!hasPlaceholders(text) && !URL.canParse(text)) throw complaint(source, 'this is no valid URL');
  return { text, url: text, ...address, path: path.startsWith('/') ? path : `/${path}`, secure };
}

function readNats(source: Source): NatsEndpoint {
  const { text } = source;
  const [, hosts, prefix] = /^\/\/([^/?#]*)\/(.*)$/.exec(source.rest) ?? [];
  if (hosts === undefined || prefix === undefined) {
    throw complaint(source, 'two slashes, the servers, a slash and a prefix must follow');
  }
  if (hosts.includes('@')) throw complaint(source, 'what one signs in with comes from a file: --nats-creds');
  const servers = hosts.split(',').map((host) => {
    const address = readAddress(source, host, NATS_PORT);
    return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
  });
  if (!/^[\w%-]+(?:\.[\w%-]+)*$/.test(prefix.replace(BRACES, 'x')) || prefix.length > MAX_NATS_PREFIX) {
    const why = `the prefix is up to ${MAX_NATS_PREFIX} letters, digits, dashes and underscores, with dots between words`;
    throw complaint(source, why);
  }
  return { kind: 'nats', text, servers, prefix };
}

const NATS_PORT = 4222;
const MAX_NATS_PREFIX = 200;

function readSerial(source: Source): SerialEndpoint {
  const { text } = source;
  const line = readSerialLine(source.rest, (why, example) => complaint(source, why, example));
  if (line.device.kind === 'path') checkPath(source, line.device.path, MAX_PATH_BYTES);
  return { kind: 'serial', text, ...line };
}

const SIMULATOR_OPTIONS: ReadonlyMap<string, (value: string) => boolean> = new Map([
  ['delay', (value: string) => /^(0|[1-9]\d{0,5})$/.test(value)],
  ['state', (value: string) => !isAddress(value)],
  ['download', (value: string) => /^http:\/\/./.test(value)],
  ['receipts', (value: string) => /^(text|lines)$/.test(value)],
]);

function readSimulator(source: Source): SimulatorEndpoint {
  const { text, rest } = source;
  if (rest === '') return { kind: 'simulator', text, options: {} };
  const options = new Map<string, string>();
  for (const option of rest.startsWith('?') ? rest.slice(1).split('&') : ['']) {
    const [, name = '', value = ''] = /^([a-z]+)=(.+)$/s.exec(option) ?? [];
    if (SIMULATOR_OPTIONS.get(name)?.(value) !== true || options.has(name)) {
      const why =
        'only ?delay=, a number of milliseconds, ?state=, a folder, ?receipts=, text or lines, and ?download=, an http: address, may follow, each once';
      throw complaint(source, why, 'simulator:?delay=300&state=/var/lib/pos-terminal');
    }
    if (name === 'state') checkPath(source, value, MAX_PATH_BYTES);
    options.set(name, value);
  }
  return { kind: 'simulator', text, options: Object.fromEntries(options) };
}
