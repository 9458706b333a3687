import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { systemClock } from '../base/clock.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { judgeRequest, type Refusal, refusedPeer } from './admission.ts';
import { DescriptorGuard } from './descriptor-guard.ts';
import { ExchangeWire } from './exchange-wire.ts';
import { Handshakes } from './handshakes.ts';
import { createHttpServer } from './http-server.ts';
import {
  bind,
  boundAddress,
  DEFAULT_MAX_CONNECTIONS,
  type Listener,
  type ListenOptions,
} from './listener.ts';
import { socketPeer } from './peer.ts';
import { DEFAULT_MAX_MESSAGE_BYTES } from './ws.ts';

type HttpEndpoint = Extract<Endpoint, { kind: 'http' }>;

/**
 * Accepts posted messages on one path, or below it: each is a wire of its own. What they say they are does not matter; they have as long
 * as any handshake.
 */
export async function listenHttp(endpoint: HttpEndpoint, options: ListenOptions): Promise<Listener> {
  const { clock = systemClock, onFault: report = () => {} } = options;
  const guard = new DescriptorGuard(report);
  const handshakes = new Handshakes(options.maxConnections ?? DEFAULT_MAX_CONNECTIONS, clock);
  let isClosing = false;
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (isClosing) response.shouldKeepAlive = false;
    take(request, response, { ...options, path: endpoint.path }, handshakes).catch(report);
  };
  const server = await createHttpServer(endpoint, options, answer);
  server.on('connection', (socket: Socket) => {
    if (guard.admit(socket)) handshakes.begin(socket);
  });
  await bind(server, { host: endpoint.host, port: endpoint.port }, endpoint.text);
  server.on('error', report);
  return {
    address: `${endpoint.secure ? 'https' : 'http'}://${boundAddress(server, endpoint.host)}${endpoint.path}`,
    async close() {
      isClosing = true;
      server.stopWatching?.();
      server.close();
      server.closeIdleConnections();
      handshakes.close();
    },
  };
}

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  options: ListenOptions & { readonly path: string },
  handshakes: Handshakes,
): Promise<void> {
  const { admit = () => ({}), maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, onWire } = options;
  const peer = socketPeer(request.socket);
  const refused = (refusal: Refusal) => {
    handshakes.done(request.socket);
    refuse(response, refusal);
    throw refusedPeer('a request', peer, refusal);
  };
  const admission = await judgeRequest(request, peer, { ...options, admit });
  if ('status' in admission) return refused(admission);
  if (request.method !== 'POST') return refused(NOT_POSTED);
  const body = await bodyOf(request, maxMessageBytes);
  if (body === undefined) return;
  if ('status' in body) return refused(body);
  handshakes.done(request.socket);
  if (response.closed) return;
  const { identity } = admission;
  onWire(new ExchangeWire(body, response, identity === undefined ? peer : { ...peer, identity }));
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

function refuse(response: ServerResponse, { status, why, headers = {} }: Refusal): void {
  response.on('error', () => {});
  response.shouldKeepAlive = false;
  const text = Buffer.from(`${why}\n`);
  const plain = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': text.length };
  response.writeHead(status, { ...headers, ...plain }).end(text);
}
