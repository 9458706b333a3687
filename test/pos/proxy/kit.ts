import { createHash } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type { PeerConnection } from '../../../src/dialect/dialect.ts';
import { JsonposConversation } from '../../../src/dialect/jsonpos/conversation.ts';
import { reply } from '../../../src/dialect/reply.ts';
import { PosClient } from '../../../src/pos/pos-client.ts';
import type { NetworkOffer, NetworkOptions } from '../../../src/pos/proxy/network-offer.ts';
import { RegisterNetwork } from '../../../src/terminal/network/register-network.ts';
import { type MemoryWire, memoryWirePair } from '../../../src/wire/memory.ts';
import { OutputQueue } from '../../../src/wire/output-queue.ts';
import { after, until } from '../kit.ts';

/** Everything on the loopback may be reached in tests. */
export const loopback = ['127.*:*', 'localhost:*'];

function never(): never {
  throw new Error('no pattern');
}

/** A terminal that uses its register's network, over a wire inside this process, and in real time. */
export class NetworkTerminal {
  readonly network: RegisterNetwork;
  readonly #wire: MemoryWire;
  #peer: PeerConnection | undefined;

  constructor(wire: MemoryWire) {
    this.#wire = wire;
    const output = new OutputQueue(wire, { clock: systemClock });
    this.network = new RegisterNetwork({
      clock: systemClock,
      log: silentLogger,
      linkSpeed: Number.POSITIVE_INFINITY,
      ask: (method, params, settle) => {
        this.#peer?.request(JSON.stringify(method), Buffer.from(params), ({ kind, text }) =>
          settle({ kind, text: Buffer.from(text) }),
        );
      },
      tell: (method, params, written) => {
        this.#peer?.notify(JSON.stringify(method), Buffer.from(params));
        setImmediate(written);
      },
    });
    const conversation = new JsonposConversation(
      {
        clock: systemClock,
        log: silentLogger,
        statistics: new Statistics(),
        randomId: () => 'test',
        send: (frame, urgency) => output.push(frame, urgency),
        discardOutput: () => {},
        accepted: () => {},
        branch: never,
        opened: (peer) => {
          this.#peer = peer;
          return {
            request: (request) => {
              const { method, params } = request;
              if (method === 'NetworkStart') this.network.offered();
              if (method === 'NetworkDisconnected') this.network.disconnected(params);
              reply(request, 'result', Buffer.from('{}'));
            },
            notification: ({ method, params }) => {
              if (method === 'Data') this.network.data(params);
            },
            inputEnded: (reason) => peer.close(reason),
            closed: () => this.network.withdrawn('the register is gone'),
          };
        },
        finished: () => output.end(() => wire.destroy()),
      },
      'stream',
      { maxFrameBytes: 262_134, keepalive: 'off' },
    );
    wire.start({
      chunk: (bytes) => conversation.receive(bytes),
      end: () => conversation.endOfInput(),
      closed: () => conversation.lost({ code: 'CONNECTION_CLOSED', text: 'closed', by: 'wire' }),
    });
  }

  /** The connection to the register breaks. */
  vanish(): void {
    this.#wire.reset();
  }
}

export interface NetworkBench {
  readonly client: PosClient;
  readonly offer: NetworkOffer;
  /** The newest connection's. */
  readonly terminal: () => NetworkTerminal;
  readonly connect: (port: number, host?: string) => Duplex;
}

/** A register whose network is offered to a terminal, over as many connections as it makes. */
export async function networkBench(options: NetworkOptions = {}): Promise<NetworkBench> {
  const terminals: NetworkTerminal[] = [];
  const client = await PosClient.open({
    to: 'tcp:127.0.0.1:10001',
    openWire: async () => {
      const [register, terminal] = memoryWirePair();
      terminals.push(new NetworkTerminal(terminal));
      return register;
    },
  });
  after(() => client.close());
  const terminal = () => terminals.at(-1) ?? never();
  const offer = await client.offerNetwork({
    allow: loopback,
    linkSpeed: Number.POSITIVE_INFINITY,
    ...options,
  });
  await client.connect();
  await until(() => offer.isStarted);
  const connect = (port: number, host = '127.0.0.1') => terminal().network.connect(host, port);
  return { client, offer, terminal, connect };
}

/** A server on the loopback; closed after the test with every connection. */
export async function tcpServer(
  accepted: (socket: Socket) => void,
): Promise<{ port: number; server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    accepted(socket);
    socket.on('end', () => socket.end());
    if (socket.listenerCount('data') + socket.listenerCount('readable') === 0) socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, server, sockets };
}

/** Everything until the end; rejects when the stream fails. */
export async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** What a stream fails with. */
export function faultOf(stream: Duplex): Promise<Error> {
  return new Promise((resolve) => stream.once('error', resolve));
}

export function closed(stream: Duplex | Socket): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve());
  });
}

export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Sockets that this process has open. */
export function openSockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // the one that the folder was read by
    }
  }).length;
}
