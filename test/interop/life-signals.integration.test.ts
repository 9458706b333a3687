import { execFileSync } from 'node:child_process';
import { constants, existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import os from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TestApplication } from '../kit/application.ts';
import type { TestRegister } from '../kit/register.ts';
import { codeOf, exitedWith, purchase, type Running, Workbench } from './kit.ts';

let bench: Workbench;
let application: TestApplication;

beforeEach(async () => {
  bench = await Workbench.open();
  application = await bench.application();
});

afterEach(() => bench.close());

/** A bridge that is up: its application has met it. */
async function start(
  ...options: string[]
): Promise<{ bridge: Running; register: TestRegister; name: string }> {
  const before = application.lines.length;
  const bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`, ...options]);
  const register = bridge.register();
  const { message } = await application.waitFor(
    (line) => line.message?.method === '_Connected' && application.lines.indexOf(line) >= before,
  );
  return { bridge, register, name: message?.connection ?? '' };
}

/** Resolves when the application has been asked. */
async function asked(register: TestRegister, method: string, params = {}) {
  const answer = register.request(method, params);
  const line = await application.waitFor(method);
  const reply = (result: { [name: string]: string }) =>
    line.attachment.answer(line.message ?? {}, { result });
  return { answer, reply };
}

function expectGone(bridge: Running): void {
  expect(bridge.isRunning).toBe(false);
  expect(bench.processes).toEqual([]);
}

test('SIGHUP that was ignored at the start stays ignored', async () => {
  const server = bench.start('nohup', [
    ...['posbridge', 'serve', '--listen', 'tcp:127.0.0.1:0', '--lock', bench.lockPath],
    ...['--app', `unix:${bench.socketPath}`],
  ]);
  const [, port] = await server.says(/listening on=\S+:(\d+)/);
  const terminal = `tcp:127.0.0.1:${port}`;
  const till = bench.start('nohup', [
    ...['posbridge', 'pos', 'call', 'Status', '--to', terminal, '--log-level', 'debug'],
  ]);
  const { message, attachment } = await application.waitFor('Status');
  for (const program of [server, till]) program.signal('SIGHUP');
  attachment.answer(message ?? {}, { result: { still: 'here' } });
  expect(await till.exited).toEqual(exitedWith(0));
  const register = await bench.register(Number(port));
  await register.request('_Keepalive'); // answered by a server that has dealt with the signal before
  server.signal('SIGTERM');
  expect(await server.exited).toEqual(exitedWith(0));
  expect(server.errors).toMatch(/stopping signal=SIGTERM/);
  expect(server.errors).not.toMatch(/SIGHUP/);
});

describe('told to stop', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s when idle says goodbye and ends well',
    async (signal) => {
      const { bridge, register } = await start();
      bridge.signal(signal);
      await register.closed;
      register.end();
      expect(await bridge.exited).toEqual(exitedWith(0));
      expect(register.received.map(({ method }) => method)).toEqual(['_CloseReason']);
      expect(register.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
      const { message } = await application.waitFor('_Disconnected');
      expect(message?.params).toMatchObject({ reason: 'CONNECTION_CLOSED', pending: [] });
      expectGone(bridge);
    },
  );

  test('it ends although the register never closes its side, and again signals change nothing', async () => {
    const { bridge, register } = await start();
    bridge.signal('SIGTERM');
    await register.closed;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) bridge.signal(signal);
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(register.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
    expectGone(bridge);
  });

  test('ordinary requests are still answered, new ones and what stays open get CHANNEL_UNAVAILABLE', async () => {
    const { bridge, register } = await start();
    const quick = await asked(register, 'Quick');
    const slow = await asked(register, 'Slow');
    bridge.signal('SIGTERM');
    await bridge.says('stopping');
    expect(codeOf(await register.request('Late'))).toBe('CHANNEL_UNAVAILABLE');
    expect(codeOf(await register.request('Purchase', purchase(1)))).toBe('CHANNEL_UNAVAILABLE');
    quick.reply({ kept: 'yes' });
    expect(await quick.answer).toMatchObject({ result: { kept: 'yes' } });
    expect(codeOf(await slow.answer)).toBe('CHANNEL_UNAVAILABLE');
    await register.closed;
    register.end();
    expect(register.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(application.requests().map(({ message }) => message?.method)).toEqual(['Quick', 'Slow']);
    expectGone(bridge);
  });

  test('the questions of applications end with CONNECTION_CLOSED', async () => {
    const { bridge, register, name } = await start();
    application.send({ connection: name, jsonrpc: '2.0', id: 7, method: 'NetworkConnect', params: {} });
    await register.waitFor('NetworkConnect');
    bridge.signal('SIGTERM');
    await register.closed;
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    const { message } = await application.waitFor(({ text }) => text.includes('"id":7'));
    expect(codeOf(message ?? {})).toBe('CONNECTION_CLOSED');
  });

  test('a Purchase with the application ends without an answer: OUTCOME_UNKNOWN, 111', async () => {
    const { bridge, register } = await start();
    const bought = await asked(register, 'Purchase', purchase(1));
    bridge.signal('SIGTERM');
    await register.closed;
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(111));
    await expect(bought.answer).rejects.toThrow();
    expect(register.closeReason?.data.string_code).toBe('OUTCOME_UNKNOWN');
    expect(register.received.filter(({ method }) => method === undefined)).toEqual([]);
    expect(register.received.at(-1)?.method).toBe('_CloseReason');
    expectGone(bridge);

    // The terminal is free again.
    const next = await start();
    void next.register.request('Purchase', purchase(2));
    await application.waitFor(({ message }) => message?.params?.['receipt_id'] === 2);
  });

  test('a Purchase that comes to its end in time is answered, and the status is 0', async () => {
    const { bridge, register } = await start();
    const bought = await asked(register, 'Purchase', purchase(1));
    bridge.signal('SIGTERM');
    await bridge.says('stopping');
    bought.reply({ approved: 'yes' });
    expect(await bought.answer).toMatchObject({ result: { approved: 'yes' } });
    await register.closed;
    register.end();
    expect(register.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
    expect(await bridge.exited).toEqual(exitedWith(0));
  });

  test('a Purchase of a register that is gone ends as unknown: 111', async () => {
    const { server, port } = await bench.startServe(['--app', `unix:${bench.socketPath}`]);
    const socket = await bench.connect(port);
    const frame = JSON.stringify({ jsonrpc: '2.0', id: 'b', method: 'Purchase', params: purchase(1) });
    socket.write(`${frame.length.toString(16).padStart(8, '0')}:${frame}\n`);
    await application.waitFor('Purchase');
    socket.resetAndDestroy();
    await application.waitFor('_Disconnected');
    server.signal('SIGTERM');
    expect(await server.exited).toEqual(exitedWith(111));
    expectGone(server);
  });

  test('serve accepts nothing more, says goodbye to every register and removes its socket', async () => {
    const path = bench.path('register.sock');
    const { server } = await bench.startServe([
      '--listen',
      `unix:${path}`,
      '--app',
      `unix:${bench.socketPath}`,
    ]);
    application.handler = ({ method }) => ({ result: { method: method ?? '' } });
    const registers = await Promise.all([1, 2, 3].map(() => bench.register({ path })));
    for (const register of registers) {
      expect(await register.request('Status')).toMatchObject({ result: { method: 'Status' } });
    }
    server.signal('SIGTERM');
    for (const register of registers) {
      await register.closed;
      register.end();
      expect(register.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
    }
    expect(await server.exited).toEqual(exitedWith(0));
    expect(existsSync(path)).toBe(false);
    await expect(bench.connect({ path })).rejects.toThrow();
    await Promise.all(application.attachments.map(({ closed }) => closed));
    expect(application.lines.filter(({ message }) => message?.method === '_Disconnected')).toHaveLength(3);
    expectGone(server);
  });
});

describe('SIGUSR1', () => {
  test('never opens the debugger, from the first statements on', async () => {
    // The program reads its configuration before anything else: here it waits for somebody to write it.
    const config = bench.path('config');
    execFileSync('mkfifo', [config]);
    const bridge = bench.startBridge(['--config', config]);
    const register = bridge.register();
    const writer = await open(config, constants.O_WRONLY); // opens when it is being read
    for (let count = 0; count < 200; count += 1) bridge.signal('SIGUSR1');
    await writer.writeFile(JSON.stringify({ app: `unix:${bench.socketPath}` }));
    await writer.close();
    let isUp = false;
    const up = application.waitFor('_Connected').then(() => {
      isUp = true;
    });
    while (!isUp) {
      bridge.signal('SIGUSR1');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await up;
    application.handler = ({ method }) => ({ result: { method: method ?? '' } });
    for (let count = 0; count < 50; count += 1) {
      bridge.signal('SIGUSR1');
      expect(await register.request('Status')).toMatchObject({ result: { method: 'Status' } });
    }
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(bridge.errors).toContain('connected');
    expect(bridge.errors).not.toMatch(/debugger|inspector/i);
  });

  test('that comes before the first statement leaves no debugger behind', async () => {
    const bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`]);
    // Node opens its debugger on the signal from here on; until then the system ends the process by it.
    const isNode = () => readFileSync(`/proc/${bridge.pid}/cmdline`, 'utf8').startsWith('node\0');
    while (!isNode() || !catches(bridge.pid, 'SIGUSR1')) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const register = bridge.register();
    let isUp = false;
    const up = application.waitFor('_Connected').then(() => {
      isUp = true;
    });
    while (!isUp) {
      bridge.signal('SIGUSR1');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await up;
    application.handler = ({ method }) => ({ result: { method: method ?? '' } });
    // It may open for a moment: nobody has been asked yet. It may not stay.
    for (let count = 0; count < 3000 && listeningSockets(bridge.pid).length > 0; count += 1) {
      expect(await register.request('Status')).toMatchObject({ result: { method: 'Status' } });
    }
    expect(listeningSockets(bridge.pid)).toEqual([]);
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
  });
});

describe('statistics', () => {
  test.each(['SIGUSR2', 'SIGPWR'] as const)('%s writes them to the log, and work goes on', async (signal) => {
    const { bridge, register } = await start();
    application.handler = ({ method }) =>
      method === 'Refused'
        ? { error: { code: 1, message: 'no', data: { string_code: 'DECLINED' } } }
        : { result: { method: method ?? '' } };
    await register.request('Status');
    await register.request('Status');
    await register.request('Refused');
    application.handler = () => undefined;
    const open = await asked(register, 'Slow');
    bridge.signal(signal);
    const [line] = await bridge.says(/^.*statistics .*$/m);
    expect(line).toMatch(/"uptime s"=\d+|uptime s=\d+/);
    expect(line).toMatch(/frames in"?=4\b/);
    expect(line).toMatch(/frames out"?=3\b/);
    expect(line).toMatch(/wire bytes in"?=\d+/);
    expect(line).toMatch(/wire bytes out"?=\d+/);
    expect(line).toMatch(/Status: result"?=2\b/);
    expect(line).toMatch(/Refused: error"?=1\b/);
    expect(line).toMatch(/open requests"?=1\b/);
    expect(line).toMatch(/wire bytes queued"?=0\b/);
    open.reply({ kept: 'yes' });
    expect(await open.answer).toMatchObject({ result: { kept: 'yes' } });
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
  });

  test('serve writes sums over its connections', async () => {
    application.handler = ({ method }) => ({ result: { method: method ?? '' } });
    const { server, port } = await bench.startServe(['--app', `unix:${bench.socketPath}`]);
    const registers = [await bench.register(port), await bench.register(port)];
    for (const register of registers) await register.request('Status');
    server.signal('SIGUSR2');
    const [line] = await server.says(/^.*statistics .*$/m);
    expect(line).toMatch(/connections"?=2\b/);
    expect(line).toMatch(/Status: result"?=2\b/);
  });
});

/** Whether a process has a handler of its own for a signal. */
function catches(pid: number, signal: NodeJS.Signals): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const caught = BigInt(`0x${/^SigCgt:\s+(\w+)$/m.exec(status)?.[1] ?? '0'}`);
  return ((caught >> BigInt(os.constants.signals[signal] - 1)) & 1n) === 1n;
}

/** TCP sockets on which a process listens, as `ADDRESS:PORT` in the kernel's hexadecimal. */
function listeningSockets(pid: number): string[] {
  const own = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && own.includes(`socket:[${inode}]`))
      .map(([, address = '']) => address),
  );
}
