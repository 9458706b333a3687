import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

/** Why a request is turned away. */
export interface Refusal {
  readonly status: number;
  /** For the person at the browser. */
  readonly why: string;
}

/** Where the screen is served. */
export interface ScreenAddress {
  /** As the endpoint names it; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Needed in the URL of the page and of its WebSocket; absent where only this machine can connect. */
  readonly token: string | undefined;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
const ANY_ADDRESS = ['0.0.0.0', '::'];
const TOKEN_BYTES = 18;

export function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

export function createToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** What a person opens: `http://127.0.0.1:8080/`. Listening everywhere, it names an address that others can reach. */
export function urlOf({ host, port, token }: ScreenAddress): string {
  const name = ANY_ADDRESS.includes(host) ? outsideAddress() : host;
  return `http://${bracketed(name)}:${port}/${token === undefined ? '' : `?token=${token}`}`;
}

function outsideAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1';
}

/**
 * A page that makes its own name point here (DNS rebinding) is given away by the Host header: only names of this
 * address are answered.
 */
export function refusalOfHost(request: IncomingMessage, address: ScreenAddress): Refusal | undefined {
  const named = request.headers.host?.toLowerCase() ?? '';
  const local = (request.socket.localAddress ?? '').replace(/^::ffff:/, '');
  const names = isLoopback(local) ? [local, '127.0.0.1', '::1', 'localhost'] : [local, hostname()];
  if (!ANY_ADDRESS.includes(address.host)) names.push(address.host);
  const isOurs = names.some((name) => {
    const host = bracketed(name.toLowerCase());
    return named === `${host}:${address.port}` || (address.port === 80 && named === host);
  });
  return isOurs ? undefined : { status: 403, why: 'The screen is not served under this name.' };
}

export function refusalOfToken(query: string | undefined, { token }: ScreenAddress): Refusal | undefined {
  if (token === undefined) return undefined;
  const given = new URLSearchParams(query).get('token') ?? '';
  if (timingSafeEqual(sha256(given), sha256(token))) return undefined;
  return { status: 403, why: 'Open the whole address that the terminal has printed, with its token.' };
}

/** Browsers name the page that opens a WebSocket, and do not stop pages of others: that is up to us. */
export function refusalOfOrigin({ headers }: IncomingMessage): Refusal | undefined {
  if (headers.origin === `http://${headers.host}`) return undefined;
  return { status: 403, why: 'Only the page of the screen itself may connect.' };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
