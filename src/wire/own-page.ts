import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';
import { hostname } from 'node:os';

/** Where pages are served. */
export interface PageAddress {
  /** As the endpoint names it; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Over TLS. Default: no. */
  readonly isSecure?: boolean;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
export const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];

/** Whether only this machine can connect there. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/**
 * Whether the `Host` header names this address. A page that makes its own name point here (DNS rebinding) is given away
 * by it.
 */
export function isOwnName(request: IncomingMessage, address: PageAddress): boolean {
  const named = request.headers.host?.toLowerCase() ?? '';
  const local = (request.socket.localAddress ?? '').replace(/^::ffff:/, '');
  const names = isLoopback(local) ? [local, '127.0.0.1', '::1', 'localhost'] : [local, hostname()];
  if (!ANY_ADDRESS.includes(address.host)) names.push(address.host);
  const usualPort = address.isSecure ? 443 : 80;
  return names.some((name) => {
    const host = bracketed(name.toLowerCase());
    return named === `${host}:${address.port}` || (address.port === usualPort && named === host);
  });
}

/**
 * Whether the page that makes the request, as browsers name it in `Origin`, has come from the address that is asked.
 */
export function isOwnOrigin({ headers }: IncomingMessage, isSecure = false): boolean {
  return headers.origin === `${isSecure ? 'https' : 'http'}://${headers.host}`;
}

/** As a URL writes a host. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
