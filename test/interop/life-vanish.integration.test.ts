import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TestApplication } from '../kit/application.ts';
import { TestRegister } from '../kit/register.ts';
import { codeOf, exitedWith, purchase, Workbench } from './kit.ts';
import { type Listening, TCPSERVER } from './super-servers.ts';

/** Registers that go away in every way, on real TCP connections behind tcpserver. */

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

/** Starts tcpserver with a bridge for each connection. */
function listen(...options: string[]): Promise<Listening> {
  return TCPSERVER.start(bench, ['posbridge', '--lock', bench.lockPath, ...options]);
}

/** The register is a process of its own, which can be killed. */
function registerProcess({ place }: Listening): {
  register: TestRegister;
  process: ReturnType<Workbench['start']>;
} {
  const process = bench.start('nc', [place.host ?? '', String(place.port)]);
  return { register: process.register(), process };
}

async function registerSocket({ place }: Listening): Promise<{ register: TestRegister; socket: Socket }> {
  const socket = await bench.connect(place);
  return { register: TestRegister.on(socket), socket };
}

/** The process that serves the only connection. */
function bridgeOf({ server }: Listening): number {
  const parentOf = (pid: number) =>
    Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return bench.processes.find((pid) => parentOf(pid) === server.pid) ?? 0;
}

/** A bridge of another register that shares the lock. */
async function other(): Promise<TestRegister> {
  const path = bench.path('other.sock');
  await bench.application(({ method }) => ({ result: { method: method ?? '' } }), { path });
  return bench.startBridge(['--app', `unix:${path}`]).register();
}

/** Everything is given back: the process, its descriptors, the lock. */
async function expectNothingLeft({ server }: Listening, files: readonly string[]): Promise<void> {
  expect(bench.processes).toEqual([server.pid]);
  expect(readdirSync(bench.folder).sort()).toEqual(['bin', 'terminal.lock', ...files].sort());
  const next = await other();
  expect(await next.request('Purchase', purchase('next'))).toMatchObject({ result: { method: 'Purchase' } });
}

describe('with ordinary requests open both ways', () => {
  const CHANNELS = ['ui', 'payment', 'storage', 'device'] as const;
  const METHODS = { ui: 'DisplayScreen', payment: 'Loyalty', storage: 'GetTransactions', device: 'Test' };
  let listening: Listening;
  let applications: TestApplication[];

  beforeEach(async () => {
    applications = await Promise.all(
      CHANNELS.map((channel) => bench.application(undefined, { path: bench.path(`${channel}.sock`) })),
    );
    listening = await listen(
      ...CHANNELS.flatMap((channel) => [`--${channel}`, `unix:${bench.path(`${channel}.sock`)}`]),
    );
  });

  /** The register asks every application, and every application asks the register. */
  async function askBothWays(register: TestRegister): Promise<{ asked: Promise<unknown>[]; name: string }> {
    const asked = CHANNELS.map((channel) => register.request(METHODS[channel], { channel }));
    let name = '';
    for (const [index, channel] of CHANNELS.entries()) {
      const application = applications[index];
      const { message } = (await application?.waitFor(METHODS[channel])) ?? {};
      name = message?.connection ?? '';
      application?.send({
        connection: name,
        jsonrpc: '2.0',
        id: `${channel}-1`,
        method: 'Ask',
        params: { channel },
      });
    }
    for (const channel of CHANNELS) {
      await register.waitFor(({ method, params }) => method === 'Ask' && params?.['channel'] === channel);
    }
    return { asked, name };
  }

  function answerEverything(): void {
    for (const application of applications) {
      for (const { message, attachment } of application.requests()) {
        attachment.answer(message ?? {}, { result: { channel: message?.params?.['channel'] ?? '' } });
      }
    }
  }

  async function expectQuestionsClosed(): Promise<void> {
    for (const [index, channel] of CHANNELS.entries()) {
      const answer = await applications[index]?.waitFor(
        ({ message }) => message?.id === `${channel}-1` && message.method === undefined,
      );
      expect(codeOf(answer?.message ?? {})).toBe('CONNECTION_CLOSED');
    }
  }

  async function expectDisconnected(connection: string): Promise<void> {
    for (const { attachments } of applications) {
      await attachments[0]?.closed;
      expect(attachments).toHaveLength(1);
      const last = attachments[0]?.lines.at(-1)?.message;
      expect(last).toMatchObject({ connection, method: '_Disconnected' });
      expect(last?.params).toMatchObject({ connection, reason: 'CONNECTION_CLOSED', pending: [] });
    }
    expect(await listening.ends(1)).toEqual([0]);
    await expectNothingLeft(
      listening,
      CHANNELS.map((channel) => `${channel}.sock`),
    );
  }

  test('a reset ends everything at once', async () => {
    const { register, socket } = await registerSocket(listening);
    const { asked, name } = await askBothWays(register);
    socket.resetAndDestroy();
    await expectQuestionsClosed();
    await expectDisconnected(name);
    expect(await Promise.allSettled(asked)).toMatchObject(asked.map(() => ({ status: 'rejected' })));
  });

  test('kill -9 of the register ends the questions to it, and the first answer that cannot be written all else', async () => {
    const { register, process } = registerProcess(listening);
    const { name } = await askBothWays(register);
    process.signal('SIGKILL');
    expect(await process.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await expectQuestionsClosed();
    answerEverything();
    await expectDisconnected(name);
  });

  test('kill -9 of a register with unread answers is a loss at once', async () => {
    const { register, process } = registerProcess(listening);
    const { name } = await askBothWays(register);
    process.signal('SIGSTOP');
    answerEverything();
    for (const application of applications) await afterTheLastLineOf(application, name);
    process.signal('SIGKILL');
    await process.exited;
    await expectQuestionsClosed();
    await expectDisconnected(name);
  });

  test('after a half-close the register still gets its answers, then the goodbye', async () => {
    const { register } = await registerSocket(listening);
    const { asked, name } = await askBothWays(register);
    register.end();
    await expectQuestionsClosed();
    answerEverything();
    expect(await Promise.all(asked)).toMatchObject(CHANNELS.map((channel) => ({ result: { channel } })));
    await register.closed;
    expect(register.received.at(-1)?.method).toBe('_CloseReason');
    expect(register.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
    expect(register.brokenBy).toBeUndefined();
    await expectDisconnected(name);
  });

  test('after a half-close what no application answers gets TIMEOUT, then the goodbye', async () => {
    const { register } = await registerSocket(listening);
    const { asked, name } = await askBothWays(register);
    register.end();
    const answers = (await Promise.all(asked)) as Parameters<typeof codeOf>[0][];
    expect(answers.map(codeOf)).toEqual(CHANNELS.map(() => 'TIMEOUT'));
    await register.closed;
    expect(register.received.at(-1)?.method).toBe('_CloseReason');
    await expectDisconnected(name);
  });
});

describe('with a Purchase at the application', () => {
  let application: TestApplication;

  beforeEach(async () => {
    application = await bench.application();
  });

  const app = () => `unix:${bench.socketPath}`;

  /** A Purchase is with the application; nobody answers. */
  async function buy(
    listening: Listening,
    register: TestRegister,
  ): Promise<{ answer: Promise<unknown>; name: string; id: string; pid: number }> {
    const answer = register.request('Purchase', purchase('first'), { id: 'buy-1' });
    const { message } = await application.waitFor('Purchase');
    const { connection: name = '', id = '' } = message ?? {};
    return { answer, name, id, pid: bridgeOf(listening) };
  }

  function approve(): void {
    const [request] = application.requests('Purchase');
    request?.attachment.answer(request.message ?? {}, { result: { approved: true } });
  }

  async function expectAwaited(
    { name, id, pid }: { name: string; id: string; pid: number },
    busy: TestRegister,
  ): Promise<void> {
    const { message } = await application.waitFor('_Disconnected');
    expect(message?.params).toMatchObject({ connection: name, pending: [id] });
    expectWireClosed(pid);
    expect(bench.processes).toContain(pid);
    const refused = await busy.request('Purchase', purchase('meanwhile'));
    expect(codeOf(refused)).toBe('BUSY');
    expect(refused.error?.data.details).toContain(
      `a transaction of ${name} (process ${pid}) is running since`,
    );
    expectWireClosed(pid);
  }

  test('a reset closes the wire; the process stays and keeps the lock until the outcome', async () => {
    const listening = await listen('--app', app());
    const busy = await other();
    const { register, socket } = await registerSocket(listening);
    const { answer, ...bought } = await buy(listening, register);
    socket.resetAndDestroy();
    await expectAwaited(bought, busy);
    approve();
    expect(await listening.ends(1)).toEqual([0]);
    await expect(answer).rejects.toThrow();
    expect(bench.processes).not.toContain(bought.pid);
    expect(await busy.request('Purchase', purchase('after'))).toMatchObject({
      result: { method: 'Purchase' },
    });
  });

  test('so does kill -9 of a register that has not read everything', async () => {
    const listening = await listen('--app', app());
    const busy = await other();
    const { register, process } = registerProcess(listening);
    const bought = await buy(listening, register);
    const { name } = bought;
    process.signal('SIGSTOP');
    application.send({ connection: name, jsonrpc: '2.0', method: 'StatusEvent', params: {} });
    await afterTheLastLineOf(application, name);
    process.signal('SIGKILL');
    await expectAwaited(bought, busy);
    approve();
    expect(await listening.ends(1)).toEqual([0]);
    expect(await busy.request('Purchase', purchase('after'))).toMatchObject({
      result: { method: 'Purchase' },
    });
  });

  test('after kill -9 of a register that has read everything the outcome ends it as well', async () => {
    const listening = await listen('--app', app());
    const { register, process } = registerProcess(listening);
    const { name } = await buy(listening, register);
    process.signal('SIGKILL');
    await process.exited;
    approve();
    const { message } = await application.waitFor('_Disconnected');
    expect(message?.params).toMatchObject({ connection: name, pending: [] });
    expect(await listening.ends(1)).toEqual([0]);
    await expectNothingLeft(listening, ['pay.sock']);
  });

  test('the lock is free and the status 111 when no outcome comes within --outcome-wait', async () => {
    const listening = await listen('--app', app(), '--outcome-wait', '1');
    const { register, socket } = await registerSocket(listening);
    const { answer } = await buy(listening, register);
    socket.resetAndDestroy();
    expect(await listening.ends(1)).toEqual([111]);
    await expect(answer).rejects.toThrow();
    await application.attachments[0]?.closed;
    expect(application.attachments[0]?.lines.map(({ message }) => message?.method)).toEqual([
      '_Connected',
      'Purchase',
      '_Disconnected',
    ]);
    await expectNothingLeft(listening, ['pay.sock']);
  });

  test('after a half-close the answer comes when the outcome comes', async () => {
    const listening = await listen('--app', app());
    const busy = await other();
    const { register } = await registerSocket(listening);
    const { answer } = await buy(listening, register);
    register.end();
    const refused = await busy.request('Purchase', purchase('meanwhile'));
    expect(codeOf(refused)).toBe('BUSY');
    expect(saidTo(register)).toEqual([]);
    approve();
    expect(await answer).toMatchObject({ id: 'buy-1', result: { approved: true } });
    await register.closed;
    expect(saidTo(register)).toEqual(['buy-1', '_CloseReason']);
    expect(await listening.ends(1)).toEqual([0]);
    expect(await busy.request('Purchase', purchase('after'))).toMatchObject({
      result: { method: 'Purchase' },
    });
  });

  test('after a half-close without an outcome the goodbye is OUTCOME_UNKNOWN, without an answer, and the status 111', async () => {
    const listening = await listen('--app', app(), '--outcome-wait', '1');
    const { register } = await registerSocket(listening);
    const { answer } = await buy(listening, register);
    register.end();
    await register.closed;
    await expect(answer).rejects.toThrow();
    expect(saidTo(register)).toEqual(['_CloseReason']);
    expect(register.closeReason?.data.string_code).toBe('OUTCOME_UNKNOWN');
    expect(await listening.ends(1)).toEqual([111]);
    await expectNothingLeft(listening, ['pay.sock']);
  });

  test('a silent register is lost: KEEPALIVE, the outcome is awaited, the status is 111', async () => {
    const listening = await listen('--app', app(), '--keepalive', '1,1,1');
    const busy = await other();
    const { register } = await registerSocket(listening);
    register.answersKeepalive = false;
    const { answer, name, id, pid } = await buy(listening, register);
    await register.closed;
    await expect(answer).rejects.toThrow();
    expect(register.closeReason?.data.string_code).toBe('KEEPALIVE');
    const { message } = await application.waitFor('_Disconnected');
    expect(message?.params).toMatchObject({ connection: name, reason: 'KEEPALIVE', pending: [id] });
    expect(codeOf(await busy.request('Purchase', purchase('meanwhile')))).toBe('BUSY');
    expect(bench.processes).toContain(pid);
    approve();
    expect(await listening.ends(1)).toEqual([111]);
    expect(await busy.request('Purchase', purchase('after'))).toMatchObject({
      result: { method: 'Purchase' },
    });
  });
});

test('end of input inside a frame is broken protocol', async () => {
  await bench.application();
  const bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`]);
  const register = bridge.register();
  register.write('00000020:{"jsonrpc":');
  register.end();
  expect(await bridge.exited).toEqual(exitedWith(76));
  expect(register.closeReason?.data.string_code).toBe('JSONRPC_PARSE_ERROR');
});

/** Resolves when everything that the application has written is on its way to the register. */
async function afterTheLastLineOf(application: TestApplication, connection: string): Promise<void> {
  application.send({ connection, jsonrpc: '2.0', id: 'refused', method: '_Refused', params: {} });
  await application.waitFor(({ message }) => message?.id === 'refused');
}

/** Ids of answers and names of methods, as they came; keepalives come when they please. */
function saidTo(register: TestRegister): (string | undefined)[] {
  return register.received
    .filter(({ method }) => method !== '_Keepalive')
    .map(({ id, method }) => method ?? id);
}

/** Standard input and output are closed: /dev/null stands there instead. */
function expectWireClosed(pid: number): void {
  for (const fd of [0, 1]) expect(readlinkSync(`/proc/${pid}/fd/${fd}`)).toBe('/dev/null');
}
