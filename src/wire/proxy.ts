import type { Socket } from 'node:net';
import { BridgeError } from '../base/errors.ts';

/** A proxy of HTTP that opens connections to others (CONNECT). */
export interface Proxy {
  readonly url: URL;
}

/** A socket to `host:port` through a proxy. Rejects with WIRE_OPEN_FAILED, or with what the system says. */
export async function connectThrough(
  { url }: Proxy,
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
