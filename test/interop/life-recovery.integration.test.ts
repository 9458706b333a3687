import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errorAnswer, type SpawnedApplication, spawnApplication } from '../kit/application.ts';
import type { TestRegister } from '../kit/register.ts';
import { codeOf, exitedWith, purchase, ROOT, Workbench } from './kit.ts';

let bench: Workbench;
const spawned: SpawnedApplication[] = [];

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(async () => {
  await Promise.all(spawned.splice(0).map((application) => application.kill()));
  await bench.close();
});

/** Keepalives that have been sent by the register are answered now, whatever applications do. */
async function expectAlive(register: TestRegister): Promise<void> {
  expect(await register.request('_Keepalive')).toMatchObject({ result: {} });
}

describe('an application that dies during a Purchase', () => {
  test('leaves it without an answer until the next one answers Check, on the same connection', async () => {
    const application = await bench.application();
    const bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`]);
    const register = bridge.register();
    const bought = register.request('Purchase', purchase('R-1', { sequence_id: '17' }), { id: 'buy-1' });
    const ordinary = register.request('Loyalty');
    await application.waitFor('Loyalty');
    await application.waitFor('Purchase');

    await application.kill();
    expect(codeOf(await ordinary)).toBe('CHANNEL_CLOSED');
    await expectAlive(register);
    expect(codeOf(await register.request('Loyalty'))).toBe('CHANNEL_UNAVAILABLE');
    // A second one at the same terminal has to wait, and the register's own Check is told how things stand.
    expect(codeOf(await register.request('Purchase', purchase('R-2')))).toBe('BUSY');
    expect(codeOf(await register.request('Check', { receipt_id: 'R-1', sequence_id: '17' }))).toBe(
      'TRANSACTION_ACTIVE',
    );
    await expectAlive(register);

    let isDecided = false;
    application.handler = ({ method }) => {
      if (method !== 'Check') return { result: { method: method ?? '' } };
      if (!isDecided) return errorAnswer('TRANSACTION_ACTIVE', 'still running');
      return { result: { approved: true, authorization_code: '123456' } };
    };
    await application.start();
    const check = await application.waitFor('Check');
    expect(check.message?.params).toEqual({ receipt_id: 'R-1', sequence_id: '17' });
    await expectAlive(register);
    expect(register.received.some(({ id }) => id === 'buy-1')).toBe(false);
    isDecided = true;
    expect(await bought).toMatchObject({
      id: 'buy-1',
      response_to: 'Purchase',
      result: { approved: true, authorization_code: '123456' },
    });

    // The same connection serves on, and the terminal is free.
    expect(application.attachments).toHaveLength(2);
    expect(application.requests('Purchase')).toHaveLength(1);
    expect(await register.request('Loyalty')).toMatchObject({ result: { method: 'Loyalty' } });
    expect(await register.request('Purchase', purchase('R-3'))).toMatchObject({
      result: { method: 'Purchase' },
    });
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(register).toMatchObject({ faults: [], unexpected: [] });
    expect(bench.processes).toEqual([]);
  });

  test('an error that is an outcome goes to the register as it is', async () => {
    const application = await bench.application();
    const bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`]);
    const register = bridge.register();
    const bought = register.request('Purchase', purchase('R-1'));
    await application.waitFor('Purchase');
    await application.kill();
    application.handler = ({ method }) =>
      method === 'Check' ? errorAnswer('DECLINED', 'by the issuer', 42) : undefined;
    await application.start();
    expect(await bought).toMatchObject({
      error: { code: 42, data: { string_code: 'DECLINED', details: 'by the issuer' } },
    });
  });

  test('not found counts when it is said twice, 5 s apart', async () => {
    const application = await bench.application();
    const bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`]);
    const register = bridge.register();
    const bought = register.request('Purchase', purchase('R-1'));
    await application.waitFor('Purchase');
    await application.kill();
    application.handler = ({ method }) =>
      method === 'Check' ? errorAnswer('TRANSACTION_NOT_FOUND', 'never seen') : undefined;
    await application.start();
    await application.waitFor('Check');
    await expectAlive(register);
    expect(register.received.some(({ response_to }) => response_to === 'Purchase')).toBe(false);
    expect(codeOf(await bought)).toBe('TRANSACTION_NOT_FOUND');
    const [first, ...later] = application.requests('Check');
    expect((later.at(-1)?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(3000);
  });

  test('the examples, killed with -9 and started again, tell what became of it', async () => {
    await Promise.all(['application.mjs', 'application.py', 'application.sh'].map(killAndAsk));
  });

  async function killAndAsk(name: string): Promise<void> {
    const folder = bench.path(name);
    mkdirSync(folder);
    const socket = path.join(folder, 'pay.sock');
    const start = async (delay: string) => {
      const env = bench.environment({ DELAY: delay });
      const application = await spawnApplication(path.join(ROOT, 'examples', name), {
        args: [socket],
        env,
        socket,
      });
      spawned.push(application);
      return application;
    };
    const killed = await start('600');
    const bridge = bench.startBridge(['--app', `unix:${socket}`, '--lock', path.join(folder, 'lock')]);
    const register = bridge.register();
    const identifiers = { receipt_id: 'R-1', sequence_id: 1 };
    const bought = register.request('Purchase', purchase('R-1'), { id: 'buy-1' });
    // Not by Check: the applications take lines side by side, and a Check that overtakes finds nothing.
    const isRunning = async () => {
      const { result } = await register.request('Status');
      if (name === 'application.sh') return readdirSync(`${socket}.outcomes`).length > 0;
      return result?.['ready_for_transaction'] === false;
    };
    while (!(await isRunning()));
    expect(codeOf(await register.request('Check', identifiers))).toBe('TRANSACTION_ACTIVE');

    await killed.kill('SIGKILL');
    await bridge.says('application gone');
    await expectAlive(register);
    expect(codeOf(await register.request('Status'))).toBe('CHANNEL_UNAVAILABLE');
    await start('0.01');
    const answer = await bought;
    expect(answer).toMatchObject({ id: 'buy-1', response_to: 'Purchase' });
    expect(answer.error, 'cut off before it was decided: not charged').toBeDefined();
    const { error } = await register.request('Check', identifiers);
    expect(error).toEqual(answer.error);
    expect(await register.request('Purchase', purchase('R-2'))).toMatchObject({ result: { amount: 1250 } });
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(register.faults).toEqual([]);
  }
});

describe('a bridge that dies', () => {
  test('kill -9 during a Purchase frees the lock at once', async () => {
    const application = await bench.application();
    const app = `unix:${bench.socketPath}`;
    const first = bench.startBridge(['--app', app]);
    void first.register().request('Purchase', purchase(1));
    await application.waitFor('Purchase');
    const next = bench.startBridge(['--app', app]).register();
    expect(codeOf(await next.request('Purchase', purchase(2)))).toBe('BUSY');
    first.signal('SIGKILL');
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
    application.handler = ({ method }) => ({ result: { method: method ?? '' } });
    expect(await next.request('Purchase', purchase(3))).toMatchObject({ result: { method: 'Purchase' } });
    expect(application.requests('Purchase').map(({ message }) => message?.params?.['receipt_id'])).toEqual([
      1, 3,
    ]);
  });
});

describe('the transport’s own methods', () => {
  test('_Sync and _Keepalive are answered any number of times, in every state of the application', async () => {
    const application = await bench.application();
    const bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`]);
    const register = bridge.register();
    const syncs = async () => {
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, count) => register.request(count % 2 === 0 ? '_Sync' : '_Keepalive')),
      );
      for (const { result } of answers) expect(result).toEqual({});
    };
    await syncs();
    const bought = register.request('Purchase', purchase(1));
    const { message, attachment } = await application.waitFor('Purchase');
    await syncs();
    attachment.answer(message ?? {}, { result: {} });
    expect((await bought).result).toEqual({});
    await application.kill();
    await syncs();
    expect(application.lines.map(({ message: line }) => line?.method)).toEqual(['_Connected', 'Purchase']);
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
  });
});
