import { execFileSync } from 'node:child_process';
import { closeSync, createReadStream, openSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TestApplication } from '../kit/application.ts';
import { frameOf, TestRegister } from '../kit/register.ts';
import { exitedWith, purchase, type Running, Workbench } from './kit.ts';

/** Purchases over standard input and output, whatever these are. */

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

const BUY = frameOf({ jsonrpc: '2.0', id: 'buy-1', method: 'Purchase', params: purchase(1) });
/** More than a terminal line's buffer, a pipe's buffer and a single read. */
const LONG = 'long '.repeat(20_000);

/** Connects the application to the bridge's channels: it tells what it was asked. */
async function echo(): Promise<TestApplication> {
  return bench.application(({ method = '', params = {}, connection = '' }) => ({
    result: { method, connection, ...params },
  }));
}

const app = () => ['--app', `unix:${bench.socketPath}`, '--lock', bench.lockPath];

/** Small, large, both ways, and a Purchase. */
async function expectConversation(register: TestRegister, application: TestApplication): Promise<void> {
  expect(await register.request('Status', { count: 1 })).toMatchObject({ result: { count: 1 } });
  expect((await register.request('Print', { text: LONG })).result?.['text']).toBe(LONG);
  expect(await register.request('Purchase', purchase('wire'))).toMatchObject({
    result: { receipt_id: 'wire' },
  });
  register.onRequest = (request) => ({ told: request.params?.['text'] ?? '' });
  application.send({ jsonrpc: '2.0', id: 1, method: 'Tell', params: { text: `ä ${LONG}` } });
  const { message } = await application.waitFor((line) => line.text.includes('"id":1,"result"'));
  expect(message?.result).toEqual({ told: `ä ${LONG}` });
  expect(register.faults).toEqual([]);
}

describe('files', () => {
  test('frames from a file are answered into a file', async () => {
    const [input, output] = [bench.path('frames'), bench.path('out')];
    writeFileSync(input, BUY);
    const command = 'posbridge --app simulator:?delay=20 <"$1" >>"$2"';
    for (const times of [1, 2]) {
      const shell = bench.start('sh', ['-c', command, 'sh', input, output]);
      expect(await shell.exited, shell.errors).toEqual(exitedWith(0));
      const register = new TestRegister({ readable: createReadStream(output), writable: new PassThrough() });
      await register.closed;
      expect(register.faults).toEqual([]);
      const answers = register.unexpected;
      expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: times }, () => 'buy-1'));
      expect(answers.at(-1)).toMatchObject({
        response_to: 'Purchase',
        result: { amount: 1250, currency: 'EUR' },
      });
      expect(register.notifications.filter(({ method }) => method === 'StatusEvent').length).toBeGreaterThan(
        0,
      );
      expect(register.received.at(-1)?.method).toBe('_CloseReason');
    }
    expect(readFileSync(input, 'utf8')).toBe(BUY);
  });

  test('a declined one too, and a second one with the same identifiers', async () => {
    const [input, output] = [bench.path('frames'), bench.path('out')];
    const declined = {
      jsonrpc: '2.0',
      id: 'buy-2',
      method: 'Purchase',
      params: purchase(2, { amount: 1201 }),
    };
    writeFileSync(input, frameOf(declined));
    const command = 'posbridge --app simulator:?delay=0 <"$1" >"$2"';
    expect(await bench.start('sh', ['-c', command, 'sh', input, output]).exited).toEqual(exitedWith(0));
    const register = new TestRegister({ readable: createReadStream(output), writable: new PassThrough() });
    await register.closed;
    expect(register.unexpected).toMatchObject([
      { id: 'buy-2', error: { data: { string_code: 'DECLINED' } } },
    ]);
  });
});

describe('pipes', () => {
  test('carry a conversation, and the end of input ends it', async () => {
    const application = await echo();
    const shell = bench.start('bash', [
      '-c',
      'set -o pipefail; cat | posbridge "$@" | cat',
      'bash',
      ...app(),
    ]);
    const register = shell.register();
    await expectConversation(register, application);
    expect(application.lines[0]?.message?.params).toMatchObject({ peer: 'pipe' });
    register.end();
    expect(await shell.exited).toEqual(exitedWith(0));
    expect(register.received.at(-1)?.method).toBe('_CloseReason');
  });

  test('a reader that goes away is a loss: the process ends, a Purchase is awaited', async () => {
    const application = await bench.application();
    // The reader takes one frame and is gone; the writer stays.
    const writer = 'cat | { posbridge "$@"; echo "status $?" >&2; }';
    const reader = '{ head -n 1; exec <&-; echo "no reader" >&2; }';
    const shell = bench.start('bash', ['-c', `${writer} | ${reader}`, 'bash', ...app()]);
    const register = shell.register();
    void register.request('Purchase', purchase(1), { id: 'buy-1' });
    const { message, attachment } = await application.waitFor('Purchase');
    const event = { connection: message?.connection, jsonrpc: '2.0', method: 'StatusEvent', params: {} };
    attachment.send(event);
    await shell.says('no reader');
    attachment.send(event);
    const gone = await application.waitFor('_Disconnected');
    expect(gone.message?.params).toMatchObject({ pending: [message?.id] });
    attachment.answer(message ?? {}, { result: {} });
    await shell.says('status 0');
    register.end();
    await shell.exited;
    expect(bench.processes).toEqual([]);
  });
});

describe('one socket pair for both', () => {
  test('carries a conversation', async () => {
    const application = await echo();
    const path = bench.path('register.sock');
    const script = bench.path('bin/bridge');
    writeFileSync(script, `#!/bin/sh\nexec posbridge ${app().join(' ')}\n`, { mode: 0o755 });
    const socat = bench.start('socat', ['-d', '-d', `UNIX-LISTEN:${path}`, `EXEC:${script}`]);
    await socat.says('listening on');
    const register = await bench.register({ path });
    await expectConversation(register, application);
    expect(application.lines[0]?.message?.params).toMatchObject({ peer: 'unix' });
    register.end();
    await register.closed;
    expect(register.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
    await socat.exited;
    expect(bench.processes).toEqual([]);
  });
});

describe('a terminal line', () => {
  let application: TestApplication;
  let line: string;
  let socat: Running;
  let bridge: Running;
  let settings: string;

  /** A pseudo-terminal as the system makes it: with echo, line editing and translation of line ends. */
  beforeEach(async () => {
    application = await echo();
    line = bench.path('line');
    const path = bench.path('register.sock');
    socat = bench.start('socat', ['-d', '-d', `PTY,link=${line}`, `UNIX-LISTEN:${path}`]);
    await socat.says('listening on');
    settings = settingsOf(line);
    expect(settings).toContain(' icanon');
    expect(settings).toContain(' onlcr');
    bridge = bench.start('sh', ['-c', 'exec posbridge "$@" <>"$0" >&0', line, ...app()]);
    await bridge.says('waiting for _Sync');
  });

  test('is made raw: everything crosses it byte for byte, and it is put back at the end', async () => {
    const keepOpen = openSync(line, 'r+');
    const register = await bench.register({ path: bench.path('register.sock') });
    expect((await register.request('_Sync')).result).toEqual({});
    // Between tokens a JSON text may have what a terminal would translate, drop or act upon.
    const json =
      '{"jsonrpc":\r\n"2.0","id":"raw",\t\n"method":"Print","params":{"text":"ÄÖ \\u0003\\u0004\\u0011"}\r\r\n}';
    register.write(`${Buffer.byteLength(json).toString(16).padStart(8, '0')}:${json}\n`);
    const raw = await register.waitFor(({ id }) => id === 'raw');
    expect(raw.result).toMatchObject({ text: 'ÄÖ \u0003\u0004\u0011' });
    await expectConversation(register, application);
    expect(application.lines[0]?.message?.params).toMatchObject({ peer: 'tty' });
    expect(settingsOf(line)).toContain(' -icanon');
    bridge.signal('SIGTERM');
    expect(await bridge.exited).toEqual(exitedWith(0));
    await register.waitFor('_CloseReason');
    expect(register.received.filter(({ method }) => method === '_CloseReason')).toHaveLength(1);
    expect(settingsOf(line)).toBe(settings);
    closeSync(keepOpen);
  });

  test('that is hung up ends the conversation', async () => {
    const register = await bench.register({ path: bench.path('register.sock') });
    await register.request('_Sync');
    expect(await register.request('Status')).toMatchObject({ result: { method: 'Status' } });
    socat.signal('SIGKILL');
    await socat.exited;
    expect(await bridge.exited).toEqual(exitedWith(0));
    const { message } = await application.waitFor('_Disconnected');
    expect(message?.params).toMatchObject({ reason: 'CONNECTION_CLOSED', pending: [] });
    expect(bench.processes).toEqual([]);
  });
});

describe('a wire that the bridge opens', () => {
  test.each(['tcp', 'unix'] as const)('%s: calls the register', async (kind) => {
    const application = await echo();
    const path = bench.path('register.sock');
    const { port, connection } = await bench.listen(kind === 'tcp' ? undefined : { path });
    const wire = kind === 'tcp' ? `tcp:127.0.0.1:${port}` : `unix:${path}`;
    const bridge = bench.startBridge(['--wire', wire, ...app()], { stdio: ['ignore', 'pipe', 'pipe'] });
    const register = TestRegister.on(await connection);
    await expectConversation(register, application);
    const peer = kind === 'tcp' ? '127.0.0.1' : 'unix';
    expect(application.lines[0]?.message?.params).toMatchObject({
      peer,
      connection: expect.stringMatching(new RegExp(`^${peer}\\.[\\w.]{12}$`)),
    });
    register.end();
    await register.closed;
    expect(await bridge.exited).toEqual(exitedWith(0));
  });

  test('fd: is an inherited socket pair, or two', async () => {
    const application = await echo();
    const stdio = (pipes: number) =>
      ['ignore', 'ignore', 'pipe', ...Array<'pipe'>(pipes).fill('pipe')] as 'pipe'[];
    const one = bench.startBridge(['--wire', 'fd:3', ...app()], { stdio: stdio(1) });
    const register = TestRegister.on(one.end(3));
    await expectConversation(register, application);
    register.end();
    expect(await one.exited).toEqual(exitedWith(0));

    const two = bench.startBridge(['--wire', 'fd:4,3', ...app()], { stdio: stdio(2) });
    const ends: [Socket, Socket] = [two.end(3), two.end(4)];
    const second = new TestRegister({ readable: ends[0], writable: ends[1] });
    expect(await second.request('Status')).toMatchObject({ result: { method: 'Status' } });
    second.end();
    expect(await two.exited).toEqual(exitedWith(0));
  });
});

function settingsOf(line: string): string {
  return execFileSync('stty', ['-a', '-F', line], { encoding: 'utf8' });
}
