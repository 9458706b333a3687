import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { type ConnectWsOptions, connectWs } from '../../src/wire/ws.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { wsEndpoint } from './endpoints.ts';
import { Recorder } from './recorder.ts';

/** What a protocol wants of the WebSockets that we open, at a server of the library's own. */

const toClose: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function open(options: ConnectWsOptions, server: Partial<ServerOptions> = {}) {
  const acceptor = new WebSocketServer({ host: '127.0.0.1', port: 0, ...server });
  toClose.push(() => acceptor.close());
  await once(acceptor, 'listening');
  const { port } = acceptor.address() as AddressInfo;
  const connected = once(acceptor, 'connection') as Promise<[WebSocket, IncomingMessage]>;
  const wire = new Recorder(await connectWs(wsEndpoint(port, '/sci'), options)).start();
  const [peer, asked] = await connected;
  toClose.push(
    () => wire.destroy(),
    () => peer.terminate(),
  );
  return { wire, peer, asked };
}

describe('a server that selects no subprotocol', () => {
  const none = { handleProtocols: () => false as const };

  test('is refused', async () => {
    await expect(open({ subprotocol: 'sci' }, none)).rejects.toMatchObject({ code: 'WIRE_OPEN_FAILED' });
  });

  test('is taken where the protocol says so, as is one that selects it', async () => {
    const wishes = { subprotocol: 'sci', takesNoSubprotocol: true };
    const { asked, wire, peer } = await open(wishes, none);
    expect(asked.headers['sec-websocket-protocol']).toBe('sci');
    peer.send('<A/>');
    await wire.received(4);
    await open(wishes, { handleProtocols: () => 'sci' });
  });

  test('is refused all the same when it selects another one', async () => {
    const other = { handleProtocols: () => 'soap' };
    await expect(open({ subprotocol: 'sci', takesNoSubprotocol: true }, other)).rejects.toMatchObject({
      code: 'WIRE_OPEN_FAILED',
    });
  });
});

test('further headers stand in the request, Origin among them', async () => {
  const headers = { Origin: 'http://127.0.0.1', 'x-vfi-pinpad-id': '1' };
  const { asked } = await open({ subprotocol: 'sci', headers });
  expect(asked.headers).toMatchObject({ origin: 'http://127.0.0.1', 'x-vfi-pinpad-id': '1' });
});

describe('pings', () => {
  test('are sent as often as the protocol wants, and who answers stays', async () => {
    const clock = new FakeClock();
    const { wire, peer } = await open({ subprotocol: undefined, pingMs: 45_000, clock });
    for (let count = 0; count < 3; count += 1) {
      const pinged = once(peer, 'ping');
      clock.advance(45_000);
      await pinged;
      peer.send('.'); // behind the pong
      await wire.received(count + 1);
    }
    expect(wire.order).not.toContain('closed');
    wire.destroy();
    await wire.closed;
    expect(clock.timerCount).toBe(0);
  });

  test('that are not answered by the next one end the wire', async () => {
    const clock = new FakeClock();
    const { wire, peer } = await open({ subprotocol: undefined, pingMs: 45_000, clock });
    peer.send('.');
    await wire.received(1);
    peer.pause();
    clock.advance(45_000);
    expect(wire.order).toEqual(['chunk']);
    clock.advance(45_000);
    expect(await wire.closed).toMatchObject({
      code: 'WIRE_LOST',
      message: 'no answer to a ping within 45 s',
    });
  });

  test('judge nobody while nothing is read', async () => {
    const clock = new FakeClock();
    const { wire, peer } = await open({ subprotocol: undefined, pingMs: 45_000, clock });
    wire.wire.pause();
    for (let count = 0; count < 5; count += 1) clock.advance(45_000);
    wire.wire.resume();
    peer.send('still here');
    await wire.received(10);
    expect(wire.order).toEqual(['chunk']);
  });
});
