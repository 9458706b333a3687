import type { Socket } from 'node:net';
import { BridgeError } from '../base/errors.ts';
import { isLoopback } from '../endpoint/parse.ts';

/** The address of a proxy of HTTP that opens connections to others (CONNECT). */
export type ProxyAddress = URL;

/** Which proxy leads to where; undefined: none is needed. */
export type ProxyRule = (target: ProxyTarget) => ProxyAddress | undefined;

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy's address as it is written: `http://NAME:PASSWORD@HOST:PORT`, or without what is not needed. */
export function parseProxy(text: string): ProxyAddress | undefined {
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  const isPlain = url !== undefined && /^\/?$/.test(url.pathname) && url.search === '' && url.hash === '';
  return isPlain && /^https?:$/.test(url.protocol) ? url : undefined;
}

/**
 * The proxies that the environment names, in the way of curl: `https_proxy` for what is encrypted and `http_proxy` for
 * what is not, except where `no_proxy` says so; capital letters do as well, but for HTTP_PROXY, which a web server may
 * have made of a header. This machine is never reached through one. A rule throws USAGE for a variable that cannot be
 * read.
 */
export function proxiesOf(env: Environment): ProxyRule {
  return (target) => {
    const names = target.secure ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy'];
    const name = names.find((one) => env[one] !== undefined && env[one] !== '');
    const text = name === undefined ? undefined : env[name];
    if (text === undefined || isLoopback(target.host)) return undefined;
    if (isExcepted(target, env['no_proxy'] ?? env['NO_PROXY'] ?? '')) return undefined;
    const proxy = parseProxy(text);
    if (proxy !== undefined) return proxy;
    throw new BridgeError('USAGE', `${name} is no address of a proxy; for example ${PROXY_EXAMPLE}`);
  };
}

export const PROXY_EXAMPLE = 'http://proxy.example:3128';

/** Names in a list stand for themselves and for what is below them. */
function isExcepted({ host, port }: ProxyTarget, list: string): boolean {
  const name = host.toLowerCase();
  return list.split(/[\s,]+/).some((entry) => {
    const [, suffix = '', only] = /^\*?\.?(.+?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (entry === '*') return true;
    if (suffix === '' || (only !== undefined && Number(only) !== port)) return false;
    return name === suffix || name.endsWith(`.${suffix}`);
  });
}

/** A socket to `host:port` through a proxy. Rejects with WIRE_OPEN_FAILED, or with what the system says. */
export async function connectThrough(
  url: ProxyAddress,
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Socket> {
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const asking = request({
      method: 'CONNECT',
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      path: target,
      headers: { Host: target, ...credentialsOf(url) },
      agent: false,
      signal,
    });
    asking.once('connect', (answer, socket, head) => {
      if (answer.statusCode === 200) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket as Socket);
        return;
      }
      socket.destroy();
      reject(refused(url, target, answer.statusCode));
    });
    asking.once('response', (answer) => {
      answer.destroy();
      reject(refused(url, target, answer.statusCode));
    });
    asking.once('error', reject);
    asking.end();
  });
}

function credentialsOf({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'Proxy-Authorization': `Basic ${Buffer.from(login).toString('base64')}` };
}

function refused(url: URL, target: string, status = 0): BridgeError {
  const why = status === 407 ? 'it wants a name and a password, or others' : 'it does not connect to there';
  return new BridgeError(
    'WIRE_OPEN_FAILED',
    `the proxy ${url.host} refuses ${target}: ${why} (HTTP ${status})`,
  );
}
