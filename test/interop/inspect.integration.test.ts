import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { jsonposFrame, PAN } from '../inspect/kit.ts';
import { exitedWith, freePort, purchase, readAll, Workbench } from './kit.ts';

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

async function inspect(...args: string[]): Promise<{ text: string; code: number | null; errors: string }> {
  const program = bench.start('posbridge', ['inspect', ...args]);
  const { stdout } = program;
  const { code } = await program.exited;
  return { text: stdout.text, code, errors: program.errors };
}

describe('--capture', () => {
  test('is shown as a dialogue, and comes back from Wireshark as the same', async () => {
    const capture = bench.path('capture');
    await bench.application(({ method }) => ({ result: { method: method ?? '' } }));
    const { server, port } = await bench.startServe([
      '--app',
      `unix:${bench.socketPath}`,
      '--capture',
      capture,
    ]);
    const register = await bench.register(port);
    await register.request('Purchase', purchase(17, { pan: PAN }));
    await register.request('Status');
    server.signal('SIGTERM');
    await server.exited;
    expect(readFileSync(capture, 'utf8')).not.toContain(PAN);

    const { text, code } = await inspect(capture);
    expect(code).toBe(0);
    expect(text).toMatch(
      /peer → posbridge \[.*\] {2}request Purchase #\S+ \(\d+ bytes, masked\)\n.*\*{12}1111/,
    );
    expect(text).toMatch(/posbridge → unix:\S+pay\.sock {2}request Purchase #/);
    expect(text).toMatch(/unix:\S+pay\.sock → posbridge {2}result #\S+ \(after \d+ ms, /);
    expect(text).toMatch(/posbridge → peer \[.*\] {2}result #\S+ \(after \d+ ms, /);

    expect((await inspect(capture, '--pcapng', bench.path('x.pcapng'))).code).toBe(0);
    const tshark = (...args: string[]) =>
      execFileSync('tshark', ['-r', bench.path('x.pcapng'), '-Y', 'tcp.port == 10001', ...args], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const fields = [
      'frame.time_epoch',
      'tcp.stream',
      'ip.src',
      'tcp.srcport',
      'tcp.seq',
      'tcp.payload',
    ].flatMap((name) => ['-e', name]);
    writeFileSync(bench.path('x.json'), tshark('-T', 'json'));
    writeFileSync(bench.path('x.tsv'), tshark('-T', 'fields', '-E', 'header=y', ...fields));
    for (const name of ['x.json', 'x.tsv']) {
      const back = await inspect(bench.path(name), '--json');
      const objects = back.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(
        objects
          .flatMap(({ from, kind, name: method }) =>
            from === undefined ? [] : [`${from} ${kind} ${method ?? ''}`],
          )
          .slice(0, 4),
      ).toEqual(['peer request Purchase', 'bridge result ', 'peer request Status', 'bridge result ']);
    }
  });

  test('of a bridge on standard input ends with what was said last', async () => {
    const capture = bench.path('capture.{pid}');
    const bridge = bench.startBridge(['--app', 'simulator:', '--capture', capture]);
    const register = bridge.register();
    await register.request('TerminalInfo');
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    const { text } = await inspect(bench.path(`capture.${bridge.pid}`));
    expect(text).toMatch(/request TerminalInfo .*[\s\S]*result .*[\s\S]*_CloseReason[\s\S]* closed/);
  });

  test('that cannot be written is said at the start', async () => {
    const bridge = bench.startBridge(['--app', 'null:', '--capture', bench.path('no', 'capture')]);
    expect(await bridge.exited).toEqual(exitedWith(111));
    expect(bridge.errors).toMatch(/--capture: cannot write \S+: no such file or directory/);
  });
});

test('what socat -x shows of a till that speaks to a terminal is a dialogue', async () => {
  const port = await freePort();
  const socat = bench.start('socat', ['-x', `TCP-LISTEN:${port},bind=127.0.0.1`, 'SYSTEM:cat']);
  const frame = jsonposFrame({ id: '1', method: 'Status', params: {} });
  for (;;) {
    const socket = await bench.connect(port).catch(() => undefined);
    if (socket === undefined) continue;
    socket.end(frame);
    await readAll(socket);
    break;
  }
  await socat.exited;
  writeFileSync(bench.path('socat.txt'), socat.errors);
  const { text, code } = await inspect(bench.path('socat.txt'));
  expect(text).toMatch(
    /left → right \[socat\] {2}request Status #1[\s\S]*right → left \[socat\] {2}request Status #1/,
  );
  expect(code).toBe(1); // it echoes: nothing is answered
});

test('a dump that no dialect makes sense of is wrong usage', async () => {
  writeFileSync(bench.path('dump'), 'nothing of anything');
  const { code, errors } = await inspect(bench.path('dump'));
  expect([code, errors]).toEqual([
    100,
    expect.stringMatching(/nothing that a dialect makes sense of; say --dialect/),
  ]);
});
