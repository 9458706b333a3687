import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type LineMessage,
  type SpawnedApplication,
  spawnApplication,
  TestApplication,
} from '../kit/application.ts';

const EXAMPLES = path.resolve(import.meta.dirname, '../../examples');

/** The examples as a bridge meets them: lines on their UNIX socket. */
describe.each(['application.sh', 'application.py', 'application.mjs'])('%s', (name) => {
  let folder: string;
  let socket: string;
  let application: SpawnedApplication | undefined;
  const bridges: TestApplication[] = [];

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'posbridge-'));
    socket = path.join(folder, 'pay.sock');
  });

  afterEach(async () => {
    for (const bridge of bridges.splice(0)) await bridge.kill();
    await application?.kill();
    application = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(delaySeconds: number, env: Record<string, string> = {}): Promise<void> {
    application = await spawnApplication(path.join(EXAMPLES, name), {
      args: [socket],
      env: { DELAY: String(delaySeconds), ...env },
      socket,
    });
  }

  async function attach(connection = 'c1', params: object = {}): Promise<TestApplication> {
    const bridge = await TestApplication.connect({ path: socket });
    bridges.push(bridge);
    tell(bridge, '_Connected', { connection, ...params }, connection);
    return bridge;
  }

  function tell(bridge: TestApplication, method: string, params: object, connection = 'c1'): void {
    bridge.send({ connection, jsonrpc: '2.0', method, params });
  }

  let ids = 0;
  async function ask(
    bridge: TestApplication,
    method: string,
    params: object | string = {},
    connection = 'c1',
  ): Promise<LineMessage> {
    ids += 1;
    const id = `r-${ids}`;
    const text = typeof params === 'string' ? params : JSON.stringify(params);
    bridge.send(
      `{"connection":"${connection}","jsonrpc":"2.0","id":"${id}","method":"${method}","params":${text}}\n`,
    );
    const { message } = await bridge.waitFor((line) => line.message?.id === id);
    return message as LineMessage;
  }

  const identifiers = { receipt_id: 'r "ä" /1', sequence_id: 17 };
  const purchase = { ...identifiers, amount: 1250, currency: 'EUR', api_key: 'k' };
  const code = (message: LineMessage) => message.error?.data?.['string_code'];

  test('is short enough to be read before lunch', () => {
    const lines = readFileSync(path.join(EXAMPLES, name), 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(140);
  });

  test('approves, and tells the same again and again, to others and after kill -9 too', async () => {
    await start(0.2);
    const bridge = await attach();
    const paid = await ask(bridge, 'Purchase', purchase);
    expect(paid).toMatchObject({
      connection: 'c1',
      jsonrpc: '2.0',
      result: { amount: 1250, currency: 'EUR' },
    });
    const checked = await ask(bridge, 'Check', identifiers);
    const elsewhere = await ask(await attach(), 'Check', { ...identifiers, sequence_id: '17' }, 'c2');
    expect(elsewhere.connection).toBe('c2');
    expect(code(await ask(bridge, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
    await application?.kill();
    await start(0.2);
    const later = await ask(await attach(), 'Check', identifiers);
    for (const answer of [checked, elsewhere, later]) {
      expect(JSON.stringify(answer.result)).toBe(JSON.stringify(paid.result));
    }
    expect(code(await ask(await attach(), 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
  });

  test('says TRANSACTION_ACTIVE while it runs, and charges once', async () => {
    await start(2);
    const bridge = await attach();
    const paying = ask(bridge, 'Purchase', purchase);
    await sleep(800);
    expect(code(await ask(bridge, 'Check', identifiers))).toBe('TRANSACTION_ACTIVE');
    expect(code(await ask(await attach(), 'Purchase', purchase, 'c2'))).toBe('DUPLICATE_TRANSACTION');
    expect((await paying).result).toBeDefined();
  });

  test('refuses a purchase of which it said TRANSACTION_NOT_FOUND, after a restart too', async () => {
    await start(0);
    const bridge = await attach();
    expect(code(await ask(bridge, 'Check', identifiers))).toBe('TRANSACTION_NOT_FOUND');
    expect(code(await ask(bridge, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
    await application?.kill();
    await start(0);
    const later = await attach();
    expect(code(await ask(later, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
    expect(code(await ask(later, 'Check', identifiers))).toBe('TRANSACTION_NOT_FOUND');
  });

  test('finishes a purchase whose bridge is gone', async () => {
    await start(2);
    const bridge = await attach();
    bridge.send({ connection: 'c1', jsonrpc: '2.0', id: 'x', method: 'Purchase', params: purchase });
    await sleep(800);
    await bridge.kill();
    const other = await attach();
    expect(code(await ask(other, 'Check', identifiers))).toBe('TRANSACTION_ACTIVE');
    await vi.waitFor(
      async () => expect((await ask(other, 'Check', identifiers)).result).toMatchObject({ amount: 1250 }),
      { timeout: 10_000, interval: 200 },
    );
  });

  test('that is killed inside a purchase has charged nothing, and says so', async () => {
    await start(2);
    const bridge = await attach();
    bridge.send({ connection: 'c1', jsonrpc: '2.0', id: 'x', method: 'Purchase', params: purchase });
    await sleep(800);
    await application?.kill();
    await start(0);
    const other = await attach();
    expect(code(await ask(other, 'Check', identifiers))).toBe('TRANSACTION_NOT_FOUND');
    expect(code(await ask(other, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
  });

  test('serves several connections at once', async () => {
    await start(600);
    const bridge = await attach();
    const connections = ['a', 'b', 'c'];
    for (const connection of connections) tell(bridge, '_Connected', { connection }, connection);
    const paying = connections.map((connection, index) =>
      ask(bridge, 'Purchase', { ...purchase, sequence_id: index, amount: index + 1 }, connection),
    );
    for (const connection of connections) {
      await bridge.waitFor(
        ({ message }) => message?.connection === connection && message.method === 'StatusEvent',
      );
    }
    for (const sequence_id of [0, 1, 2]) {
      expect(code(await ask(bridge, 'Check', { ...identifiers, sequence_id }))).toBe('TRANSACTION_ACTIVE');
    }
    for (const connection of connections) tell(bridge, 'Abort', {}, connection);
    expect((await Promise.all(paying)).map((answer) => [answer.connection, code(answer)])).toEqual(
      connections.map((connection) => [connection, 'ABORTED']),
    );
  });

  test('answers Status, refuses the unknown and the wrong, skips what cannot be read', async () => {
    await start(0);
    const bridge = await attach();
    bridge.send('rubbish\n\n[1]\n17\nnull\n{"half":\n');
    bridge.send(
      '{"connection":"c1","jsonrpc":"2.0","method":"_Disconnected","params":{"reason":"x","pending":[]}}\n',
    );
    bridge.send('{"connection":"c1","jsonrpc":"2.0","method":"_Dropped","params":{"count":3}}\n');
    bridge.send(
      `${JSON.stringify({ connection: 'c1', jsonrpc: '2.0', method: 'Purchase', params: purchase })}\n`,
    );
    expect((await ask(bridge, 'Status')).result).toMatchObject({ ready_for_transaction: true });
    const unknown = await ask(bridge, 'DisplayScreen', { text: 'x' });
    expect(unknown.error).toMatchObject({ code: -32601, data: { string_code: 'JSONRPC_METHOD_NOT_FOUND' } });
    for (const wrong of [{ amount: 0 }, { amount: 1.5 }, { amount: '5' }, { receipt_id: undefined }]) {
      const refused = await ask(bridge, 'Purchase', { ...purchase, ...wrong });
      expect(refused.error).toMatchObject({ code: -32602, data: { string_code: 'JSONRPC_INVALID_PARAMS' } });
    }
    for (const wrong of [17.5, true, {}, [], '']) {
      expect(code(await ask(bridge, 'Purchase', { ...purchase, sequence_id: wrong }))).toBe(
        'JSONRPC_INVALID_PARAMS',
      );
      expect(code(await ask(bridge, 'Check', { receipt_id: wrong }))).toBe('JSONRPC_INVALID_PARAMS');
    }
    expect(bridge.lines).toHaveLength(16);
  });

  const withId = (written: string) =>
    `{"receipt_id":"r1","sequence_id":${written},"amount":1250,"currency":"EUR"}`;

  test('takes 17, 17.0, 1.7e1 and "17" for the same, and "017" for another', async () => {
    await start(0);
    const bridge = await attach();
    const paid = await ask(bridge, 'Purchase', withId('17'));
    for (const written of ['17', '17.0', '1.7e1', '170E-1', '"17"']) {
      expect((await ask(bridge, 'Check', withId(written))).result).toEqual(paid.result);
      expect(code(await ask(bridge, 'Purchase', withId(written)))).toBe('DUPLICATE_TRANSACTION');
    }
    for (const another of ['"017"', '"17.0"', '-17']) {
      expect(code(await ask(bridge, 'Check', withId(another)))).toBe('TRANSACTION_NOT_FOUND');
    }
  });

  test('never takes one integer for another, whatever their size', async () => {
    await start(0);
    const bridge = await attach();
    const paid = await ask(bridge, 'Purchase', withId('9007199254740993'));
    if (name === 'application.sh') {
      expect(code(paid)).toBe('JSONRPC_INVALID_PARAMS'); // jq rounds
      return;
    }
    expect((await ask(bridge, 'Check', withId('9007199254740993.0'))).result).toEqual(paid.result);
    expect(code(await ask(bridge, 'Check', withId('9007199254740992')))).toBe('TRANSACTION_NOT_FOUND');
    expect(code(await ask(bridge, 'Check', withId('1e9999999')))).toBe('JSONRPC_INVALID_PARAMS');
  });

  test('does without sequence_id, and finds the only transaction of a receipt', async () => {
    await start(0);
    const bridge = await attach();
    const of = (receipt_id: string, more: object = {}) => ({
      receipt_id,
      amount: 500,
      currency: 'EUR',
      ...more,
    });
    const alone = await ask(bridge, 'Purchase', of('1', { sequence_id: null }));
    expect(alone.result).toMatchObject({ amount: 500 });
    expect((await ask(bridge, 'Check', of('1'))).result).toEqual(alone.result);
    expect(code(await ask(bridge, 'Purchase', of('1')))).toBe('DUPLICATE_TRANSACTION');
    const refund = await ask(bridge, 'Refund', of('2', { sequence_id: 1, amount: 200 }));
    expect((await ask(bridge, 'Check', of('2'))).result).toEqual(refund.result);
    await ask(bridge, 'Purchase', of('2', { sequence_id: 2 }));
    expect(code(await ask(bridge, 'Check', of('2')))).toBe('OUTCOME_UNKNOWN');
    const whole = await ask(bridge, 'Purchase', of('2', { amount: 700 }));
    expect((await ask(bridge, 'Check', of('2'))).result).toEqual(whole.result);
    expect(code(await ask(bridge, 'Check', of('3')))).toBe('TRANSACTION_NOT_FOUND');
    await application?.kill();
    await start(0);
    const later = await attach();
    for (const late of [of('3', { sequence_id: 1 }), of('3')]) {
      expect(code(await ask(later, 'Purchase', late))).toBe('DUPLICATE_TRANSACTION');
      expect(code(await ask(later, 'Check', late))).toBe('TRANSACTION_NOT_FOUND');
    }
    expect((await ask(later, 'Purchase', of('4', { sequence_id: 1 }))).result).toBeDefined();
  });

  test('is BUSY with nobody: Status and StatusEvent say what it is at', async () => {
    await start(1);
    const bridge = await attach();
    const paying = ask(bridge, 'Purchase', purchase);
    await bridge.waitFor(({ message }) => message?.params?.['transaction_status'] === 'PROCESSING');
    expect((await ask(bridge, 'Status')).result).toEqual({
      ready_for_transaction: false,
      transaction_status: 'PROCESSING',
    });
    await paying;
    const told = bridge.lines
      .map(({ message }) => message)
      .filter((message) => message?.method === 'StatusEvent');
    expect(told.map((message) => [message?.connection, message?.params])).toEqual([
      ['c1', { ready_for_transaction: false, transaction_status: 'PROCESSING' }],
      ['c1', { ready_for_transaction: true }],
    ]);
    expect(bridge.lines.at(-1)?.message?.result).toMatchObject({ amount: 1250 }); // after the idle one
  });

  test.each([
    ['with nothing', {}, {}],
    ['with the identifiers', { receipt_id: identifiers.receipt_id, sequence_id: '17' }, {}],
    ['with the receipt, by the address', { receipt_id: identifiers.receipt_id }, { peer: '192.0.2.7' }],
    ['with its key, by the name', { api_key: 'k' }, { register: 't1', peer: '192.0.2.7' }],
  ])('is aborted by a notification %s, of another connection or the same', async (_, params, whose) => {
    await start(600);
    const bridge = await attach('c1', whose);
    const paying = ask(bridge, 'Purchase', purchase);
    await bridge.waitFor(({ message }) => message?.method === 'StatusEvent');
    if (Object.keys(whose).length === 0) tell(bridge, 'Abort', params);
    else
      tell(
        await attach('c2', { ...whose, ...('register' in whose && { peer: '192.0.2.8' }) }),
        'Abort',
        params,
        'c2',
      );
    const aborted = await paying;
    expect(aborted.error?.data).toMatchObject({ string_code: 'ABORTED', outcome: 'not-charged' });
    await application?.kill();
    await start(0);
    expect((await ask(await attach(), 'Check', identifiers)).error).toEqual(aborted.error);
  });

  test('is aborted by nobody else', async () => {
    await start(2);
    const bridge = await attach('c1', { peer: '192.0.2.7', register: 't1' });
    const others = await attach('c2', { peer: '192.0.2.7', register: 't2' });
    tell(others, '_Connected', { connection: 'c3', peer: 'unix' }, 'c3');
    expect(code(await ask(bridge, 'Abort'))).toBe('NOTHING_TO_ABORT');
    const paying = ask(bridge, 'Purchase', purchase);
    await bridge.waitFor(({ message }) => message?.method === 'StatusEvent');
    expect(code(await ask(others, 'Abort', {}, 'c2'))).toBe('NOTHING_TO_ABORT');
    expect(code(await ask(others, 'Abort', {}, 'c3'))).toBe('NOTHING_TO_ABORT');
    expect(code(await ask(bridge, 'Abort', { receipt_id: 'another' }))).toBe('NOTHING_TO_ABORT');
    expect(code(await ask(bridge, 'Abort', { ...identifiers, sequence_id: 18 }))).toBe('NOTHING_TO_ABORT');
    expect(code(await ask(bridge, 'Abort', { receipt_id: {} }))).toBe('NOTHING_TO_ABORT');
    tell(others, '_Connected', { connection: 'c4', peer: '192.0.2.9', register: 't1' }, 'c4');
    expect(code(await ask(others, 'Abort', { api_key: 'other' }, 'c4'))).toBe('NOTHING_TO_ABORT');
    expect((await paying).result).toBeDefined();
  });

  test('reverses a transaction as a whole, once', async () => {
    await start(0);
    const bridge = await attach();
    const sale = (receipt_id: string, more: object = {}) => ({
      receipt_id,
      amount: 500,
      currency: 'EUR',
      ...more,
    });
    const reversal = (receipt_id: string, original_receipt_id: string, more: object = {}) =>
      sale(receipt_id, { original_receipt_id, ...more });
    await ask(bridge, 'Purchase', sale('1', { sequence_id: 1 }));
    const undone = await ask(bridge, 'Reversal', reversal('2', '1', { original_sequence_id: '1' }));
    expect(undone.result).toMatchObject({ amount: 500, currency: 'EUR' });
    await application?.kill();
    await start(0);
    const later = await attach();
    expect((await ask(later, 'Check', { receipt_id: '2' })).result).toEqual(undone.result);
    expect(code(await ask(later, 'Reversal', reversal('2', '1')))).toBe('DUPLICATE_TRANSACTION');
    await ask(later, 'Purchase', sale('5'));
    await ask(later, 'Check', { receipt_id: '6' });
    for (const refused of [
      reversal('r1', '1'),
      reversal('r2', '2'),
      reversal('r3', '5', { amount: 400 }),
      reversal('r4', '5', { currency: 'SEK' }),
      reversal('r5', '6'),
      reversal('r6', 'unknown'),
      sale('r7'),
      reversal('r8', 'r8'),
    ]) {
      const { error } = await ask(later, 'Reversal', refused);
      expect(error?.data).toMatchObject({ string_code: 'REVERSAL_REFUSED', outcome: 'not-charged' });
      expect((await ask(later, 'Check', { receipt_id: refused.receipt_id })).error).toEqual(error);
    }
    expect((await ask(later, 'Reversal', reversal('7', '5'))).result).toMatchObject({ amount: 500 });
  });

  test('that is killed between charging and answering tells it when it is back', async () => {
    const armed = path.join(folder, 'armed');
    writeFileSync(armed, '');
    await start(0.2, killerOf(name, folder, armed));
    const bridge = await attach();
    bridge.send({ connection: 'c1', jsonrpc: '2.0', id: 'x', method: 'Purchase', params: purchase });
    await application?.exited;
    expect(bridge.lines.filter(({ message }) => message?.id !== undefined)).toEqual([]);
    await start(0.2);
    const later = await attach();
    expect((await ask(later, 'Check', identifiers)).result).toMatchObject({ amount: 1250, currency: 'EUR' });
    expect(code(await ask(later, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
  });
});

/** The environment in which an example dies, once, when it is about to write the answer to what it has charged. */
function killerOf(name: string, folder: string, armed: string): Record<string, string> {
  const charged = '"result": ?{"amount"';
  if (name.endsWith('.py')) {
    writeFileSync(
      path.join(folder, 'sitecustomize.py'),
      `import os, re, socket
send = socket.socket.sendall
def sendall(self, data):
    if re.search(${JSON.stringify(charged)}, bytes(data).decode()) and os.path.exists(${JSON.stringify(armed)}):
        os.unlink(${JSON.stringify(armed)})
        os.killpg(0, 9)
    return send(self, data)
socket.socket.sendall = sendall
`,
    );
    return { PYTHONPATH: folder };
  }
  if (name.endsWith('.mjs')) {
    const file = path.join(folder, 'killer.mjs');
    writeFileSync(
      file,
      `import { existsSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
const { write } = Socket.prototype;
Socket.prototype.write = function (data, ...more) {
  if (/${charged}/.test(data) && existsSync(${JSON.stringify(armed)})) {
    unlinkSync(${JSON.stringify(armed)});
    process.kill(0, 'SIGKILL');
  }
  return write.call(this, data, ...more);
};
`,
    );
    return { NODE_OPTIONS: `--import ${file}` };
  }
  const jq = execFileSync('sh', ['-c', 'command -v jq'], { encoding: 'utf8' }).trim();
  writeFileSync(
    path.join(folder, 'jq'),
    `#!/bin/bash
case "$*" in *'--argjson o {"result":{"amount"'*) if [ -e '${armed}' ]; then rm '${armed}'; kill -9 0; fi ;; esac
exec ${jq} "$@"
`,
    { mode: 0o700 },
  );
  return { PATH: `${folder}:${process.env['PATH']}` };
}
