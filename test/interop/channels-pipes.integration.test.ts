import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LineMessage } from '../kit/application.ts';
import type { TestRegister } from '../kit/register.ts';
import { codeOf, exitedWith, purchase, type Running, Workbench } from './kit.ts';

/** Named pipes with the programs of the shell behind them. */

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

const WRITTEN = ['ui', 'payment', 'storage'] as const;
const ENDPOINTS = WRITTEN.flatMap((name) => [`--${name}`, `fifo:${name}`]);

/** Reads what the others have logged and answers through the device pipe that a connection's first line names. */
const ANSWERER = `
  declare -A device
  tail -q -n +1 -f ui.log payment.log storage.log | while IFS= read -r line; do
    IFS='|' read -r connection method id pipe < <(jq -r '[.connection, .method, .id,
      (.params.channels?.device // "" | ltrimstr("fifo:"))] | map(. // "") | join("|")' <<<"$line")
    case $method,$id in
      _Connected,*) device[$connection]=$pipe ;;
      ,* | *,) ;;
      *) jq -c '{connection, jsonrpc, id, result: {method, connection}}' <<<"$line" >"\${device[$connection]}" ;;
    esac
  done`;

function makePipes(...names: string[]): void {
  execFileSync('mkfifo', names, { cwd: bench.folder });
}

function startCat(name: string): Running {
  return bench.start('sh', ['-c', 'exec cat "$1" >>"$1.log"', 'sh', name]);
}

function linesOf(name: string): LineMessage[] {
  const text = readFileSync(bench.path(`${name}.log`), 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('four named pipes with four programs', () => {
  let cats: Running[];

  beforeEach(() => {
    makePipes(...WRITTEN);
    for (const name of WRITTEN) execFileSync('touch', [bench.path(`${name}.log`)]);
    cats = WRITTEN.map(startCat);
  });

  function startAnswerer(): void {
    bench.start('bash', ['-c', ANSWERER]);
  }

  test('two registers, each with a device pipe of its own that is gone at the end', async () => {
    startAnswerer();
    const bridges = [1, 2].map(() => bench.startBridge([...ENDPOINTS, '--device', 'fifo:device.{pid}']));
    const registers = bridges.map((bridge) => bridge.register());
    const methods = ['DisplayScreen', 'Loyalty', 'GetTransactions', 'Status', 'Check'];
    const names: string[] = [];
    for (const [index, register] of registers.entries()) {
      const answers = await Promise.all(methods.map((method) => register.request(method, purchase(index))));
      const connection = String(answers[0]?.result?.['connection']);
      names.push(connection);
      for (const [at, method] of methods.entries())
        expect(answers[at]).toMatchObject({ response_to: method, result: { method, connection } });
      expect(await register.request('Purchase', purchase(index))).toMatchObject({ result: { connection } });
    }

    // Lines beyond what the kernel keeps in one piece, from both at the same time.
    const text = 'x'.repeat(20_000);
    for (let count = 0; count < 10; count += 1) {
      for (const register of registers) register.notify('DisplayBulk', { count, text });
    }
    await Promise.all(registers.map((register) => register.request('DisplayScreen')));

    for (const { pid } of bridges) {
      const status = lstatSync(bench.path(`device.${pid}`));
      expect(status.isFIFO()).toBe(true);
      expect(status.mode & 0o777).toBe(0o600);
    }
    for (const register of registers) register.end();
    for (const bridge of bridges) expect(await bridge.exited).toEqual(exitedWith(0));
    for (const cat of cats) expect(await cat.exited).toEqual(exitedWith(0));
    expect(readdirSync(bench.folder).filter((name) => name.startsWith('device'))).toEqual([]);
    for (const register of registers) expect(register).toMatchObject({ faults: [], unexpected: [] });

    for (const [index, { pid }] of bridges.entries()) {
      const own = (name: string) => linesOf(name).filter(({ connection }) => connection === names[index]);
      for (const name of WRITTEN) {
        expect(own(name)[0]).toMatchObject({
          method: '_Connected',
          params: { channels: { ui: 'fifo:ui', payment: 'fifo:payment', device: `fifo:device.${pid}` } },
        });
        expect(own(name).at(-1)).toMatchObject({ method: '_Disconnected', params: { pending: [] } });
      }
      const methodsOf = (name: string) =>
        own(name)
          .map(({ method }) => method)
          .filter((method) => !method?.startsWith('_') && method !== 'DisplayBulk');
      expect(methodsOf('ui')).toEqual(['DisplayScreen', 'DisplayScreen']);
      // A pipe that is read cannot be written: what is for the device goes to payment.
      expect(methodsOf('payment')).toEqual(['Loyalty', 'Status', 'Purchase']);
      expect(methodsOf('storage')).toEqual(['GetTransactions', 'Check']);
      const bulk = own('ui').filter(({ method }) => method === 'DisplayBulk');
      expect(bulk.map(({ params }) => params)).toEqual(bulk.map((_, count) => ({ count, text })));
      expect(bulk).toHaveLength(10);
    }
  });

  test('a reader that dies is noticed, and the next one is greeted and served', async () => {
    startAnswerer();
    const bridge = bench.startBridge([...ENDPOINTS, '--device', 'fifo:device.{connection}']);
    const register = bridge.register();
    expect(await register.request('DisplayScreen')).toMatchObject({ result: { method: 'DisplayScreen' } });
    const pipes = () => readdirSync(bench.folder).filter((name) => name.startsWith('device.unix.'));
    expect(pipes()).toHaveLength(1);
    cats[0]?.signal('SIGKILL');
    await bridge.says(/application gone.*fifo:ui/);
    expect(codeOf(await register.request('DisplayScreen'))).toBe('CHANNEL_UNAVAILABLE');
    expect(await register.request('Loyalty')).toMatchObject({ result: { method: 'Loyalty' } });
    startCat('ui');
    await untilServed(register, 'DisplayScreen');
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(pipes()).toEqual([]);
    const methods = linesOf('ui').map(({ method }) => method);
    expect(methods.filter((method) => method === '_Connected')).toHaveLength(2);
    expect(methods.at(-1)).toBe('_Disconnected');
  });

  test('a Purchase is awaited after the register has ended, then the device pipe is gone as well', async () => {
    const bridge = bench.startBridge([...ENDPOINTS, '--device', 'fifo:device.{pid}']);
    const register = bridge.register();
    const bought = register.request('Purchase', purchase(1));
    register.end();
    const wait = `tail -n +1 -f payment.log | grep -m 1 '"method":"Purchase"'`;
    await bench.start('sh', ['-c', wait]).stdout.waitFor('Purchase');
    expect(existsSync(bench.path(`device.${bridge.pid}`))).toBe(true);
    startAnswerer();
    expect(await bought).toMatchObject({ result: { method: 'Purchase' } });
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(existsSync(bench.path(`device.${bridge.pid}`))).toBe(false);
  });
});

describe('a device pipe', () => {
  test('has one reader: a second bridge is refused with 111, and the first is not harmed', async () => {
    makePipes('device');
    const application = await bench.application(undefined);
    const args = ['--payment', `unix:${bench.socketPath}`, '--device', 'fifo:device'];
    const first = bench.startBridge(args);
    const register = first.register();
    await application.waitFor('_Connected');
    const second = bench.startBridge(args, { stdio: ['ignore', 'pipe', 'pipe'] });
    expect(await second.exited).toEqual(exitedWith(111));
    expect(second.errors).toMatch(/^posbridge: .*device.*\n$/);

    const asked = register.request('Loyalty');
    const { message } = await application.waitFor('Loyalty');
    const answer = {
      connection: message?.connection,
      jsonrpc: '2.0',
      id: message?.id,
      result: { by: 'pipe' },
    };
    bench.start('sh', ['-c', 'printf "%s\\n" "$1" >device', 'sh', JSON.stringify(answer)]);
    expect(await asked).toMatchObject({ result: { by: 'pipe' } });
    register.end();
    expect(await first.exited).toEqual(exitedWith(0));
    // It was there before, so it stays.
    expect(existsSync(bench.path('device'))).toBe(true);

    const next = bench.startBridge(args).register();
    next.end();
    await next.closed;
    expect(next.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
  });

  test('that is read holds nothing back: no bytes wait for it', async () => {
    makePipes('device');
    const application = await bench.application();
    const bridge = bench.startBridge(['--payment', `unix:${bench.socketPath}`, '--device', 'fifo:device']);
    await application.waitFor('_Connected');
    bridge.signal('SIGUSR2');
    const [line] = await bridge.says(/^.*statistics .*$/m);
    expect(line).toMatch(/channel bytes queued"?=0\b/);
  });

  const OWN = 'fifo:device.{pid}';

  /** A bridge with a device pipe of its own, which its application has heard of. */
  async function start(...options: string[]) {
    const application = await bench.application();
    const args = ['--payment', `unix:${bench.socketPath}`, '--device', OWN, ...options];
    const bridge = bench.startBridge(args);
    const { message } = await application.waitFor('_Connected');
    const pipe = bench.path(`device.${bridge.pid}`);
    expect(message?.params?.['channels']).toMatchObject({ device: `fifo:device.${bridge.pid}` });
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    return { application, bridge, register: bridge.register(), pipe };
  }

  test('is removed when the bridge is told to stop', async () => {
    const { bridge, register, pipe } = await start();
    bridge.signal('SIGTERM');
    await register.closed;
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    expect(existsSync(pipe)).toBe(false);
  });

  test('is removed when the register breaks the protocol', async () => {
    const { bridge, register, pipe } = await start();
    register.write('nonsense\n');
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(76));
    expect(existsSync(pipe)).toBe(false);
  });

  test('is removed when an outcome stays unknown', async () => {
    const { application, bridge, register, pipe } = await start('--outcome-wait', '1');
    void register.request('Purchase', purchase(1));
    await application.waitFor('Purchase');
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(111));
    expect(existsSync(pipe)).toBe(false);
  });

  test('that a killed bridge has left behind is no obstacle', async () => {
    const { bridge, pipe } = await start('--name', 'till');
    bridge.signal('SIGKILL');
    await bridge.exited;
    expect(existsSync(pipe)).toBe(true);
    const args = ['--payment', 'null:', '--device', `fifo:device.${bridge.pid}`];
    const next = bench.startBridge(args).register();
    next.end();
    await next.closed;
    expect(next.closeReason?.data.string_code).toBe('CONNECTION_CLOSED');
  });
});

/** Asks again while the application is being found: every refusal is an answer that had to be waited for. */
async function untilServed(register: TestRegister, method: string): Promise<void> {
  for (;;) {
    const answer = await register.request(method);
    if (answer.result !== undefined) return;
    expect(codeOf(answer)).toBe('CHANNEL_UNAVAILABLE');
  }
}
