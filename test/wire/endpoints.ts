import type { Endpoint } from '../../src/endpoint/endpoint.ts';

type Kind<K extends Endpoint['kind']> = Extract<Endpoint, { kind: K }>;

export function tcpEndpoint(port: number, host = '127.0.0.1'): Kind<'tcp'> {
  return { kind: 'tcp', text: `tcp:${host}:${port}`, host, port };
}

export function unixEndpoint(
  path: string,
  options: { mode?: number; abstract?: boolean } = {},
): Kind<'unix'> {
  const { abstract = false, ...rest } = options;
  return { kind: 'unix', text: `unix:${abstract ? '@' : ''}${path}`, path, abstract, ...rest };
}

export function wsEndpoint(port: number, path: string, options: { userinfo?: string } = {}): Kind<'ws'> {
  const { userinfo = '' } = options;
  const url = `ws://${userinfo}127.0.0.1:${port}${path}`;
  return { kind: 'ws', text: url, url, host: '127.0.0.1', port, path, secure: false };
}
