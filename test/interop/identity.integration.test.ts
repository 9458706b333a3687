import { existsSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errorAnswer, type Handler } from '../kit/application.ts';
import type { JsonObject } from '../kit/register.ts';
import { codeOf, purchase, Workbench } from './kit.ts';

/** Who is who, and what is one terminal, as registers see it through real processes. */

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(async () => {
  for (const name of readdirSync('/run/lock'))
    if (name.includes(path.basename(bench.folder))) rmSync(path.join('/run/lock', name), { force: true });
  await bench.close();
});

/** `posbridge serve` with its lock where it is by default. */
async function serve(...args: string[]): Promise<number> {
  const server = bench.start('posbridge', ['serve', '--listen', 'tcp:127.0.0.1:0', ...args]);
  const [, port = ''] = await server.says(/listening on=\S+:(\d+)/);
  return Number(port);
}

/** An application that charges at once, or when `go` is called. */
async function charging({ isHeld = false, at = bench.socketPath } = {}) {
  const charged: unknown[] = [];
  const waiting: (() => void)[] = [];
  const go = () => {
    for (const proceed of waiting.splice(0)) proceed();
  };
  const application = await bench.application(
    async ({ method, params }) => {
      if (method !== 'Purchase') return undefined;
      charged.push(params?.['receipt_id']);
      if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve));
      return { result: { amount: params?.['amount'] ?? null, n: charged.length } };
    },
    { path: at },
  );
  return { application, charged, go };
}

describe('two bridges of one terminal have one transaction at a time', () => {
  const journal = () => bench.path('journal');
  test.each<[string, () => [string[], string[]]]>([
    [
      'whose application is written in two ways',
      () => [
        ['--app', `unix:${bench.folder}/pay.sock`],
        ['--app', `unix:${bench.folder}/./pay.sock`],
      ],
    ],
    [
      'one of which goes through a symbolic link',
      () => {
        symlinkSync('pay.sock', bench.path('link.sock'));
        return [
          ['--app', `unix:${bench.folder}/pay.sock`],
          ['--app', `unix:${bench.folder}/link.sock`],
        ];
      },
    ],
    [
      'where Purchase is routed to ui, and payment is another endpoint or none',
      () => [
        ['--ui', `unix:${bench.socketPath}`, '--route', 'Purchase=ui'],
        ['--ui', `unix:${bench.socketPath}`, '--payment', 'null:', '--route', 'Purchase=ui'],
      ],
    ],
    [
      'with one journal and different places',
      () => [
        ['--app', `unix:${bench.socketPath}`, '--journal', journal()],
        [
          '--ui',
          `unix:${bench.socketPath}`,
          '--payment',
          'null:',
          '--route',
          'Purchase=ui',
          '--journal',
          journal(),
        ],
      ],
    ],
  ])('%s', async (_, argsOf) => {
    const { charged, go } = await charging({ isHeld: true });
    const [one, other] = argsOf();
    const [first, second] = [await serve(...one), await serve(...other)];
    const till = await bench.register(first);
    const running = till.request('Purchase', purchase(1));
    await expect.poll(() => charged.length, { timeout: 30_000 }).toBe(1);
    const refused = await (await bench.register(second)).request('Purchase', purchase(2));
    expect(codeOf(refused)).toBe('BUSY');
    go();
    expect((await running).result).toMatchObject({ n: 1 });
    expect(charged).toEqual([1]);
  });
});

const APART = ['--mount', '--pid', '--fork', '--mount-proc'];
/** Only root may make containers. */
const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)(
  'two containers, each with a /run/lock of its own and process number 1, have one transaction at a time on one journal',
  async () => {
    const { charged, go } = await charging({ isHeld: true });
    const args = ['--app', `unix:${bench.socketPath}`, '--journal', bench.path('journal')];
    const contained = async (name: string) => {
      const wire = bench.path(name);
      const own = 'mount -t tmpfs none /run/lock && exec "$@"';
      const program = ['posbridge', 'serve', '--listen', `unix:${wire}`, ...args];
      const server = bench.start('unshare', [...APART, 'sh', '-c', own, 'sh', ...program]);
      await server.says('listening on');
      return bench.register({ path: wire });
    };
    const [one, two] = [await contained('one.sock'), await contained('two.sock')];
    const running = one.request('Purchase', purchase(1));
    await expect.poll(() => charged.length, { timeout: 30_000 }).toBe(1);
    const refused = await two.request('Purchase', purchase(2));
    expect(codeOf(refused)).toBe('BUSY');
    expect(refused.error?.data['details']).toMatch(/process 1\) is running since/);
    const { receipt_id, sequence_id } = purchase(1);
    const asked = await two.request('Check', { receipt_id, sequence_id } as JsonObject);
    expect(codeOf(asked)).toBe('TRANSACTION_ACTIVE');
    go();
    expect((await running).result).toMatchObject({ n: 1 });
    expect(charged).toEqual([1]);
    const next = two.request('Purchase', purchase(2));
    await expect.poll(() => charged.length, { timeout: 30_000 }).toBe(2);
    go();
    expect((await next).result).toMatchObject({ n: 2 });
  },
);

describe('a transaction that its bridge has left behind', () => {
  /** Which Checks came to an application that answers them like this. */
  async function asked(at: string, answer: Awaited<ReturnType<Handler>>) {
    const checks: unknown[] = [];
    await bench.application(
      ({ method, params }) => {
        if (method !== 'Check') return undefined;
        checks.push(params?.['receipt_id']);
        return answer;
      },
      { path: at },
    );
    return checks;
  }

  test('is asked about where it went, and ended by nobody else', async () => {
    const journal = bench.path('journal');
    const [first, other] = [bench.path('first.sock'), bench.path('other.sock')];
    const checks = await asked(first, { result: { n: 1 } });
    const server = bench.start('posbridge', ['--app', `unix:${first}`, '--journal', journal]);
    const till = server.register();
    void till.request('Purchase', purchase(17));
    await expect
      .poll(() => existsSync(journal) && readdirSync(journal).some((name) => name.endsWith('.entry')), {
        timeout: 30_000,
      })
      .toBe(true);
    await till.request('_Keepalive');
    await server.kill();

    const strangers = await asked(other, errorAnswer('TRANSACTION_NOT_FOUND', 'never heard of it'));
    const there = await bench.register(await serve('--app', `unix:${other}`, '--journal', journal));
    for (let round = 0; round < 2; round += 1)
      expect(codeOf(await there.request('Check', { receipt_id: 17 }))).toBe('OUTCOME_UNKNOWN');
    expect(strangers).toEqual([]);

    const args = [
      '--ui',
      `unix:${bench.folder}/./first.sock`,
      '--payment',
      `unix:${other}`,
      '--journal',
      journal,
    ];
    const back = await bench.register(await serve(...args));
    expect((await back.request('Check', { receipt_id: 17 })).result).toMatchObject({ n: 1 });
    expect([checks, strangers]).toEqual([[17], []]);
  });
});

describe('a terminal for each peer', () => {
  test.each(['peer', 'connection'])('{%s} has to stand in --journal, too: 100', async (word) => {
    const app = `unix:${bench.folder}/{${word}}.sock`;
    for (const args of [
      ['--app', app],
      ['--ui', app, '--payment', 'null:', '--route', 'Purchase=ui'],
    ]) {
      const refused = bench.start('posbridge', [...args, '--journal', bench.path('journal')]);
      expect(await refused.exited).toMatchObject({ code: 100 });
      expect(refused.errors).toMatch(`needs a journal of its own: put {${word}} into it`);
    }
    const other = bench.start('posbridge', ['--app', 'simulator:', '--journal', bench.path('{pid}')]);
    expect(await other.exited).toMatchObject({ code: 100 });
    expect(other.errors).toMatch('has no {pid}; there is {peer} and {connection}');
  });

  test('has a journal and a lock of its own', async () => {
    const { charged } = await charging({ at: bench.path('127.0.0.1.sock') });
    const port = await serve(
      '--app',
      `unix:${bench.folder}/{peer}.sock`,
      '--journal',
      bench.path('journal/{peer}'),
    );
    const till = await bench.register(port);
    expect((await till.request('Purchase', purchase(17))).result).toMatchObject({ n: 1 });
    till.end();
    await till.closed;
    const again = await bench.register(port);
    expect((await again.request('Check', { receipt_id: 17 })).result).toMatchObject({ n: 1 });
    expect(charged).toEqual([17]);
    expect(readdirSync(bench.path('journal'))).toEqual(['127.0.0.1']);
    expect(readdirSync(bench.path('journal/127.0.0.1'))).toContain('posbridge.lock');
  });
});

describe('with a journal', () => {
  const journaled = () => serve('--app', `unix:${bench.socketPath}`, '--journal', bench.path('journal'));

  test('17, "17", 17.0 and 1.7e1 are one sale, charged once; 17.5 is none', async () => {
    const { charged } = await charging();
    const port = await journaled();
    for (const [literal, expected] of [
      ['17', undefined],
      ['"17"', undefined],
      ['17.0', undefined],
      ['1.7e1', undefined],
      ['17.5', 'JSONRPC_INVALID_PARAMS'],
      ['true', 'JSONRPC_INVALID_PARAMS'],
      ['{}', 'JSONRPC_INVALID_PARAMS'],
    ] as const) {
      const till = await bench.register(port);
      const id = literal.replace(/\W/g, '-');
      const params = `{"receipt_id":${literal},"amount":250,"currency":"EUR"}`;
      const text = `{"jsonrpc":"2.0","id":"${id}","method":"Purchase","params":${params}}`;
      till.write(`${text.length.toString(16).padStart(8, '0')}:${text}\n`);
      const answer = await till.waitFor((message) => message.id === id);
      expect([literal, codeOf(answer)]).toEqual([literal, expected]);
      till.end();
      await till.closed;
    }
    expect(charged).toEqual([17]);
  });

  test('a second till with the same numbers and price is not told that it is paid, whatever its address is', async () => {
    const { charged } = await charging();
    const port = await journaled();
    const [one, other] = [await bench.register(port), await bench.register(port)];
    expect((await one.request('Purchase', purchase(17, { api_key: 'a' }))).result).toMatchObject({ n: 1 });
    const told = await other.request('Purchase', purchase(17, { api_key: 'b' }));
    expect(codeOf(told)).toBe('DUPLICATE_TRANSACTION');
    expect(told.error?.data?.['display_message']).toMatch(/^already paid 12\.50 EUR/);
    one.notify('DisplayScreen');
    await one.request('_Keepalive');
    expect(codeOf(await other.request('Purchase', purchase(17, { api_key: 'a' })))).toBe(
      'DUPLICATE_TRANSACTION',
    );
    expect(charged).toEqual([17]);
  });

  test('the second half of a split bill is not the first one, and a lost answer is found on a new connection', async () => {
    const { charged } = await charging();
    const port = await journaled();
    const till = await bench.register(port);
    expect((await till.request('Purchase', purchase(17))).result).toMatchObject({ n: 1 });
    expect(codeOf(await till.request('Purchase', purchase(17)))).toBe('DUPLICATE_TRANSACTION');
    till.end();
    await till.closed;
    const again = await bench.register(port);
    const found = await again.request('Purchase', purchase(17, { time: 'later' }));
    expect(found.result).toMatchObject({ n: 1 });
    expect(charged).toEqual([17]);
  });

  test('tills with names of their own have numbers of their own', async () => {
    const { charged } = await charging();
    const journal = ['--app', `unix:${bench.socketPath}`, '--journal', bench.path('journal')];
    for (const [index, name] of ['till-1', 'till-2'].entries()) {
      const till = await bench.register(await serve(...journal, '--register', name));
      expect((await till.request('Purchase', purchase(17))).result).toMatchObject({ n: index + 1 });
    }
    expect(charged).toEqual([17, 17]);
  });
});
