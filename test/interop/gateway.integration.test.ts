import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeOf, exitedWith, purchase, type Running, Workbench } from './kit.ts';

/** A terminal of its own protocol behind bridges: real programs from the till to the terminal. */

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(async () => {
  await bench.close();
});

/** A terminal that speaks JSONPOS, and how to name it. */
async function startTerminal(...args: readonly string[]): Promise<{ to: string; terminal: Running }> {
  const socket = bench.path('simulated.sock');
  const terminal = bench.start('posbridge', [
    'terminal',
    '--listen',
    `unix:${socket}`,
    '--delay',
    '60',
    ...args,
  ]);
  await terminal.says('listening');
  const { port } = await bench.startServe(['--app', `unix:${socket}`, '--lock', 'none']);
  return { to: `jsonpos+tcp:127.0.0.1:${port}`, terminal };
}

async function startGateway(to: string, ...args: readonly string[]): Promise<Running> {
  const store = bench.path('remembered');
  const words = [
    'gateway',
    '--listen',
    `unix:${bench.socketPath}`,
    '--to',
    to,
    '--terminal-store',
    store,
    ...args,
  ];
  const gateway = bench.start('posbridge', words);
  await gateway.says('listening');
  return gateway;
}

/** A bridge in front of the gateway, and where registers find it. */
async function startBridge(name: string): Promise<number> {
  const args = [
    '--app',
    `unix:${bench.socketPath}`,
    '--journal',
    bench.path(`journal-${name}`),
    '--lock',
    'none',
    '--register',
    name,
  ];
  const { port } = await bench.startServe(args);
  return port;
}

async function pos(
  port: number,
  ...words: readonly string[]
): Promise<{ code: number | null; lines: string[] }> {
  const [action = '', ...operands] = words;
  const running = bench.start('posbridge', [
    'pos',
    action,
    ...operands,
    '--to',
    `tcp:127.0.0.1:${port}`,
    ...(['abort', 'status'].includes(action) ? [] : ['--store', bench.path('store')]),
  ]);
  const { stdout } = running;
  const { code } = await running.exited;
  return { code, lines: stdout.lines };
}

describe('a gateway', () => {
  test('lets the registers of several bridges pay, reverse and count', async () => {
    const { to } = await startTerminal();
    await startGateway(to);
    const [one, two] = [await startBridge('one'), await startBridge('two')];
    const paid = await pos(one, 'purchase', '12.30', 'EUR', '--receipt', '17');
    expect(paid.lines[0]).toBe('APPROVED  12.30 EUR');
    expect(await pos(two, 'purchase', '5.01', 'EUR', '--receipt', '18')).toMatchObject({ code: 1 });
    const reversed = await pos(two, 'reverse', '12.30', 'EUR', '17', '--receipt', '19');
    expect([reversed.code, reversed.lines[0]]).toEqual([0, 'APPROVED  12.30 EUR  reversal']);
    const again = await pos(two, 'reverse', '12.30', 'EUR', '17', '--receipt', '20');
    expect([again.code, again.lines[0]]).toEqual([1, 'DECLINED  12.30 EUR  reversal']);
    const totals = await pos(one, 'totals', '--close');
    expect(totals).toMatchObject({ code: 0 });
    expect(totals.lines[0]).toBe('period 1, closed');
    expect(totals.lines.map((line) => line.trim().split(/\s+/)[0])).toEqual(
      expect.arrayContaining(['Purchase', 'Reversal']),
    );
    expect((await pos(one, 'totals')).lines.slice(0, 2)).toEqual([
      'period 2, open',
      '  nothing was approved',
    ]);
  });

  test('lets one sale at a time through, and says who has the terminal', async () => {
    const { to } = await startTerminal('--interactive', '--screen', 'tcp:127.0.0.1:0');
    await startGateway(to);
    const one = await bench.register(await startBridge('one'));
    const two = await bench.register(await startBridge('two'));
    const sale = one.request('Purchase', purchase(17));
    await one.waitFor('StatusEvent');
    const refused = await two.request('Purchase', purchase(18));
    expect(codeOf(refused)).toBe('BUSY');
    expect(refused.error?.data['details']).toMatch(/^one has the terminal since 20/);
    expect(codeOf(await two.request('Abort'))).toBe('ABORT_REFUSED');
    expect((await one.request('Abort')).result).toEqual({});
    expect(codeOf(await sale)).toBe('ABORTED');
    expect(two.received.some(({ method }) => method === 'StatusEvent')).toBe(true);
    expect(two.received.some(({ method }) => method === 'PosMessage')).toBe(false);
  });

  test('finishes the sale that is under way when it is stopped', async () => {
    const { to } = await startTerminal();
    const gateway = await startGateway(to);
    const register = await bench.register(await startBridge('one'));
    const sale = register.request('Purchase', purchase(17));
    await register.waitFor('StatusEvent');
    gateway.signal('SIGTERM');
    expect((await sale).result).toMatchObject({ amount: 1250 });
    expect(await gateway.exited).toEqual(exitedWith(0));
    expect(existsSync(bench.socketPath)).toBe(false);
  });

  test('has its folder for itself', async () => {
    const { to } = await startTerminal();
    await startGateway(to);
    const words = [
      'gateway',
      '--listen',
      'tcp:127.0.0.1:0',
      '--to',
      to,
      '--terminal-store',
      bench.path('remembered'),
    ];
    const second = bench.start('posbridge', words);
    expect(await second.exited).toEqual(exitedWith(111));
    expect(second.errors).toContain('another process is using it');
  });

  test.each([
    [['--to', 'jsonpos+tcp:h:1', '--terminal-store', 'x'], 'say where bridges find the gateway'],
    [['--listen', 'unix:g.sock', '--terminal-store', 'x'], 'say where the terminal is and what it speaks'],
    [['--listen', 'unix:g.sock', '--to', 'jsonpos+tcp:h:1'], '--terminal-store'],
    [['--listen', 'unix:g.sock', '--to', 'tcp:h:1', '--terminal-store', 'x'], 'as in jsonpos+tcp:h:1'],
    [
      ['--listen', 'unix:g.sock', '--to', 'nobody+tcp:h:1', '--terminal-store', 'x'],
      'no terminal is asked in nobody',
    ],
    [
      ['--listen', 'ws://127.0.0.1:1/x', '--to', 'jsonpos+tcp:h:1', '--terminal-store', 'x'],
      'is not for bridges',
    ],
    [['--listen', 'unix:g.sock', '--to', 'jsonpos+tcp:h:1?x=1', '--terminal-store', 'x'], 'no such option'],
  ])('is refused with %j', async (args, why) => {
    const gateway = bench.start('posbridge', ['gateway', ...args]);
    expect(await gateway.exited).toEqual(exitedWith(100));
    expect(gateway.errors).toContain(why);
    expect(gateway.errors.trim().split('\n')).toHaveLength(1);
  });
});

describe('a terminal as a channel', () => {
  test('of a bridge on its standard input and output is asked, and let go with a goodbye', async () => {
    const { to } = await startTerminal();
    const bridge = bench.startBridge(['--app', to]);
    const register = bridge.register();
    expect((await register.request('Purchase', purchase(17))).result).toMatchObject({ amount: 1250 });
    expect((await register.request('Check', { receipt_id: 17, sequence_id: 1 })).result).toMatchObject({
      amount: 1250,
    });
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
  });

  test('that is not there is no reason to exit', async () => {
    const bridge = bench.startBridge(['--app', 'jsonpos+unix:nobody.sock']);
    const register = bridge.register();
    expect(codeOf(await register.request('Purchase', purchase(17)))).toBe('CHANNEL_UNAVAILABLE');
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
  });

  test('is one terminal with whatever else leads to its place: the lock says so', async () => {
    const { to } = await startTerminal('--interactive', '--screen', 'tcp:127.0.0.1:0');
    const env = { XDG_RUNTIME_DIR: bench.folder };
    const [one, two] = [0, 1].map(() => bench.start('posbridge', ['--app', to], { env }));
    const [first, second] = [one?.register(), two?.register()];
    const sale = first?.request('Purchase', purchase(17));
    await first?.waitFor('StatusEvent');
    expect(codeOf((await second?.request('Purchase', purchase(18))) ?? {})).toBe('BUSY');
    await first?.request('Abort');
    expect(codeOf((await sale) ?? {})).toBe('ABORTED');
  });

  test('that must remember wants a folder, and has it for itself', async () => {
    const cases: [string[], string][] = [
      [['--app', 'ecr-eft+tcp:127.0.0.1:1'], 'say where, with --terminal-store DIR or --journal DIR'],
      [
        [
          ...['--payment', 'nexo+tcp:127.0.0.1:1?poi=P-1', '--device', 'nexo+tcp:127.0.0.1:1?poi=P-2'],
          ...['--terminal-store', 'remembered'],
        ],
        'cannot remember in the same folder',
      ],
      [['--app', 'jsonpos+tcp:h:1', '--terminal-store', '{peer}'], 'there are no placeholders'],
    ];
    for (const [words, why] of cases) {
      const server = bench.start('posbridge', ['serve', '--listen', 'tcp:127.0.0.1:0', ...words]);
      expect(await server.exited).toEqual(exitedWith(100));
      expect(server.errors).toContain(why);
    }
  });

  test.each([
    ['nobody+tcp:h:1', 'no terminal is asked in nobody'],
    ['jsonpos+simulator:', 'no terminal can be there'],
    ['openfsc+tcp:h:1', 'no terminal is asked in openfsc'],
  ])('%s is refused at the start', async (app, why) => {
    for (const words of [
      ['--app', app],
      ['serve', '--listen', 'tcp:127.0.0.1:0', '--payment', app],
    ]) {
      const bridge = bench.start('posbridge', words);
      expect(await bridge.exited).toEqual(exitedWith(100));
      expect(bridge.errors).toContain(why);
    }
  });
});
