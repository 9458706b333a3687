import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock } from '../base/clock.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { judgeRequest, type Refusal, refusedPeer, refuseRequest } from './admission.ts';
import { ExchangeWire } from './exchange-wire.ts';
import { openHttpServer } from './http-server.ts';
import type { Listener, ListenOptions } from './listener.ts';
import { socketPeer } from './peer.ts';
import type { Peer, Wire } from './wire.ts';
import { DEFAULT_MAX_MESSAGE_BYTES } from './ws.ts';

type HttpEndpoint = Extract<Endpoint, { kind: 'http' }>;

/**
 * Accepts posted messages on one path, or below it: each is a wire of its own. What they say they are does not matter;
 * they have as long as any handshake.
 */
export async function listenHttp(endpoint: HttpEndpoint, options: ListenOptions): Promise<Listener> {
  const { onFault: report = () => {} } = options;
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const heard = () => server.heard(request.socket);
    take(request, response, { ...options, path: endpoint.path, heard }).catch(report);
  };
  const server = await openHttpServer(endpoint, { ...options, answer });
  return {
    address: `${endpoint.secure ? 'https' : 'http'}://${server.address}${endpoint.path}`,
    close: () => server.close('drain'),
  };
}

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  options: ListenOptions & { readonly path: string; readonly heard: () => void },
): Promise<void> {
  const { admit = () => ({}), maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, onWire, heard } = options;
  const peer = socketPeer(request.socket);
  const refused = (refusal: Refusal) => {
    heard();
    refuseRequest(response, refusal);
    throw refusedPeer('a request', peer, refusal);
  };
  const admission = await judgeRequest(request, peer, { ...options, admit });
  if ('status' in admission) return refused(admission);
  if (request.method !== 'POST') return refused(NOT_POSTED);
  const body = await bodyOf(request, maxMessageBytes);
  if (body === undefined) return;
  if ('status' in body) return refused(body);
  heard();
  if (response.closed) return;
  const { identity } = admission;
  const whom = identity === undefined ? peer : { ...peer, identity };
  onWire(new ExchangeWire(body, response, whom, await postOf(request, peer, options)));
}

/** Most peers say nothing of where they listen. */
async function postOf(
  request: IncomingMessage,
  peer: Peer,
  options: ListenOptions,
): Promise<Wire['post'] | undefined> {
  const { 'x-callback-url': url } = request.headers;
  if (typeof url !== 'string') return undefined;
  const { clock = systemClock, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, onFault = () => {} } = options;
  const { posterTo } = await import('./poster.ts');
  return posterTo(url, peer, { clock, maxMessageBytes, onFault });
}

const NOT_POSTED: Refusal = { status: 405, why: 'messages are posted here', headers: { Allow: 'POST' } };

/** Undefined: the peer is gone. */
async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Buffer | Refusal | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > maxBytes) return { status: 413, why: `a message has at most ${maxBytes} bytes` };
      parts.push(part);
    }
  } catch {
    return undefined;
  }
  return bytes === 0 ? { status: 400, why: 'there is no message' } : Buffer.concat(parts, bytes);
}
