import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test as base, describe, expect, vi } from 'vitest';
import type { LineMessage, TestApplication } from '../kit/application.ts';
import { EXAMPLES, Example } from './example.ts';

vi.setConfig({ maxConcurrency: 8 }); // they wait much more than they work

/** The examples as a bridge meets them: lines on their UNIX socket. */
describe.concurrent.each(['application.sh', 'application.py', 'application.mjs'])('%s', (name) => {
  const test = base.extend<{ example: Example }>({
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads from it that no other fixture is wanted
    example: async ({}, use) => {
      const example = new Example(name);
      await use(example);
      await example.close();
    },
  });

  const identifiers = { receipt_id: 'r "ä" /1', sequence_id: 17 };
  const purchase = { ...identifiers, amount: 1250, currency: 'EUR', api_key: 'k' };
  const isAtIt = (bridge: TestApplication) =>
    bridge.waitFor(({ message }) => message?.method === 'StatusEvent');
  const code = (message: LineMessage) => message.error?.data?.['string_code'];

  test('is short enough to be read before lunch', () => {
    const lines = readFileSync(path.join(EXAMPLES, name), 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(140);
  });

  test('approves, and tells the same again and again, to others and after kill -9 too', async ({
    example,
  }) => {
    await example.start(0.2);
    const bridge = await example.attach();
    const paid = await example.ask(bridge, 'Purchase', purchase);
    expect(paid).toMatchObject({
      connection: 'c1',
      jsonrpc: '2.0',
      result: { amount: 1250, currency: 'EUR' },
    });
    const checked = await example.ask(bridge, 'Check', identifiers);
    const elsewhere = await example.ask(
      await example.attach(),
      'Check',
      { ...identifiers, sequence_id: '17' },
      'c2',
    );
    expect(elsewhere.connection).toBe('c2');
    expect(code(await example.ask(bridge, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
    await example.kill();
    await example.start(0.2);
    const later = await example.ask(await example.attach(), 'Check', identifiers);
    for (const answer of [checked, elsewhere, later]) {
      expect(JSON.stringify(answer.result)).toBe(JSON.stringify(paid.result));
    }
    expect(code(await example.ask(await example.attach(), 'Purchase', purchase))).toBe(
      'DUPLICATE_TRANSACTION',
    );
  });

  test('says TRANSACTION_ACTIVE while it runs, and charges once', async ({ example }) => {
    await example.start(3);
    const bridge = await example.attach();
    const paying = example.ask(bridge, 'Purchase', purchase);
    await isAtIt(bridge);
    expect(code(await example.ask(bridge, 'Check', identifiers))).toBe('TRANSACTION_ACTIVE');
    expect(code(await example.ask(await example.attach(), 'Purchase', purchase, 'c2'))).toBe(
      'DUPLICATE_TRANSACTION',
    );
    expect((await paying).result).toBeDefined();
  });

  test('refuses a purchase of which it said TRANSACTION_NOT_FOUND, after a restart too', async ({
    example,
  }) => {
    await example.start(0);
    const bridge = await example.attach();
    expect(code(await example.ask(bridge, 'Check', identifiers))).toBe('TRANSACTION_NOT_FOUND');
    expect(code(await example.ask(bridge, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
    await example.kill();
    await example.start(0);
    const later = await example.attach();
    expect(code(await example.ask(later, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
    expect(code(await example.ask(later, 'Check', identifiers))).toBe('TRANSACTION_NOT_FOUND');
  });

  test('finishes a purchase whose bridge is gone', async ({ example }) => {
    await example.start(3);
    const bridge = await example.attach();
    bridge.send({ connection: 'c1', jsonrpc: '2.0', id: 'x', method: 'Purchase', params: purchase });
    await isAtIt(bridge);
    await bridge.kill();
    const other = await example.attach();
    expect(code(await example.ask(other, 'Check', identifiers))).toBe('TRANSACTION_ACTIVE');
    await vi.waitFor(
      async () =>
        expect((await example.ask(other, 'Check', identifiers)).result).toMatchObject({ amount: 1250 }),
      { timeout: 10_000, interval: 200 },
    );
  });

  test('that is killed inside a purchase has charged nothing, and says so', async ({ example }) => {
    await example.start(3);
    const bridge = await example.attach();
    bridge.send({ connection: 'c1', jsonrpc: '2.0', id: 'x', method: 'Purchase', params: purchase });
    await isAtIt(bridge);
    await example.kill();
    await example.start(0);
    const other = await example.attach();
    expect(code(await example.ask(other, 'Check', identifiers))).toBe('TRANSACTION_NOT_FOUND');
    expect(code(await example.ask(other, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
  });

  test('serves several connections at once', async ({ example }) => {
    await example.start(600);
    const bridge = await example.attach();
    const connections = ['a', 'b', 'c'];
    for (const connection of connections) example.tell(bridge, '_Connected', { connection }, connection);
    const paying = connections.map((connection, index) =>
      example.ask(bridge, 'Purchase', { ...purchase, sequence_id: index, amount: index + 1 }, connection),
    );
    for (const connection of connections) {
      await bridge.waitFor(
        ({ message }) => message?.connection === connection && message.method === 'StatusEvent',
      );
    }
    for (const sequence_id of [0, 1, 2]) {
      expect(code(await example.ask(bridge, 'Check', { ...identifiers, sequence_id }))).toBe(
        'TRANSACTION_ACTIVE',
      );
    }
    for (const connection of connections) example.tell(bridge, 'Abort', {}, connection);
    expect((await Promise.all(paying)).map((answer) => [answer.connection, code(answer)])).toEqual(
      connections.map((connection) => [connection, 'ABORTED']),
    );
  });

  test('answers Status, refuses the unknown and the wrong, skips what cannot be read', async ({
    example,
  }) => {
    await example.start(0);
    const bridge = await example.attach();
    bridge.send('rubbish\n\n[1]\n17\nnull\n{"half":\n');
    bridge.send(
      '{"connection":"c1","jsonrpc":"2.0","method":"_Disconnected","params":{"reason":"x","pending":[]}}\n',
    );
    bridge.send('{"connection":"c1","jsonrpc":"2.0","method":"_Dropped","params":{"count":3}}\n');
    bridge.send(
      `${JSON.stringify({ connection: 'c1', jsonrpc: '2.0', method: 'Purchase', params: purchase })}\n`,
    );
    expect((await example.ask(bridge, 'Status')).result).toMatchObject({ ready_for_transaction: true });
    const unknown = await example.ask(bridge, 'DisplayScreen', { text: 'x' });
    expect(unknown.error).toMatchObject({ code: -32601, data: { string_code: 'JSONRPC_METHOD_NOT_FOUND' } });
    for (const wrong of [{ amount: 0 }, { amount: 1.5 }, { amount: '5' }, { receipt_id: undefined }]) {
      const refused = await example.ask(bridge, 'Purchase', { ...purchase, ...wrong });
      expect(refused.error).toMatchObject({ code: -32602, data: { string_code: 'JSONRPC_INVALID_PARAMS' } });
    }
    for (const wrong of [17.5, true, {}, [], '']) {
      expect(code(await example.ask(bridge, 'Purchase', { ...purchase, sequence_id: wrong }))).toBe(
        'JSONRPC_INVALID_PARAMS',
      );
      expect(code(await example.ask(bridge, 'Check', { receipt_id: wrong }))).toBe('JSONRPC_INVALID_PARAMS');
    }
    expect(bridge.lines).toHaveLength(16);
  });

  const withId = (written: string) =>
    `{"receipt_id":"r1","sequence_id":${written},"amount":1250,"currency":"EUR"}`;

  test('takes 17, 17.0, 1.7e1 and "17" for the same, and "017" for another', async ({ example }) => {
    await example.start(0);
    const bridge = await example.attach();
    const paid = await example.ask(bridge, 'Purchase', withId('17'));
    for (const written of ['17', '17.0', '1.7e1', '170E-1', '"17"']) {
      expect((await example.ask(bridge, 'Check', withId(written))).result).toEqual(paid.result);
      expect(code(await example.ask(bridge, 'Purchase', withId(written)))).toBe('DUPLICATE_TRANSACTION');
    }
    for (const another of ['"017"', '"17.0"', '-17']) {
      expect(code(await example.ask(bridge, 'Check', withId(another)))).toBe('TRANSACTION_NOT_FOUND');
    }
  });

  test('never takes one integer for another, whatever their size', async ({ example }) => {
    await example.start(0);
    const bridge = await example.attach();
    const paid = await example.ask(bridge, 'Purchase', withId('9007199254740993'));
    if (name === 'application.sh') {
      expect(code(paid)).toBe('JSONRPC_INVALID_PARAMS'); // jq rounds
      return;
    }
    expect((await example.ask(bridge, 'Check', withId('9007199254740993.0'))).result).toEqual(paid.result);
    expect(code(await example.ask(bridge, 'Check', withId('9007199254740992')))).toBe(
      'TRANSACTION_NOT_FOUND',
    );
    expect(code(await example.ask(bridge, 'Check', withId('1e9999999')))).toBe('JSONRPC_INVALID_PARAMS');
  });

  test('does without sequence_id, and finds the only transaction of a receipt', async ({ example }) => {
    await example.start(0);
    const bridge = await example.attach();
    const of = (receipt_id: string, more: object = {}) => ({
      receipt_id,
      amount: 500,
      currency: 'EUR',
      ...more,
    });
    const alone = await example.ask(bridge, 'Purchase', of('1', { sequence_id: null }));
    expect(alone.result).toMatchObject({ amount: 500 });
    expect((await example.ask(bridge, 'Check', of('1'))).result).toEqual(alone.result);
    expect(code(await example.ask(bridge, 'Purchase', of('1')))).toBe('DUPLICATE_TRANSACTION');
    const refund = await example.ask(bridge, 'Refund', of('2', { sequence_id: 1, amount: 200 }));
    expect((await example.ask(bridge, 'Check', of('2'))).result).toEqual(refund.result);
    await example.ask(bridge, 'Purchase', of('2', { sequence_id: 2 }));
    expect(code(await example.ask(bridge, 'Check', of('2')))).toBe('OUTCOME_UNKNOWN');
    const whole = await example.ask(bridge, 'Purchase', of('2', { amount: 700 }));
    expect((await example.ask(bridge, 'Check', of('2'))).result).toEqual(whole.result);
    expect(code(await example.ask(bridge, 'Check', of('3')))).toBe('TRANSACTION_NOT_FOUND');
    await example.kill();
    await example.start(0);
    const later = await example.attach();
    for (const late of [of('3', { sequence_id: 1 }), of('3')]) {
      expect(code(await example.ask(later, 'Purchase', late))).toBe('DUPLICATE_TRANSACTION');
      expect(code(await example.ask(later, 'Check', late))).toBe('TRANSACTION_NOT_FOUND');
    }
    expect((await example.ask(later, 'Purchase', of('4', { sequence_id: 1 }))).result).toBeDefined();
  });

  test('is BUSY with nobody: Status and StatusEvent say what it is at', async ({ example }) => {
    await example.start(1);
    const bridge = await example.attach();
    const paying = example.ask(bridge, 'Purchase', purchase);
    await bridge.waitFor(({ message }) => message?.params?.['transaction_status'] === 'PROCESSING');
    expect((await example.ask(bridge, 'Status')).result).toEqual({
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

  test.for<[string, object, object]>([
    ['with nothing', {}, {}],
    ['with the identifiers', { receipt_id: identifiers.receipt_id, sequence_id: '17' }, {}],
    ['with the receipt, by the address', { receipt_id: identifiers.receipt_id }, { peer: '192.0.2.7' }],
    ['with its key, by the name', { api_key: 'k' }, { register: 't1', peer: '192.0.2.7' }],
  ])(
    'is aborted by a notification %s, of another connection or the same',
    async ([, params, whose], { example }) => {
      await example.start(600);
      const bridge = await example.attach('c1', whose);
      const paying = example.ask(bridge, 'Purchase', purchase);
      await isAtIt(bridge);
      if (Object.keys(whose).length === 0) example.tell(bridge, 'Abort', params);
      else
        example.tell(
          await example.attach('c2', { ...whose, ...('register' in whose && { peer: '192.0.2.8' }) }),
          'Abort',
          params,
          'c2',
        );
      const aborted = await paying;
      expect(aborted.error?.data).toMatchObject({ string_code: 'ABORTED', outcome: 'not-charged' });
      await example.kill();
      await example.start(0);
      expect((await example.ask(await example.attach(), 'Check', identifiers)).error).toEqual(aborted.error);
    },
  );

  test('is aborted by nobody else', async ({ example }) => {
    await example.start(3);
    const bridge = await example.attach('c1', { peer: '192.0.2.7', register: 't1' });
    const others = await example.attach('c2', { peer: '192.0.2.7', register: 't2' });
    example.tell(others, '_Connected', { connection: 'c3', peer: 'unix' }, 'c3');
    expect(code(await example.ask(bridge, 'Abort'))).toBe('NOTHING_TO_ABORT');
    const paying = example.ask(bridge, 'Purchase', purchase);
    await isAtIt(bridge);
    expect(code(await example.ask(others, 'Abort', {}, 'c2'))).toBe('NOTHING_TO_ABORT');
    expect(code(await example.ask(others, 'Abort', {}, 'c3'))).toBe('NOTHING_TO_ABORT');
    expect(code(await example.ask(bridge, 'Abort', { receipt_id: 'another' }))).toBe('NOTHING_TO_ABORT');
    expect(code(await example.ask(bridge, 'Abort', { ...identifiers, sequence_id: 18 }))).toBe(
      'NOTHING_TO_ABORT',
    );
    expect(code(await example.ask(bridge, 'Abort', { receipt_id: {} }))).toBe('NOTHING_TO_ABORT');
    example.tell(others, '_Connected', { connection: 'c4', peer: '192.0.2.9', register: 't1' }, 'c4');
    expect(code(await example.ask(others, 'Abort', { api_key: 'other' }, 'c4'))).toBe('NOTHING_TO_ABORT');
    expect((await paying).result).toBeDefined();
  });

  test('reverses a transaction as a whole, once', async ({ example }) => {
    await example.start(0);
    const bridge = await example.attach();
    const sale = (receipt_id: string, more: object = {}) => ({
      receipt_id,
      amount: 500,
      currency: 'EUR',
      ...more,
    });
    const reversal = (receipt_id: string, original_receipt_id: string, more: object = {}) =>
      sale(receipt_id, { original_receipt_id, ...more });
    await example.ask(bridge, 'Purchase', sale('1', { sequence_id: 1 }));
    const undone = await example.ask(bridge, 'Reversal', reversal('2', '1', { original_sequence_id: '1' }));
    expect(undone.result).toMatchObject({ amount: 500, currency: 'EUR' });
    await example.kill();
    await example.start(0);
    const later = await example.attach();
    expect((await example.ask(later, 'Check', { receipt_id: '2' })).result).toEqual(undone.result);
    expect(code(await example.ask(later, 'Reversal', reversal('2', '1')))).toBe('DUPLICATE_TRANSACTION');
    await example.ask(later, 'Purchase', sale('5'));
    await example.ask(later, 'Check', { receipt_id: '6' });
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
      const { error } = await example.ask(later, 'Reversal', refused);
      expect(error?.data).toMatchObject({ string_code: 'REVERSAL_REFUSED', outcome: 'not-charged' });
      expect((await example.ask(later, 'Check', { receipt_id: refused.receipt_id })).error).toEqual(error);
    }
    expect((await example.ask(later, 'Reversal', reversal('7', '5'))).result).toMatchObject({ amount: 500 });
  });

  test('that is killed between charging and answering tells it when it is back', async ({ example }) => {
    const armed = path.join(example.folder, 'armed');
    writeFileSync(armed, '');
    await example.start(0.2, killerOf(name, example.folder, armed));
    const bridge = await example.attach();
    bridge.send({ connection: 'c1', jsonrpc: '2.0', id: 'x', method: 'Purchase', params: purchase });
    await example.exited;
    expect(bridge.lines.filter(({ message }) => message?.id !== undefined)).toEqual([]);
    await example.start(0.2);
    const later = await example.attach();
    expect((await example.ask(later, 'Check', identifiers)).result).toMatchObject({
      amount: 1250,
      currency: 'EUR',
    });
    expect(code(await example.ask(later, 'Purchase', purchase))).toBe('DUPLICATE_TRANSACTION');
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
