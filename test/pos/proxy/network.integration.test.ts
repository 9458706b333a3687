import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { turn, until } from '../kit.ts';
import { closed, faultOf, networkBench, openSockets, readAll, sha256, tcpServer } from './kit.ts';

/** Bytes that arrive on a stream, `count` of them. */
function received(stream: Duplex, count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= count) resolve(Buffer.concat(chunks));
    });
  });
}

describe('bytes through the network of the register', () => {
  test('arrive as they were sent, both ways at once', async () => {
    const [down, up] = [randomBytes(3_000_000), randomBytes(2_000_000)];
    const arrived: Promise<Buffer>[] = [];
    const { port } = await tcpServer((socket) => {
      arrived.push(received(socket, up.length));
      socket.write(down);
    });
    const { connect, offer } = await networkBench();
    const stream = connect(port);
    stream.write(up);
    expect(sha256(await received(stream, down.length))).toBe(sha256(down));
    expect(sha256(await (arrived[0] as Promise<Buffer>))).toBe(sha256(up));
    expect(offer.totals).toMatchObject({
      connections: 1,
      toTerminal: down.length,
      fromTerminal: up.length,
    });
    stream.destroy();
  });

  test('go up by ten megabytes, to a server that takes its time', async () => {
    const up = randomBytes(10 * 1024 * 1024);
    let arrived: Promise<Buffer> | undefined;
    const { port } = await tcpServer((socket) => {
      arrived = received(socket, up.length);
      socket.pause();
      setImmediate(() => socket.resume());
    });
    const { connect } = await networkBench();
    const stream = connect(port);
    stream.end(up);
    await until(() => arrived !== undefined);
    expect(sha256((await arrived) as Buffer)).toBe(sha256(up));
    stream.destroy();
  });

  test('belong to their connection, 64 at once', async () => {
    const { port, sockets } = await tcpServer((socket) => socket.pipe(socket));
    const { connect, offer } = await networkBench();
    const contents = Array.from({ length: 64 }, () => randomBytes(20_000));
    const streams = contents.map((content) => {
      const stream = connect(port);
      stream.write(content);
      return stream;
    });
    const echoes = await Promise.all(streams.map((stream) => received(stream, 20_000)));
    expect(echoes.map(sha256)).toEqual(contents.map(sha256));
    expect(offer.totals.open).toBe(64);
    const surplus = connect(port);
    expect((await faultOf(surplus)).message).toBe('64 connections are open already');
    for (const stream of streams) stream.destroy();
    await until(() => sockets.size === 0 && offer.totals.open === 0);
    const again = connect(port);
    again.write('x');
    expect((await received(again, 1)).toString()).toBe('x');
    again.destroy();
  });

  test('all arrive from a server that sends and closes at once, a thousand times', async () => {
    const content = randomBytes(3000);
    const { port } = await tcpServer((socket) => socket.end(content));
    const { connect, offer } = await networkBench();
    let left = 1000;
    const run = async () => {
      while (left > 0) {
        left -= 1;
        const got = await readAll(connect(port));
        if (!got.equals(content)) throw new Error(`${got.length} bytes of ${content.length}`);
      }
    };
    await Promise.all(Array.from({ length: 20 }, run));
    await until(() => offer.totals.open === 0);
    expect(offer.totals).toMatchObject({ connections: 1000, toTerminal: 3_000_000 });
  });

  test('all arrive before the end, however much it is', async () => {
    const content = randomBytes(2_000_000);
    const { port } = await tcpServer((socket) => socket.end(content));
    const { connect } = await networkBench();
    expect(sha256(await readAll(connect(port)))).toBe(sha256(content));
  });
});

describe('a connection ends', () => {
  test('when the remote end closes first', async () => {
    const { port, sockets } = await tcpServer((socket) => socket.end('bye'));
    const { connect, offer } = await networkBench();
    const stream = connect(port);
    expect((await readAll(stream)).toString()).toBe('bye');
    await closed(stream);
    await until(() => sockets.size === 0 && offer.totals.open === 0);
  });

  test('when the terminal closes first, and what it has sent still arrives', async () => {
    const got: Promise<Buffer>[] = [];
    const { port, sockets } = await tcpServer((socket) => {
      got.push(readAll(socket));
    });
    const { connect, offer } = await networkBench();
    const stream = connect(port);
    const content = randomBytes(500_000);
    stream.end(content);
    await new Promise((resolve) => stream.once('finish', resolve));
    stream.destroy();
    expect(sha256((await got[0]) as Buffer)).toBe(sha256(content));
    await until(() => sockets.size === 0 && offer.totals.open === 0);
  });

  test('when both close at once', async () => {
    const { port, sockets } = await tcpServer((socket) => {
      socket.on('data', () => socket.end());
    });
    const { connect, offer } = await networkBench();
    const streams = Array.from({ length: 50 }, () => connect(port));
    for (const stream of streams) {
      stream.resume().write('x');
      stream.on('end', () => {});
      stream.once('connect', () => setImmediate(() => stream.destroy()));
    }
    await Promise.all(streams.map(closed));
    await until(() => sockets.size === 0 && offer.totals.open === 0);
  });

  test('when the terminal closes before it is connected', async () => {
    const { port, sockets } = await tcpServer(() => {});
    const { connect, offer } = await networkBench();
    const stream = connect(port);
    stream.destroy();
    await closed(stream);
    await until(() => sockets.size === 0 && offer.totals.open === 0);
  });

  test('when the remote end resets it, after the data before', async () => {
    const { port } = await tcpServer((socket) => socket.on('data', () => socket.resetAndDestroy()));
    const { connect, offer } = await networkBench();
    const stream = connect(port);
    stream.write('x');
    expect(await readAll(stream)).toHaveLength(0);
    await until(() => offer.totals.open === 0);
  });

  test('and never was when nobody listens, or the host is not known', async () => {
    const { port, server } = await tcpServer(() => {});
    server.close();
    const { connect } = await networkBench();
    expect((await faultOf(connect(port))).message).toBe(
      `127.0.0.1:${port}: connection refused (ECONNREFUSED)`,
    );
    const { connect: anywhere } = await networkBench({
      resolve: async () => {
        throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
      },
    });
    expect((await faultOf(anywhere(443, 'localhost'))).message).toBe(
      'localhost:443: no such host (ENOTFOUND)',
    );
  });

  test('and never was when the register does not allow it', async () => {
    const { connect } = await networkBench({ allow: [] });
    expect((await faultOf(connect(80))).message).toBe('127.0.0.1:80: the register does not allow it');
  });
});

describe('when the connection to the register is lost in the middle', () => {
  test('every connection is closed on both sides, and no descriptor is left', async () => {
    const { port, sockets } = await tcpServer((socket) => void socket.write(randomBytes(100_000)));
    const { connect, offer, terminal, client } = await networkBench();
    const before = openSockets();
    const streams = Array.from({ length: 30 }, () => connect(port));
    const connecting = connect(1, 'localhost');
    const failing = [...streams, connecting].map((stream) => closed(stream.on('error', () => {})));
    await until(() => offer.totals.open === 30);
    await until(() => openSockets() >= before + 60);
    const lost = terminal();
    lost.vanish();
    await Promise.all(failing);
    await until(() => sockets.size === 0 && offer.totals.open === 0);
    while (openSockets() !== before) await turn();
    // And on the next connection it is offered again.
    await client.connect();
    await until(() => terminal() !== lost && offer.isStarted);
    const stream = connect(port);
    expect(await received(stream, 100_000)).toHaveLength(100_000);
    stream.destroy();
  });

  test('nothing is left of an offer that was closed', async () => {
    const { port, sockets } = await tcpServer((socket) => void socket.write('x'));
    const { connect, offer, client } = await networkBench();
    const stream = connect(port).on('error', () => {});
    await received(stream, 1);
    await offer.close();
    await until(() => sockets.size === 0);
    expect(offer.totals.open).toBe(0);
    expect(client.connectionState).toBe('connected');
    const again = await client.offerNetwork();
    await expect(client.offerNetwork()).rejects.toThrow('offered already');
    await again.close();
  });
});
