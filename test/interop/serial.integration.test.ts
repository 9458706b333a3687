import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TestApplication } from '../kit/application.ts';
import { Line, type LineOptions } from '../kit/line.ts';
import { seededRandom } from '../kit/random.ts';
import { frameOf, type TestRegister } from '../kit/register.ts';
import { fakeUdev, plugIn } from '../kit/udev.ts';
import { codeOf, exitedWith, purchase, ROOT, type Running, Workbench } from './kit.ts';
import { SerialRegister } from './serial-kit.ts';

let bench: Workbench;
let application: TestApplication;
const closing: (() => unknown)[] = [];

beforeEach(async () => {
  bench = await Workbench.open();
  application = await bench.application(({ method = '', params = {}, connection = '' }) => ({
    result: { method, connection, ...params },
  }));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await bench.close();
});

async function openLine(options?: LineOptions): Promise<{ line: Line; register: SerialRegister }> {
  const line = await Line.open(bench.folder, options);
  const register = new SerialRegister(line.registerEnd);
  closing.push(
    () => register.close(),
    () => line.close(),
  );
  return { line, register };
}

const startOn = (wire: string, ...args: string[]): Running =>
  bench.startBridge(['--wire', wire, '--app', `unix:${bench.socketPath}`, ...args]);

async function bridged(...args: string[]) {
  const { line, register } = await openLine();
  const bridge = startOn(`serial:${line.bridgeEnd}?baudRate=115200`, ...args);
  await bridge.says('waiting for _Sync');
  return { line, register, bridge };
}

const lifecycle = () =>
  application.lines.flatMap(({ message }) => (message?.method?.startsWith('_') ? [message.method] : []));

const descriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

describe('a serial line', () => {
  test('carries a conversation after the register has synchronised; SIGTERM ends it well', async () => {
    const { register, bridge } = await bridged('--link-speed', 'off');
    const connection = await register.synchronise();
    expect(await connection.request('Status', { count: 1 })).toMatchObject({ result: { count: 1 } });
    const text = 'ä long '.repeat(20_000);
    expect((await connection.request('Print', { text })).result?.['text']).toBe(text);
    expect(application.lines[0]?.message).toMatchObject({
      method: '_Connected',
      params: { peer: 'serial', connection: expect.stringMatching(/^serial\.[\w.]{12}$/) },
    });
    bridge.signal('SIGTERM');
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(connection.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
    expect(connection.faults).toEqual([]);
  });

  test('waits for a register without a word to the application, and ends by SIGTERM', async () => {
    const { bridge } = await bridged();
    await bridge.says('waiting for _Sync');
    bridge.signal('SIGTERM');
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(application.lines).toEqual([]);
  });

  test('that is unplugged and plugged in 50 times loses nothing but what was pending', async () => {
    const { line, register, bridge } = await bridged();
    let open = 0;
    for (let round = 0; round < 50; round += 1) {
      const connection = await register.synchronise();
      expect((await connection.request('Status', { round })).result?.['round']).toBe(round);
      if (round === 1) open = descriptors(bridge.pid);
      await line.unplug();
      await bridge.stderr?.waitForAll(/the line is closed/g, round + 1);
      await line.plug();
    }
    const last = await register.synchronise();
    await last.request('Status');
    expect(application.attachments).toHaveLength(1);
    const connected = application.lines.filter(({ message }) => message?.method === '_Connected');
    // One for every time it was plugged in; on a busy machine an attempt of the register may come twice.
    expect(new Set(connected.map(({ message }) => message?.params?.['connection'])).size).toBe(
      connected.length,
    );
    expect(connected.length).toBeGreaterThanOrEqual(51);
    expect(connected.length).toBeLessThanOrEqual(register.attempts);
    expect(lifecycle().slice(0, 4)).toEqual(['_Connected', '_Disconnected', '_Connected', '_Disconnected']);
    expect(descriptors(bridge.pid)).toBe(open);
  });

  test('that is lost in a Purchase: its outcome is found by Check, once charged', async () => {
    const { line, register, bridge } = await bridged();
    let charged = 0;
    let decide = (_charged: object) => {};
    application.handler = ({ method = '' }) => {
      if (method === 'Check') return { result: { charged } };
      if (method !== 'Purchase') return { result: {} };
      return new Promise((resolve) => {
        decide = () => {
          charged += 1;
          resolve({ result: { charged } });
        };
      });
    };
    const first = await register.synchronise();
    void first.request('Purchase', purchase('lost')).catch(() => {});
    await application.waitFor('Purchase');
    await line.unplug();
    await application.waitFor('_Disconnected');
    await line.plug();
    const second = await register.synchronise();
    const busy = await second.request('Purchase', purchase('other'));
    expect(codeOf(busy)).toBe('BUSY');
    decide({});
    const check = await second.request('Check', { receipt_id: 'lost', sequence_id: 1 });
    expect(check.result).toEqual({ charged: 1 });
    expect(second.unexpected).toEqual([]);
    bridge.signal('SIGTERM');
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(charged).toBe(1);
  });

  test('that is not there at start is waited for', async () => {
    const line = await Line.open(bench.folder);
    const { bridgeEnd } = line;
    await line.unplug();
    const bridge = startOn(`serial:${bridgeEnd}`);
    await bridge.says(/the line cannot be opened.*ttyUSB0/);
    await line.plug();
    const register = new SerialRegister(line.registerEnd);
    closing.push(
      () => register.close(),
      () => line.close(),
    );
    const connection = await register.synchronise();
    expect((await connection.request('Status')).result).toMatchObject({ method: 'Status' });
  });

  test('--once ends with 111 when the line is lost', async () => {
    const { line, register, bridge } = await bridged('--once');
    const connection = await register.synchronise();
    await connection.request('Status');
    await line.unplug();
    expect(await bridge.exited).toEqual(exitedWith(111));
    expect(lifecycle()).toEqual(['_Connected', '_Disconnected']);
  });

  test('--once ends with 111 when it cannot be opened', async () => {
    const bridge = startOn(`serial:${bench.path('ttyUSB9')}`, '--once');
    expect(await bridge.exited).toEqual(exitedWith(111));
    expect(bridge.errors).toMatch(/^posbridge: .*ttyUSB9.*no such file/m);
  });

  test('--on-stuck runs a command after five failures in a row', async () => {
    const told = bench.path('told');
    const wire = `serial:${bench.path('ttyUSB9')}`;
    const bridge = startOn(
      wire,
      '--on-stuck',
      `printf '%s %s\\n' "$STUCK_WIRE" "$STUCK_FAILURES" >>'${told}'; echo said; exit 3`,
    );
    await bridge.says(/the command of --on-stuck failed.*exit status 3/);
    expect(readFileSync(told, 'utf8')).toBe(`${wire} 5\n`);
    expect(bridge.errors).toMatch(/^said$/m);
    bridge.signal('SIGTERM');
    expect(await bridge.exited).toEqual(exitedWith(0));
  });

  test.each([
    ['', 'ended by SIGTERM'],
    ['trap "" TERM; ', 'it did not end'],
  ])('SIGTERM does not wait for what --on-stuck runs: %s', async (before, why) => {
    const bridge = startOn(
      `serial:${bench.path('ttyUSB9')}`,
      '--on-stuck',
      `${before}echo running; exec sleep 3600`,
    );
    await bridge.says(/^running$/m);
    bridge.signal('SIGTERM');
    // Nothing of it is left: its output is closed as well.
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(bridge.errors).toContain(why);
  });

  test('a USB device is found again under its new name', async () => {
    const { line, register } = await openLine();
    const bin = fakeUdev(bench.folder, [{ path: line.bridgeEnd, vendorId: '0403', productId: '6001' }]);
    const bridge = bench.startBridge(
      ['--wire', 'serial:usb=0403:6001', '--app', `unix:${bench.socketPath}`],
      { env: { PATH: `${bin}:${bench.environment()['PATH']}` } },
    );
    const first = await register.synchronise();
    await first.request('Status');
    await line.unplug();
    const there = await line.plug('ttyUSB7');
    plugIn(bench.folder, [{ path: there, vendorId: '0403', productId: '6001' }]);
    const second = await register.synchronise();
    expect((await second.request('Status')).result).toMatchObject({ method: 'Status' });
    expect(existsSync(path.join(bench.folder, 'ttyUSB0'))).toBe(false);
    expect(bridge.isRunning).toBe(true);
  });
});

describe('a line that is not clean', () => {
  test('half a frame of an old connection, which announces 262134 bytes, is skipped', async () => {
    const { register } = await bridged();
    register.write('0003fff6:{"jsonrpc":"2.0","id":"old","method":"Purchase","params":{"amou');
    const connection = await register.synchronise();
    expect(register.attempts).toBe(1);
    expect((await connection.request('Status')).result).toMatchObject({ method: 'Status' });
  });

  test('a whole Purchase of an old connection is not carried out', async () => {
    const { register, bridge } = await bridged();
    register.write(frameOf({ jsonrpc: '2.0', id: 'old', method: 'Purchase', params: purchase('old') }));
    await bridge.says('frames without _Sync');
    const connection = await register.synchronise();
    await connection.request('Status');
    expect(application.lines.map(({ message }) => message?.method)).toEqual(['_Connected', 'Status']);
  });

  test('two frames of 262134 bytes back to back arrive whole', async () => {
    const { register } = await bridged('--link-speed', 'off');
    const connection = await register.synchronise();
    const message = (id: string, text: string) => ({ jsonrpc: '2.0', id, method: 'Print', params: { text } });
    const length = 262_134 - JSON.stringify(message('one', '')).length;
    const whole = (id: string) => frameOf(message(id, 'x'.repeat(length)));
    expect(whole('one')).toHaveLength(262_144);
    application.handler = ({ params = {} }) => ({ result: { length: String(params['text']).length } });
    register.write(whole('one') + whole('two'));
    for (const id of ['one', 'two']) {
      const answer = await connection.waitFor((one) => one.id === id);
      expect(answer.result).toEqual({ length });
    }
  });

  test.each([1, 2, 3, 4])(
    'bytes dropped, doubled and flipped before and during sync (seed %i)',
    async (seed) => {
      const noise = { rate: 0.01, seed };
      const { line, register } = await openLine({ toBridge: { noise }, toRegister: { noise } });
      const bridge = startOn(`serial:${line.bridgeEnd}`);
      await bridge.says('the line is open');
      const random = seededRandom(seed);
      register.write(Buffer.from(Array.from({ length: 5000 }, () => Math.floor(random() * 256))));
      await register.synchronise();
      line.toBridge.isFaulty = false;
      line.toRegister.isFaulty = false;
      // Noise may have been behind the answer too, or taken a byte of it that nobody has missed yet.
      const connection = await register.synchronise();
      expect((await connection.request('Status', { clean: true })).result).toMatchObject({ clean: true });
      expect(connection.faults).toEqual([]);
    },
  );

  test.each([
    ['dropped', { kind: 'drop' }],
    ['doubled', { kind: 'double' }],
  ] as const)(
    'a byte that is %s inside a frame is noticed, and the register hears of it',
    async (_, fault) => {
      const { line, register, bridge } = await bridged();
      const connection = await register.synchronise();
      // An application that was not there yet would have nothing to be told.
      await application.waitFor('_Connected');
      line.toBridge.set({ faults: [{ at: line.toBridge.received + 60, ...fault }] });
      const asked = connection.request('Status', { text: 'x'.repeat(50) });
      // Behind a lost byte the frame's end is only missed by what comes next, or by silence.
      await connection.waitFor('_CloseReason');
      expect(connection.closeReason?.data.string_code).toBe('JSONRPC_PARSE_ERROR');
      void asked;
      await application.waitFor('_Disconnected');
      const next = await register.synchronise();
      expect((await next.request('Status')).result).toMatchObject({ method: 'Status' });
      expect(bridge.isRunning).toBe(true);
    },
  );

  test('without a checksum nobody can notice a changed digit: the amount is another one', async () => {
    const { line, register } = await bridged();
    const connection = await register.synchronise();
    const frame = frameOf({ jsonrpc: '2.0', id: 'p', method: 'Purchase', params: purchase('flip') });
    const at = frame.indexOf('1250') + 1;
    line.toBridge.set({ faults: [{ at: line.toBridge.received + at, kind: 'flip', mask: 1 }] });
    register.write(frame);
    const answer = await connection.waitFor(({ id }) => id === 'p');
    expect(answer.result).toMatchObject({ amount: 1350 });
  });

  test('100 MB of rubbish, then a _Sync that is answered, in flat memory', async () => {
    const bridge = bench.startBridge(['--sync', '--app', `unix:${bench.socketPath}`]);
    await bridge.says('waiting for _Sync');
    const stdin = bridge.child.stdin;
    if (stdin === null) throw new Error('no pipe');
    const random = seededRandom(7);
    const rubbish = Buffer.from(
      Array.from({ length: 1_000_000 }, (_, at) =>
        at % 100 < 30 ? '00000400:{"\n'.charCodeAt(at % 12) : Math.floor(random() * 256),
      ),
    );
    const before = bridge.memory().nowBytes;
    for (let sent = 0; sent < 100; sent += 1) {
      if (!stdin.write(rubbish)) await new Promise((resolve) => stdin.once('drain', resolve));
    }
    const register = bridge.register();
    expect((await register.request('_Sync')).result).toEqual({});
    expect((await register.request('Status')).result).toMatchObject({ method: 'Status' });
    expect(bridge.memory().peakBytes - before).toBeLessThan(40 * 1024 * 1024);
  });
});

describe('the recipes', () => {
  const SERVICE = path.join(ROOT, 'examples/s6/posbridge-serial');

  test('the s6 service serves a register on a line', async () => {
    const { line, register } = await openLine();
    const service = bench.start(path.join(SERVICE, 'run'), [], {
      env: {
        POSBRIDGE_WIRE: `serial:${line.bridgeEnd}?baudRate=115200`,
        POSBRIDGE_APP: `unix:${bench.socketPath}`,
        POSBRIDGE_LOCK: bench.lockPath,
        POSBRIDGE_STATUS_DIR: bench.path('status'),
      },
    });
    const connection = await register.synchronise();
    const bought = await connection.request('Purchase', purchase('s6'));
    expect(bought.result).toMatchObject({ receipt_id: 's6' });
    service.signal('SIGTERM');
    expect(await service.exited).toEqual(exitedWith(0));
    expect(await bench.start(path.join(SERVICE, 'finish'), ['100', '0']).exited).toEqual(exitedWith(125));
  });

  test('the systemd unit says the same in its environment', async () => {
    const unit = readFileSync(path.join(ROOT, 'examples/systemd/posbridge-serial.service'), 'utf8');
    const set = [...unit.matchAll(/^Environment=(POSBRIDGE_\w+)=(.*)$/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    const env = Object.fromEntries(set);
    expect(Object.keys(env)).toEqual([
      'POSBRIDGE_WIRE',
      'POSBRIDGE_APP',
      'POSBRIDGE_JOURNAL',
      'POSBRIDGE_STATUS_DIR',
      'POSBRIDGE_DRAIN',
    ]);
    const { line, register } = await openLine();
    const [, vendorId, productId] = /usb=(\w+):(\w+)/.exec(env['POSBRIDGE_WIRE'] ?? '') ?? [];
    const bin = fakeUdev(bench.folder, [
      { path: line.bridgeEnd, vendorId: vendorId ?? '', productId: productId ?? '' },
    ]);
    bench.start('posbridge', [], {
      env: {
        ...env,
        POSBRIDGE_APP: `unix:${bench.socketPath}`,
        POSBRIDGE_JOURNAL: bench.path('journal'),
        POSBRIDGE_STATUS_DIR: bench.path('status'),
        PATH: `${bin}:${bench.environment()['PATH']}`,
      },
    });
    const connection: TestRegister = await register.synchronise();
    const bought = await connection.request('Purchase', purchase('systemd'));
    expect(bought.result).toMatchObject({ receipt_id: 'systemd' });
    expect(readdirSync(bench.path('journal')).length).toBeGreaterThan(0);
  });
});

test('the line settings of a terminal line and --once are refused where there is no line', async () => {
  for (const [args, why] of [
    [['--tty', '115200'], /--tty: the wire is no terminal line/],
    [['--once'], /--once: goes with --wire serial:/],
    [['--on-stuck', 'true'], /--on-stuck: goes with --wire serial:/],
    [['--on-stuck', 'true', '--once', '--wire', 'serial:/dev/ttyS0'], /--on-stuck: .*without --once/],
    [['--wire', 'serial:/dev/ttyS0?baudrate=1'], /--wire: .*there is no option baudrate, only baudRate/],
  ] as const) {
    const bridge = bench.startBridge(['--app', 'null:', ...args]);
    expect(await bridge.exited).toEqual(exitedWith(100));
    expect(bridge.errors).toMatch(why);
  }
});
