import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { removeToken } from '../../src/api/token-file.ts';
import { PROGRAM, Workbench } from '../interop/kit.ts';
import { isSoak } from '../reliability/pos-kit.ts';
import { Stage, type StageOptions } from './kit.ts';

/** Many who listen, and those who do not read. */

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(options: StageOptions = {}): Promise<Stage> {
  const stage = await Stage.open(options);
  closing.push(() => stage.close());
  return stage;
}

/** A request of which the answer is read by nobody. */
function deafSocket(url: string, where: string): Socket {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.pause();
  socket.write(`GET ${where} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return socket;
}

async function openStreams(stage: Stage): Promise<number> {
  return Number(/^posbridge_api_event_streams (\d+)$/m.exec((await stage.ask('/metrics')).text)?.[1]);
}

describe('whoever reads nothing', () => {
  test('of an event stream is cut off, and everybody else is told on', async () => {
    const stage = await open({ writeLimitMs: 300 });
    const deaf = deafSocket(stage.url, '/v1/events');
    while ((await openStreams(stage)) < 1) await nextTurn();
    const heard = stage.events('/v1/events');
    await heard.next();
    // More than any buffer of the kernel holds.
    const data = JSON.stringify('x'.repeat(500_000));
    while ((await openStreams(stage)) > 1) {
      stage.service.feed.publish({ kind: 'status', terminal: 'counter', data });
      await heard.next();
    }
    deaf.destroy();
    await heard.return(undefined);
  });

  test('of another answer is cut off too, and whoever only waits is not', async () => {
    const stage = await open({ writeLimitMs: 300 });
    stage.terminal.onRequest = () => undefined;
    await stage.purchase('k1');
    const waiting = stage.purchase('k1', {}, { Prefer: 'wait=1' });
    const deaf = deafSocket(stage.url, '/v1/openapi.json');
    const request = `GET /v1/openapi.json HTTP/1.1\r\nHost: ${new URL(stage.url).host}\r\n\r\n`;
    deaf.write(request.repeat(1000));
    const closed = new Promise<void>((resolve) => deaf.once('close', resolve));
    const stopped = new Promise<void>((resolve) => {
      const look = () => {
        deaf.write(request.repeat(100), (fault) => (fault ? resolve() : setImmediate(look)));
      };
      look();
    });
    await Promise.race([closed, stopped]);
    expect((await waiting).status).toBe(202);
    deaf.destroy();
  });
});

test('the streams of a token that is taken away end, and no others', async () => {
  const stage = await open({ hasTokens: true });
  const one = await stage.token('till-1', ['read']);
  const other = await stage.token('till-2', ['read']);
  await stage.stop();
  await stage.start();
  const events = async (token: string) => {
    const stream = stage.events('/v1/events', { Authorization: `Bearer ${token}` });
    await stream.next();
    return stream;
  };
  const [taken, stays] = [await events(one), await events(other)];
  await removeToken(stage.tokenFile, 'till-1');
  for await (const _ of taken);
  stage.service.feed.publish({ kind: 'status', terminal: 'counter', data: '"still here"' });
  for await (const { data } of stays) if (data === 'still here') break;
});

/** All of them in another process than the service. */
test.runIf(isSoak)(
  '12 000 streams are told of a sale while a till pays; each takes little memory, and none is left in the end',
  { timeout: 600_000 },
  async () => {
    const count = 12_000;
    const bench = await Workbench.open();
    closing.push(() => bench.close());
    const start = async (...args: string[]) => {
      const running = bench.start(process.execPath, [PROGRAM, ...args]);
      const [, place = ''] = await running.says(/listening on=(\S+)/);
      return { pid: running.pid, place };
    };
    const listen = ['--listen', 'tcp:127.0.0.1:0'];
    const terminal = await start('serve', ...listen, '--app', 'simulator:?delay=1', '--lock', 'none');
    const more = [
      '--store',
      path.join(bench.path('store')),
      '--max-connections',
      '17000',
      '--rate-limit',
      'off',
    ];
    const service = await start('api', ...listen, '--terminal', `counter=${terminal.place}`, ...more);
    const { port, host, hostname } = new URL(service.place);
    const rssKb = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8'))?.[1]);
    const before = rssKb();
    const sockets: Socket[] = [];
    let opened = 0;
    let told = 0;
    for (let at = 0; at < count; at += 1) {
      const socket = connect(Number(port), hostname);
      sockets.push(socket);
      socket.setEncoding('latin1');
      socket.write(`GET /v1/events HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      socket.on('data', (text: string) => {
        if (text.startsWith('HTTP/1.1 200')) opened += 1;
        if (text.includes('"state":"approved"')) told += 1;
      });
      while (at - opened > 500) await sleep(1);
    }
    while (opened < count) await sleep(10);
    const perStreamKb = (rssKb() - before) / count;
    const paid = await fetch(`${service.place}/v1/terminals/counter/purchases`, {
      method: 'POST',
      headers: { 'Idempotency-Key': 'k', 'Content-Type': 'application/json', Prefer: 'wait=60' },
      body: '{"amount":"12.30","currency":"EUR"}',
    });
    expect(((await paid.json()) as { state: string }).state).toBe('approved');
    while (told < count) await sleep(10);
    for (const socket of sockets) socket.destroy();
    const metrics = async () => (await fetch(`${service.place}/metrics`)).text();
    while (!(await metrics()).includes('\nposbridge_api_event_streams 0\n')) await sleep(50);
    console.info({ perStreamKb });
    expect(perStreamKb).toBeLessThan(32);
  },
);
