import { writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { frameNamed, WRONG } from '../dialect/ecr-eft/frames.ts';
import { Line } from '../kit/line.ts';
import { EcrRegister, openPty } from './ecr-eft-kit.ts';
import { exitedWith, type Running, readAll, Workbench, withDescriptor } from './kit.ts';
import { TCPSERVER } from './super-servers.ts';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const DIALECT = ['--dialect', 'ecr-eft'];
const T2 = '12 T2 170,posbridge,bridge,0';

describe('on a raw pseudo-terminal, as the tests of an existing program do it', () => {
  let line: Line;
  let register: EcrRegister;
  let bridge: Running;
  let pty: ReturnType<typeof openPty>;

  const begin = async ({ keepalive = 'off', acknowledges = true } = {}) => {
    line = await Line.open(bench.folder);
    bridge = withDescriptor(line.bridgeEnd, 'r+', (fd) =>
      bench.startBridge([...DIALECT, '--app', 'null:', '--keepalive', keepalive], {
        stdio: [fd, fd, 'pipe'],
      }),
    );
    pty = openPty(line.registerEnd);
    register = new EcrRegister(pty, { acknowledges });
  };
  afterEach(async () => {
    pty.close();
    await line.close();
  });

  test('T1, T3 and D4 are answered under the same token', async () => {
    await begin();
    register.write(frameNamed('t1'));
    expect(await register.waitFor(/T2/)).toBe(T2);
    register.write(frameNamed('t3'));
    expect(await register.waitFor(/T4/)).toBe('1F T4 160\x1f170\x1f');
    register.write(frameNamed('d4'));
    expect(await register.waitFor(/D5/)).toMatch(/^1F D5 40,20,/);
    expect(register.heard.filter((one) => one === 'ACK')).toHaveLength(3);
  });

  test('twelve random bytes before a frame are ignored', async () => {
    await begin();
    register.write(Buffer.from('a91b7f00c3e4111299b0d5fe', 'hex'));
    register.write(frameNamed('t1'));
    expect(await register.waitFor(/T2/)).toBe(T2);
    expect(register.heard).toEqual(['ACK', T2]);
  });

  test('a wrong check byte gets NAK, a right one ACK', async () => {
    await begin();
    register.write(frameNamed(WRONG));
    expect(await register.waitFor(/NAK/)).toBe('NAK');
    register.write(frameNamed('t1'));
    await register.waitFor(/T2/);
    expect(register.heard).toEqual(['NAK', 'ACK', T2]);
  });

  test('after a second of silence T1 comes, and two more frames when nobody answers', async () => {
    await begin({ keepalive: '1,1,10', acknowledges: false });
    const first = await register.waitFor(/T1$/);
    await register.waitFor(/T1$/, 3);
    expect(register.heard).toEqual([first, first, first]);
    expect(bridge.isRunning).toBe(true);
  });
});

test('a sale over a serial line of 9600 baud, our register at one end and our terminal at the other', async () => {
  const line = await Line.open(bench.folder, {
    toBridge: { bytesPerS: 960 },
    toRegister: { bytesPerS: 960 },
  });
  try {
    const serial = (path: string) => `serial:${path}?baudRate=9600`;
    const wire = ['--wire', serial(line.bridgeEnd), '--app', 'simulator:?delay=50'];
    const bridge = bench.startBridge([...DIALECT, ...wire, '--journal', bench.path('journal')]);
    await bridge.says('the line is open');
    const pos = (amount: string) =>
      bench.start('posbridge', [
        ...['pos', 'purchase', amount, 'PLN', '--to', `ecr-eft+${serial(line.registerEnd)}`],
        ...['--store', bench.path('store'), '--register', 'TILL', '--connect-timeout', '40'],
      ]);
    const approved = pos('9.28');
    expect(await approved.exited).toEqual(exitedWith(0));
    expect(approved.errors).toContain('waiting for the card');
    const declined = pos('9.01');
    expect(await declined.exited).toEqual(exitedWith(1));
  } finally {
    await line.close();
  }
});

describe('under a real tcpserver', () => {
  test('a register sells, and each process ends with its connection', async () => {
    await bench.application(({ method, params }) =>
      method === 'Purchase'
        ? { result: { amount: params?.['amount'] ?? 0, currency: 'PLN' } }
        : { result: {} },
    );
    const app = ['--app', `unix:${bench.socketPath}`, '--journal', bench.path('journal')];
    const listening = await TCPSERVER.start(bench, ['posbridge', ...DIALECT, ...app]);
    const first = await connect(listening.place);
    first.write(frameNamed('t1'));
    expect(await first.waitFor(/T2/)).toBe(T2);
    first.sell(0x2a31, '6');
    expect(await first.waitFor(/S2/)).toBe('2A31 S2 0,,,,,928,,CARD,');
    // It has this answer: the same payment once more is another one's.
    first.sell(0x2a32, '6');
    expect(await first.waitFor(/2A32 S2/)).toMatch(
      /^2A32 S2 994,,M000,T000,N\/A,,,NONE,already paid 9\.28 PLN at /,
    );
    first.end();
    await first.closed();
    // It may have lost it: on a new connection it gets the same.
    const second = await connect(listening.place);
    second.sell(7, '6');
    expect(await second.waitFor(/S2/)).toBe('7 S2 0,,,,,928,,CARD,');
    // Another payment of the same money is another payment.
    second.sell(8, '7');
    expect(await second.waitFor(/8 S2/)).toBe('8 S2 0,,,,,928,,CARD,');
    second.end();
    expect(await listening.ends(2)).toEqual([0, 0]);
  });

  test('our register at the other end', async () => {
    const listening = await TCPSERVER.start(bench, ['posbridge', ...DIALECT, '--app', 'simulator:?delay=50']);
    if (!('port' in listening.place)) throw new Error('no port');
    const to = `ecr-eft+tcp:127.0.0.1:${listening.place.port}`;
    const pos = bench.start('posbridge', [
      ...['pos', 'purchase', '9.28', 'PLN', '--to', to, '--store', bench.path('store'), '--json'],
    ]);
    const { stdout } = pos;
    expect(await pos.exited).toEqual(exitedWith(0));
    expect(stdout.text).toContain('"outcome":"approved"');
  });

  async function connect(place: Parameters<Workbench['connect']>[0]): Promise<EcrRegister> {
    const socket = await bench.connect(place);
    return new EcrRegister({ readable: socket, writable: socket });
  }
});

test('with --register ecr-id two registers on one line have names of their own, and each its own payment ids', async () => {
  const application = await bench.application(({ method }) =>
    method === 'Purchase' ? { result: { amount: 928, currency: 'PLN' } } : { result: {} },
  );
  const args = ['--app', `unix:${bench.socketPath}`, '--journal', bench.path('journal')];
  const { child } = bench.startBridge([...DIALECT, ...args, '--register', 'ecr-id']);
  if (child.stdin === null || child.stdout === null) throw new Error('no pipes');
  const register = new EcrRegister({ readable: child.stdout, writable: child.stdin });
  for (const [index, ecrId] of ['TILL-A', 'TILL-B'].entries()) {
    register.send(index + 1, 'S1', 'S', ecrId, '6', '928', '828', '100', 'PLN', '0');
    expect(await register.waitFor(new RegExp(`^${index + 1} S2`))).toBe(`${index + 1} S2 0,,,,,928,,CARD,`);
  }
  const lines = application.requests('Purchase').map(({ text }) => JSON.parse(text));
  expect(lines.map((line) => [line.register, line.params.receipt_id, line.params.sequence_id])).toEqual([
    ['TILL-A', '6', undefined],
    ['TILL-B', '6', undefined],
  ]);
  expect(new Set(lines.map(({ connection }) => connection)).size).toBe(2);
});

describe('a bridge that dies', () => {
  test('in the middle of a sale: the register repeats it to the next one, and gets its outcome', async () => {
    const approved = { result: { amount: 928, currency: 'PLN', transaction_id: 'X1' } };
    let charges = 0;
    let isDeaf = true;
    await bench.application(({ method }) => {
      if (method === 'Purchase') {
        charges += 1;
        return isDeaf ? undefined : approved;
      }
      return method === 'Check' ? approved : { result: {} };
    });
    const args = [...DIALECT, '--app', `unix:${bench.socketPath}`, '--journal', bench.path('journal')];
    const first = bench.startBridge(args);
    const before = registerOf(first);
    before.sell(1, '6');
    await expect.poll(() => charges).toBe(1);
    await first.kill();
    isDeaf = false;
    const second = bench.startBridge(args);
    const after = registerOf(second);
    after.sell(2, '6');
    expect(await after.waitFor(/S2/)).toBe('2 S2 0,,,,X1,928,,CARD,');
    expect(charges).toBe(1);
  });

  test('an application that dies and never comes back: no S2, the connection ends, status 111', async () => {
    const application = await bench.application(() => undefined);
    const args = [...DIALECT, '--app', `unix:${bench.socketPath}`, '--outcome-wait', '1'];
    const bridge = bench.startBridge(args);
    const register = registerOf(bridge);
    register.sell(1, '6');
    await expect.poll(() => application.requests('Purchase').length).toBe(1);
    await application.kill();
    await register.closed();
    expect(register.heard).toEqual(['ACK']);
    expect(await bridge.exited).toEqual(exitedWith(111));
  });

  function registerOf({ child: { stdin, stdout } }: Running): EcrRegister {
    if (stdin === null || stdout === null) throw new Error('no pipes');
    return new EcrRegister({ readable: stdout, writable: stdin });
  }
});

describe('the file of parameters', () => {
  test('answers D4 as it stands there', async () => {
    writeFileSync(bench.path('d5'), frameNamed('d5').subarray(1, -2));
    const args = [...DIALECT, '--app', 'null:', '--parameters', bench.path('d5')];
    const { child } = bench.startBridge(args);
    const output = readAll(child.stdout as Readable);
    child.stdin?.end(frameNamed('d4'));
    expect(await output).toEqual(Buffer.concat([Buffer.from([6]), frameNamed('d5')]));
  });

  test('that cannot be used ends with 100 and says why', async () => {
    writeFileSync(bench.path('d5'), frameNamed('d4').subarray(1, -2));
    const bridge = bench.startBridge([...DIALECT, '--app', 'null:', '--parameters', bench.path('d5')]);
    expect(await bridge.exited).toEqual(exitedWith(100));
    expect(bridge.errors).toMatch(/--parameters: .*d5: it holds D4, not D5; see docs\/ecr-eft\.md/);
  });
});
