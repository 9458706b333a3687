import type { Server } from 'node:net';
import { BridgeError } from '../base/errors.ts';
import type { Endpoint, FdEndpoint } from '../endpoint/endpoint.ts';
import { isInherited, isListening, notInheritedText } from './descriptor.ts';
import { bind } from './listener.ts';
import { bindUnix } from './unix-listen.ts';

/** Where a server of sockets can listen. */
export type ListenEndpoint = Extract<Endpoint, { kind: 'tcp' | 'unix' | 'fd' | 'ws' | 'http' }>;

/** Binds and listens at an endpoint. Rejects with LISTEN_FAILED, ENDPOINT_INVALID or FD_NOT_INHERITED. */
export function bindPlace(server: Server, endpoint: ListenEndpoint): Promise<void> {
  if (endpoint.kind === 'unix') return bindUnix(server, endpoint);
  if (endpoint.kind === 'fd') return takeOver(server, endpoint);
  return bind(server, { host: endpoint.host, port: endpoint.port }, endpoint.text);
}

/** Accepts on a socket that somebody else has bound: a super-server keeps it while we are started again. */
async function takeOver(server: Server, { text, read: fd }: FdEndpoint): Promise<void> {
  if (!isInherited(fd)) throw new BridgeError('FD_NOT_INHERITED', notInheritedText(fd));
  if (!isListening(fd)) {
    const why = `descriptor ${fd} is no listening socket; with systemd the first of a unit is fd:3`;
    throw new BridgeError('ENDPOINT_INVALID', `${text}: ${why}`);
  }
  await bind(server, { fd }, text);
}
