import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Handler, TestApplication } from '../kit/application.ts';
import type { TestRegister } from '../kit/register.ts';
import { codeOf, exitedWith, freePort, purchase, type Running, Workbench } from './kit.ts';

/** Applications on sockets and descriptors. */

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

const LONG = 'long '.repeat(20_000);

const echo: Handler = ({ method = '', params = {} }) => ({ result: { method, ...params } });

/** Both sides ask each other, small and large; then a Purchase. */
async function expectConversation(register: TestRegister, application: TestApplication): Promise<void> {
  expect(await register.request('Status', { count: 1 })).toMatchObject({
    result: { method: 'Status', count: 1 },
  });
  expect((await register.request('Print', { text: LONG })).result?.['text']).toBe(LONG);
  register.onRequest = (request) => ({ told: request.params?.['text'] ?? '' });
  application.send({ jsonrpc: '2.0', id: 'tell', method: 'Tell', params: { text: LONG } });
  const { message } = await application.waitFor((line) => line.text.includes('"id":"tell","result"'));
  expect(message?.result).toEqual({ told: LONG });
  expect(await register.request('Purchase', purchase('paid'))).toMatchObject({
    result: { receipt_id: 'paid' },
  });
  expect(register).toMatchObject({ faults: [], unexpected: [] });
}

describe('one UNIX socket for everything', () => {
  test('is attached once and gets every method, its answers go back in any order', async () => {
    const application = await bench.application();
    const app = `unix:${bench.socketPath}`;
    const bridge = bench.startBridge(['--app', app]);
    const register = bridge.register();
    const methods = [
      'Purchase',
      'Check',
      'GetTransactions',
      'DisplayScreen',
      'Print',
      'PinInput',
      'Status',
      'Own',
    ];
    const answers = methods.map((method) => register.request(method, purchase(method)));
    register.notify('Told', { number: 12345678901234567890n.toString() });
    await application.waitFor('Told');

    expect(application.attachments).toHaveLength(1);
    expect(application.lines.map(({ message }) => message?.method)).toEqual([
      '_Connected',
      ...methods,
      'Told',
    ]);
    expect(application.lines[0]?.message?.params?.['channels']).toEqual({
      ui: app,
      payment: app,
      storage: app,
      device: app,
    });
    for (const { message, attachment } of application.requests().reverse()) {
      attachment.answer(message ?? {}, { result: { method: message?.method ?? '' } });
    }
    expect(await Promise.all(answers)).toMatchObject(methods.map((method) => ({ result: { method } })));
    expect(register.received.map(({ response_to }) => response_to)).toEqual(methods.toReversed());

    application.handler = echo;
    await expectConversation(register, application);
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    await application.attachments[0]?.closed;
    expect(application.lines.at(-1)?.message?.method).toBe('_Disconnected');
  });

  test('values cross it byte for byte', async () => {
    const application = await bench.application();
    const register = bench.startBridge(['--app', `unix:${bench.socketPath}`]).register();
    const params =
      '{"big":123456789012345678901234567890,"small":1.10,"e":1E+2,"text":"\\u00e4\\/","z":1,"a":2}';
    const json = `{"jsonrpc":"2.0","extra":true,"params":${params},"id":"n-1","connection":"mine","method":"Own"}`;
    register.write(`${json.length.toString(16).padStart(8, '0')}:${json}\n`);
    const { text, message, attachment } = await application.waitFor('Own');
    const head = `{"connection":${JSON.stringify(message?.connection)},"jsonrpc":"2.0","id":"${message?.id}"`;
    expect(text).toBe(`${head},"method":"Own","params":${params}}`);
    attachment.send(`${head},"result":${params}}\n`);
    const answer = await register.waitFor(({ id }) => id === 'n-1');
    expect(answer.text).toContain(`"result":${params}`);
  });

  test('single channels and routes win over it', async () => {
    const app = await bench.application(echo);
    const ui = await bench.application(echo, { path: bench.path('ui.sock') });
    const args = [
      '--app',
      `unix:${bench.socketPath}`,
      '--ui',
      `unix:${bench.path('ui.sock')}`,
      '--route',
      'Own*=ui',
    ];
    const register = bench.startBridge(args).register();
    for (const method of ['DisplayScreen', 'OwnThing', 'Purchase', 'Other']) {
      expect(await register.request(method, purchase(1))).toMatchObject({ result: { method } });
    }
    expect(ui.requests().map(({ message }) => message?.method)).toEqual(['DisplayScreen', 'OwnThing']);
    expect(app.requests().map(({ message }) => message?.method)).toEqual(['Purchase', 'Other']);
  });

  test('that is not there yet is found later', async () => {
    const bridge = bench.startBridge(['--app', `unix:${bench.socketPath}`]);
    const register = bridge.register();
    expect(codeOf(await register.request('Status'))).toBe('CHANNEL_UNAVAILABLE');
    expect(codeOf(await register.request('Purchase', purchase(1)))).toBe('CHANNEL_UNAVAILABLE');
    const application = await bench.application(echo);
    expect(await register.request('Status')).toMatchObject({ result: { method: 'Status' } });
    expect(await register.request('Purchase', purchase(1))).toMatchObject({ result: { method: 'Purchase' } });
    expect(application.lines.map(({ message }) => message?.method)).toEqual([
      '_Connected',
      'Status',
      'Purchase',
    ]);
  });

  test('an abstract one is as good', async () => {
    // Digits of a name may look like those of a card.
    const name = `posbridge-${randomBytes(12).toString('hex').replace(/\d/g, 'x')}`;
    const application = await bench.application(echo, { path: `\0${name}` });
    const bridge = bench.startBridge(['--app', `unix:@${name}`]);
    await expectConversation(bridge.register(), application);
    expect(application.lines[0]?.message?.params).toMatchObject({ channels: { payment: `unix:@${name}` } });
  });

  test('an abstract one of another program is found, as its documentation says', async () => {
    // Node 20 fills abstract names up with zeros, and so must who wants to be found by it.
    const [major = 0, minor = 0] = process.versions.uv.split('.').map(Number);
    const isExact = major > 1 || minor >= 48;
    const name = `posbridge-${process.pid}-${randomBytes(6).toString('hex')}`;
    const application = await bench.application(echo);
    const listener = `ABSTRACT-LISTEN:${name}${isExact ? '' : ',unix-tightsocklen=0'}`;
    const socat = bench.start('socat', ['-d', '-d', listener, `UNIX-CONNECT:${bench.socketPath}`]);
    await socat.says('listening on');
    await expectConversation(bench.startBridge(['--app', `unix:@${name}`]).register(), application);
  });
});

describe('a socket pair on descriptor 3', () => {
  let bridge: Running;
  let register: TestRegister;
  let application: TestApplication;

  beforeEach(() => {
    bridge = bench.startBridge(['--app', 'fd:3'], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    register = bridge.register();
    application = bench.applicationOver(bridge.end(3), echo);
  });

  test('carries everything', async () => {
    await expectConversation(register, application);
    expect(application.lines[0]?.message).toMatchObject({
      method: '_Connected',
      params: {
        connection: expect.stringMatching(/^unix\.[\w.]{12}$/),
        channels: { ui: 'fd:3', device: 'fd:3' },
      },
    });
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
    await application.attachments[0]?.closed;
    expect(application.lines.at(-1)?.message?.method).toBe('_Disconnected');
  });

  test('has no way back: requests are refused, the connection stays', async () => {
    application.handler = () => undefined;
    const open = register.request('Status');
    await application.waitFor('Status');
    await application.kill();
    expect(codeOf(await open)).toBe('CHANNEL_CLOSED');
    expect(codeOf(await register.request('Status'))).toBe('CHANNEL_UNAVAILABLE');
    expect(codeOf(await register.request('Purchase', purchase(1)))).toBe('CHANNEL_UNAVAILABLE');
    expect(await register.request('_Keepalive')).toMatchObject({ result: {} });
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
  });

  test('that goes away with a Purchase leaves its outcome unknown: no answer, 111', async () => {
    application.handler = () => undefined;
    const bought = register.request('Purchase', purchase(1));
    await application.waitFor('Purchase');
    await application.kill();
    await register.closed;
    register.end();
    await expect(bought).rejects.toThrow();
    expect(register.closeReason?.data.string_code).toBe('OUTCOME_UNKNOWN');
    expect(await bridge.exited).toEqual(exitedWith(111));
  });
});

describe('two descriptors', () => {
  /** Two pipes without names, as a program that starts both sides makes them. */
  const PARENT = `
import os, subprocess, sys
to_read, to_write = os.pipe()
from_read, from_write = os.pipe()
application = subprocess.Popen(['jq', '--unbuffered', '-c', sys.argv[1]], stdin=to_read, stdout=from_write)
os.close(to_read), os.close(from_write)
endpoint = 'fd:%d,%d' % (from_read, to_write)
bridge = subprocess.Popen(['posbridge', '--app', endpoint, *sys.argv[2:]], pass_fds=[from_read, to_write])
os.close(from_read), os.close(to_write)
status = bridge.wait()
application.wait()
sys.exit(status)`;
  const ANSWER =
    'select(.id != null and .method != null) | {connection, jsonrpc, id, result: ({method} + .params)}';

  test('fd:R,W: a program behind two pipes', async () => {
    const parent = bench.start('python3', ['-c', PARENT, ANSWER, '--lock', bench.lockPath]);
    const register = parent.register();
    expect(await register.request('Status', { count: 1 })).toMatchObject({
      result: { method: 'Status', count: 1 },
    });
    expect((await register.request('Print', { text: LONG })).result?.['text']).toBe(LONG);
    expect(await register.request('Purchase', purchase('p'))).toMatchObject({ result: { receipt_id: 'p' } });
    register.end();
    expect(await parent.exited, parent.errors).toEqual(exitedWith(0));
    expect(register).toMatchObject({ faults: [], unexpected: [] });
    expect(bench.processes).toEqual([]);
  });

  test('fd:R,W: a program behind two named pipes that the shell has opened', async () => {
    const script = `
      mkfifo to from
      jq --unbuffered -c "$ANSWER" <to >from &
      posbridge --app fd:3,4 --lock "$LOCK" 4>to 3<from`;
    const shell = bench.start('sh', ['-c', script], { env: { ANSWER, LOCK: bench.lockPath } });
    const register = shell.register();
    expect(await register.request('Purchase', purchase('p'))).toMatchObject({ result: { receipt_id: 'p' } });
    register.end();
    expect(await shell.exited, shell.errors).toEqual(exitedWith(0));
  });
});

describe('TCP to a proxy', () => {
  async function startProxy(port: number): Promise<Running> {
    const listener = `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr`;
    const proxy = bench.start('socat', ['-d', '-d', listener, `UNIX-CONNECT:${bench.socketPath}`]);
    await proxy.says('listening on');
    return proxy;
  }

  test('carries everything, and a proxy that dies during a Purchase does not lose it', async () => {
    const application = await bench.application(echo);
    const port = await freePort();
    const proxy = await startProxy(port);
    const bridge = bench.startBridge(['--app', `tcp:127.0.0.1:${port}`]);
    const register = bridge.register();
    await expectConversation(register, application);

    application.handler = () => undefined;
    const bought = register.request('Purchase', purchase('R-9'), { id: 'buy-9' });
    const ordinary = register.request('Loyalty');
    await application.waitFor('Loyalty');
    proxy.signal('SIGKILL');
    expect(codeOf(await ordinary)).toBe('CHANNEL_CLOSED');
    expect(await register.request('_Keepalive')).toMatchObject({ result: {} });
    application.handler = ({ method }) =>
      method === 'Check' ? { result: { approved: true } } : { result: { method: method ?? '' } };
    await startProxy(port);
    expect(await bought).toMatchObject({ id: 'buy-9', response_to: 'Purchase', result: { approved: true } });
    const checks = application.requests('Check').map(({ message }) => message?.params);
    expect(new Set(checks.map((params) => JSON.stringify(params)))).toEqual(
      new Set(['{"receipt_id":"R-9","sequence_id":1}']),
    );
    expect(await register.request('Loyalty')).toMatchObject({ result: { method: 'Loyalty' } });
    register.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
  });
});
