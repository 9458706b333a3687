import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeOf, exitedWith, Workbench } from '../interop/kit.ts';
import { Attaching, purchaseOf, startTerminal } from './process-kit.ts';

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

test('several bridges at once: one transaction at a time, and everybody hears of it', async () => {
  await startTerminal(bench, ['--delay', '300']);
  const bridges = [1, 2, 3].map(() =>
    bench.startBridge(['--app', `unix:${bench.socketPath}`, '--lock', 'none', '--keepalive', 'off']),
  );
  const registers = bridges.map((bridge) => bridge.register());
  const [one, two, three] = registers;
  if (one === undefined || two === undefined || three === undefined) throw new Error('three bridges');
  for (const register of registers) await register.request('Status');
  const paying = one.request('Purchase', purchaseOf('R-1'));
  await two.waitFor(({ params }) => params?.['transaction_status'] === 'WAIT_CARD_IN');
  expect(codeOf(await two.request('Purchase', purchaseOf('R-2')))).toBe('BUSY');
  expect(codeOf(await three.request('Abort'))).toBe('ABORT_REFUSED');
  expect((await paying).result).toMatchObject({ amount: 1250 });
  await three.waitFor(({ params }) => params?.['ready_for_transaction'] === true);
  expect((await two.request('Purchase', purchaseOf('R-2'))).result).toMatchObject({ trace_number: '000002' });
  expect((await three.request('Check', { receipt_id: 'R-1', sequence_id: 1 })).result).toBeDefined();
});

test('--listen tcp: and --connect at once, and again when the relay was gone', async () => {
  const relay = bench.path('relay.sock');
  const sockets: Socket[] = [];
  let arrived: (socket: Socket) => void = () => {};
  const arrival = () =>
    new Promise<Socket>((resolve) => {
      arrived = resolve;
    });
  const server = createServer((socket) => {
    sockets.push(bench.keep(socket));
    arrived(socket);
  });
  const first = arrival();
  await new Promise<void>((resolve) => server.listen(relay, resolve));
  const terminal = bench.start('posbridge', [
    'terminal',
    '--listen',
    'tcp:127.0.0.1:0',
    '--connect',
    `unix:${relay}`,
    '--delay',
    '30',
  ]);
  const [, port] = await terminal.says(/listening on=tcp:127\.0\.0\.1:(\d+)/);
  const bridge = Attaching.over(await first);
  expect(await bridge.request('Purchase', purchaseOf('R-1'))).toMatchObject({ code: 'approved' });
  const second = arrival();
  await bridge.close();
  const again = Attaching.over(await second);
  expect(await again.request('Check', purchaseOf('R-1'))).toMatchObject({ code: 'approved' });
  const direct = Attaching.over(await bench.connect(Number(port)));
  expect(await direct.request('Purchase', purchaseOf('R-1'))).toMatchObject({
    code: 'DUPLICATE_TRANSACTION',
  });
  server.close();
  terminal.signal('SIGTERM');
  expect(await terminal.exited).toEqual(exitedWith(0));
});

test('--connect fd: ends with its descriptor', async () => {
  const terminal = bench.start('posbridge', ['terminal', '--connect', 'fd:3', '--delay', '30'], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const bridge = Attaching.over(terminal.end(3));
  expect(await bridge.request('Purchase', purchaseOf('R-1'))).toMatchObject({ code: 'approved' });
  await bridge.close();
  expect(await terminal.exited).toEqual(exitedWith(0));
});

test('--connect fifo: reads named pipes, and answers to the pipe of each bridge', async () => {
  mkdirSync(bench.path('pipes'));
  const names = ['ui', 'payment', 'storage'].map((name) => bench.path('pipes', name));
  execFileSync('mkfifo', names);
  const terminal = bench.start('posbridge', [
    'terminal',
    ...['--interactive', '--screen', 'tcp:127.0.0.1:0'], // nobody presents a card: a purchase lasts until it is aborted
    ...names.flatMap((name) => ['--connect', `fifo:${name}`]),
  ]);
  const [ui, payment, storage] = names.map((name) => `fifo:${name}`);
  const channels = ['--ui', ui, '--payment', payment, '--storage', storage].map(String);
  const start = () =>
    bench.startBridge([
      ...channels,
      '--device',
      `fifo:${bench.path('pipes', 'device.{pid}')}`,
      '--lock',
      'none',
    ]);
  const one = start().register();
  const two = start().register();
  for (const register of [one, two]) {
    // The terminal may not read its pipes yet.
    while (codeOf(await register.request('Print', { text: 'Hello' })) === 'CHANNEL_UNAVAILABLE');
  }
  const paying = one.request('Purchase', purchaseOf('R-1'));
  await two.waitFor(({ params }) => params?.['transaction_status'] === 'WAIT_CARD_IN');
  expect(codeOf(await two.request('Purchase', purchaseOf('R-2')))).toBe('BUSY');
  await one.request('Abort');
  const ended = codeOf(await paying);
  expect(ended).toMatch(/ABORTED|CANCELLED/);
  expect(codeOf(await two.request('Check', purchaseOf('R-1')))).toBe(ended);
  terminal.signal('SIGTERM');
  expect(await terminal.exited).toEqual(exitedWith(0));
});

test('a folder belongs to one terminal: the second is refused with 111', async () => {
  const state = ['--state', bench.path('state')];
  await startTerminal(bench, state);
  const second = bench.start('posbridge', [
    'terminal',
    '--listen',
    `unix:${bench.path('other.sock')}`,
    ...state,
  ]);
  expect(await second.exited).toEqual(exitedWith(111));
  expect(second.errors).toMatch(/^posbridge: .*state: another terminal is using it; give another folder/m);
});

test('texts of further languages come from files', async () => {
  const file = bench.path('sv.json');
  writeFileSync(file, '{"sv": {"present_card": "Visa kortet"}}');
  await startTerminal(bench, ['--texts', file, '--delay', '30']);
  const bridge = await Attaching.to(bench.socketPath);
  bridge.ask('Purchase', { ...purchaseOf('R-1'), cashier_language: 'sv-SE' });
  expect((await bridge.told('PosMessage')).params).toEqual({ message: 'Visa kortet' });
});

test('TerminalInfo tells what it was told', async () => {
  await startTerminal(bench, ['--terminal-version', '0.0.0', '--terminal-link-speed', '10240']);
  const bridge = await Attaching.to(bench.socketPath);
  expect((await bridge.request('TerminalInfo')).text).toBe(
    'result {"version":"0.0.0","link_speed":10240,"sales_location_name":"Simulator"}',
  );
});

describe('--script', () => {
  const SCRIPT = {
    as_usual: ['TerminalInfo'],
    steps: [
      {
        expect: { method: 'Purchase', params: { amount: 1250 } },
        actions: [
          { notify: { method: 'StatusEvent', params: { transaction_status: 'PROCESSING' } } },
          { after_ms: 20, error: { string_code: 'DECLINED', details: 'no money' } },
        ],
      },
      { expect: { method: 'Check' }, actions: [{ result: { trace: 1 } }] },
    ],
  };

  async function play() {
    const file = bench.path('scenario.json');
    writeFileSync(file, JSON.stringify(SCRIPT));
    const terminal = await startTerminal(bench, ['--script', file, '--interactive']);
    return { terminal, bridge: await Attaching.to(bench.socketPath) };
  }

  test('that is kept ends with 0', async () => {
    const { terminal, bridge } = await play();
    expect((await bridge.request('TerminalInfo')).code).toBe('approved');
    expect((await bridge.request('Purchase', purchaseOf('R-1'))).code).toBe('DECLINED');
    expect((await bridge.request('Check')).text).toBe('result {"trace":1}');
    expect(await terminal.exited).toEqual(exitedWith(0));
    expect(terminal.errors).toContain('script finished "steps done"=2 of=2 "requests that did not fit"=0');
  });

  test('with a request that does not fit ends with 76', async () => {
    const { terminal, bridge } = await play();
    expect((await bridge.request('Purchase', purchaseOf('R-1', 5))).code).toBe('INTERNAL_ERROR');
    await bridge.request('Purchase', purchaseOf('R-1'));
    await bridge.request('Check');
    expect(await terminal.exited).toEqual(exitedWith(76));
    expect(terminal.errors).toContain('a request does not fit the script');
  });

  test('that is cut short ends with 76', async () => {
    const { terminal } = await play();
    terminal.signal('SIGTERM');
    expect(await terminal.exited).toEqual(exitedWith(76));
    expect(terminal.errors).toContain('script not kept "steps done"=0 of=2');
  });
});

describe('wrong usage', () => {
  test.each<[string[], RegExp]>([
    [[], /say where bridges find the terminal, for instance --listen unix:/],
    [['--listen', 'ws://127.0.0.1:1/x'], /--listen: ws:.* not for a terminal/],
    [['--connect', 'simulator:'], /--connect: simulator: is no place/],
    [['--connect', 'nonsense'], /--connect: "nonsense"/],
    [['--connect', 'unix:/tmp/{connection}'], /no value for \{connection\}/],
    [['--connect', 'fd:77'], /descriptor 77/],
    [
      ['--listen', 'unix:/tmp/x', '--interactive'],
      /--interactive: nobody can act without a screen; add --screen/,
    ],
    [['--listen', 'unix:/tmp/x', '--screen', 'unix:/tmp/y'], /--screen: .* no place for a browser/],
    [['--listen', 'unix:/tmp/x', '--delay', '1e3'], /--delay: "1e3" is not a whole number from 0 to 999999/],
    [['--listen', 'unix:/tmp/x', '--terminal-version', '18'], /--terminal-version: "18" is not a version/],
    [['--listen', 'unix:/tmp/x', '--terminal-link-speed', '0'], /--terminal-link-speed: "0" is not/],
    [['--listen', 'unix:/tmp/x', '--script', '/nowhere'], /--script: \/nowhere: no such file or directory/],
    [['--listen', 'unix:/tmp/x', '--script', '/dev/null'], /--script: \/dev\/null: it is no regular file/],
    [['--listen', 'unix:/tmp/x', '--texts', '/nowhere'], /--texts \/nowhere: no such file or directory/],
  ])('%j', async (args, words) => {
    const terminal = bench.start('posbridge', ['terminal', ...args]);
    expect(await terminal.exited).toEqual(exitedWith(100));
    expect(terminal.errors).toMatch(words);
    expect(terminal.errors.trimEnd().split('\n')).toHaveLength(1);
  });

  test('a script is refused with its place', async () => {
    const file = bench.path('scenario.json');
    writeFileSync(file, '{"steps": [{"expect": {"method": "Purchase"}, "actions": [{"after": 5}]}]}');
    const terminal = bench.start('posbridge', ['terminal', '--listen', 'unix:/tmp/x', '--script', file]);
    expect(await terminal.exited).toEqual(exitedWith(100));
    expect(terminal.errors).toContain('steps[0].actions[0]."after" is not known here');
  });

  test('texts are refused with their place', async () => {
    const file = bench.path('texts.json');
    writeFileSync(file, '{"sv": {"decline": "Nej"}}');
    const terminal = bench.start('posbridge', ['terminal', '--listen', 'unix:/tmp/x', '--texts', file]);
    expect(await terminal.exited).toEqual(exitedWith(100));
    expect(terminal.errors).toContain('"sv"."decline": there is no such text, only');
  });

  test('a named pipe that is not there is 111', async () => {
    const terminal = bench.start('posbridge', ['terminal', '--connect', `fifo:${bench.path('none')}`]);
    expect(await terminal.exited).toEqual(exitedWith(111));
  });
});
