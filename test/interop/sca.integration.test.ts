import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readStream } from '../dialect/sca/document-kit.ts';
import { type Fields, fieldsOf, PairedRegister, PUBLIC_KEY, requestXml } from '../dialect/sca/kit.ts';
import { launchBrowser } from '../kit/browser.ts';
import { Certificates } from '../kit/certificates.ts';
import { exitedWith, freePort, type Running, Workbench } from './kit.ts';

/** SCA between real programs: our terminal, our broker, our register, and a broker on Python's `websockets`. */

const FIXTURES = path.join(import.meta.dirname, '../fixtures/sca');
const BROKER = path.join(import.meta.dirname, 'fixtures/sca-broker.py');
/** Debian's own interpreter has Debian's `python3-websockets`. */
const PYTHON = '/usr/bin/python3';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const request = (functionType: string, command: string, fields = '') =>
  `<TRANSACTION><FUNCTION_TYPE>${functionType}</FUNCTION_TYPE><COMMAND>${command}</COMMAND>${fields}</TRANSACTION>`;
const START = request('SESSION', 'START', '<INVOICE>1</INVOICE>');
const capture = (posRecon: string, amount = '5.35') =>
  request('PAYMENT', 'CAPTURE', `<TRANS_AMOUNT>${amount}</TRANS_AMOUNT><POS_RECON>${posRecon}</POS_RECON>`);

function startTerminal(url: string, ...args: string[]): Running {
  return bench.startBridge(['--dialect', 'sca', '--wire', url, '--pinpad-id', 'T-1', ...args]);
}

/** The broker in Python; it says everything that happens, a JSON object a line. */
class PythonBroker {
  readonly program: Running;
  readonly port: number;

  private constructor(program: Running, port: number) {
    this.program = program;
    this.port = port;
  }

  static async start(port = 0, ...tls: string[]): Promise<PythonBroker> {
    const program = bench.start(PYTHON, [BROKER, String(port), ...tls]);
    const [, listening = ''] = await program.stdout.waitFor(/"listening": (\d+)/);
    return new PythonBroker(program, Number(listening));
  }

  say(text: string): void {
    this.program.child.stdin?.write(`${text}\n`);
  }

  saw(pattern: RegExp | string): Promise<RegExpMatchArray> {
    return this.program.stdout.waitFor(pattern);
  }

  messages(): string[] {
    return this.program.stdout.lines
      .map((line) => JSON.parse(line) as { readonly message?: string })
      .flatMap(({ message }) => (message === undefined ? [] : [message]));
  }
}

describe("a broker on Python's websockets", () => {
  test('gets the handshake of the documentation, and the terminal takes an answer without subprotocol', async () => {
    const broker = await PythonBroker.start();
    startTerminal(`ws://127.0.0.1:${broker.port}/`, '--skip-pos-auth', '--app', 'simulator:?delay=0');
    const [, headers = ''] = await broker.saw(/\{"headers": (\[.*\]), "subprotocol": null\}/);
    const names = new Map(
      (JSON.parse(headers) as [string, string][]).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const sample = readFileSync(path.join(FIXTURES, 'handshake-request.txt'), 'latin1');
    for (const [, name = ''] of sample.matchAll(/^([A-Za-z-]+) ?: /gm))
      expect([...names.keys()]).toContain(name.toLowerCase());
    expect(Object.fromEntries(names)).toMatchObject({
      origin: `http://127.0.0.1:${broker.port}`,
      pragma: 'no-cache',
      'cache-control': 'no-cache',
      'sec-websocket-protocol': 'sci',
      'sec-websocket-version': '13',
      'x-vfi-pinpad-id': 'T-1',
    });
    broker.say(readFileSync(path.join(FIXTURES, 'start.xml'), 'utf8').replaceAll('\n', ''));
    await broker.saw(/"message": "<RESPONSE><RESPONSE_TEXT>Session Started/);
    const sampleResponse = readFileSync(path.join(FIXTURES, 'start-response.xml'), 'utf8').replaceAll(
      '\n',
      '',
    );
    expect(broker.messages()).toEqual([sampleResponse]);
  });

  test('sells in text and in binary messages, whole and in fragments', async () => {
    const broker = await PythonBroker.start();
    startTerminal(`ws://127.0.0.1:${broker.port}/`, '--skip-pos-auth', '--app', 'simulator:?delay=0');
    await broker.saw('"headers"');
    broker.say(`b:${START}`);
    broker.say(capture('r1'));
    await broker.saw(/APPROVED.*<POS_RECON>r1</);
    broker.say(capture('r1'));
    await broker.saw('56783');
    broker.say(`f:${request('SESSION', 'FINISH')}`);
    await broker.saw('Session finished');
  });

  /** An application that takes sales and says only to a Check what became of them. */
  async function heldSales() {
    const application = await bench.application(({ method }) =>
      method === 'Check'
        ? { result: { amount: 535, currency: 'USD', authorization_code: 'TA1260' } }
        : undefined,
    );
    const args = ['--currency', 'USD', '--app', `unix:${bench.socketPath}`];
    return { application, args: [...args, '--journal', bench.path('journal'), '--skip-pos-auth'] };
  }

  test('killed during a payment gets its response as the first message when it is back', async () => {
    const { application, args } = await heldSales();
    const broker = await PythonBroker.start();
    startTerminal(`ws://127.0.0.1:${broker.port}/`, ...args);
    await broker.saw('"headers"');
    broker.say(START + capture('r1'));
    const { message } = await application.waitFor('Purchase');
    await broker.program.kill();
    const again = await PythonBroker.start(broker.port);
    await again.saw('"headers"');
    application.send({
      connection: message?.connection,
      jsonrpc: '2.0',
      id: message?.id,
      result: { amount: 535, currency: 'USD', authorization_code: 'TA1260' },
    });
    await again.saw(/>APPROVED<.*<AUTH_CODE>TA1260<.*<POS_RECON>r1</);
    expect(again.messages()).toHaveLength(1);
    again.say(request('REPORT', 'LAST_TRAN'));
    await again.saw('<TRANS_AMOUNT>5.35<');
    again.say(request('SESSION', 'FINISH'));
    await again.saw('Session finished');
    expect(application.requests('Purchase')).toHaveLength(1);
  });

  test('a terminal that is killed during a payment tells its outcome after it has started again: one charge', async () => {
    const { application, args } = await heldSales();
    const broker = await PythonBroker.start();
    const url = `ws://127.0.0.1:${broker.port}/`;
    const terminal = startTerminal(url, ...args);
    await broker.saw('"headers"');
    broker.say(START + capture('r1'));
    await application.waitFor('Purchase');
    await terminal.kill();
    startTerminal(url, ...args);
    await broker.saw(/>APPROVED<.*<AUTH_CODE>TA1260<.*<POS_RECON>r1</);
    broker.say(request('REPORT', 'LAST_TRAN'));
    await broker.saw('<TRANS_AMOUNT>5.35<');
    expect(application.requests('Purchase')).toHaveLength(1);
    const listed = bench.start('posbridge', ['journal', 'list', '--journal', bench.path('journal')]);
    const shown = listed.stdout;
    await shown.ended;
    expect(shown.lines.filter((line) => line.includes('done-approved'))).toHaveLength(1);
  });

  test('with certificates on both ends lets in who has one, and registration is optional then', async () => {
    const certificates = new Certificates(bench.folder);
    certificates.root('root');
    certificates.root('other-root');
    certificates.signed('server', 'root', 'subjectAltName=IP:127.0.0.1');
    certificates.signed('terminal', 'root', 'extendedKeyUsage=clientAuth');
    certificates.signed('stranger', 'other-root', 'extendedKeyUsage=clientAuth');
    const tls = [certificates.pem('server'), certificates.key('server'), certificates.pem('root')];
    const broker = await PythonBroker.start(0, ...tls);
    const dial = (...args: string[]) =>
      startTerminal(
        `wss://127.0.0.1:${broker.port}/`,
        '--app',
        'simulator:?delay=0',
        '--tls-ca',
        certificates.pem('root'),
        ...args,
      );
    for (const args of [
      [],
      ['--tls-cert', certificates.pem('stranger'), '--tls-key', certificates.key('stranger')],
    ]) {
      const refused = dial(...args);
      await refused.says('cannot be opened');
      await refused.kill();
    }
    expect(broker.messages()).toEqual([]);
    dial('--tls-cert', certificates.pem('terminal'), '--tls-key', certificates.key('terminal'));
    await broker.saw('"headers"');
    broker.say(START);
    await broker.saw('Session Started');
  });
});

describe('our broker', () => {
  const serve = (...args: string[]) =>
    bench.startServe(['--dialect', 'sca', '--role', 'broker', '--listen', 'ws://127.0.0.1:0/', ...args]);

  async function knock(port: number, head: string): Promise<string> {
    const socket = await bench.connect(port);
    let text = '';
    const answered = new Promise<void>((resolve) => {
      socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
        if (text.includes('\r\n\r\n')) resolve();
      });
      socket.on('close', () => resolve());
    });
    socket.write(head, 'latin1');
    await answered;
    return text;
  }

  test('answers the handshake of the documentation byte for byte, where its space before a colon is taken, in any case of letters', async () => {
    const sample = readFileSync(path.join(FIXTURES, 'handshake-request.txt'), 'latin1');
    const strict = await serve('--app', 'null:');
    expect(await knock(strict.port, sample)).toMatch(/^HTTP\/1\.1 400 /);
    const lenient = await serve('--app', 'null:', '--lenient-headers', '--no-subprotocol');
    const answer = await knock(lenient.port, sample);
    const expected = readFileSync(path.join(FIXTURES, 'handshake-response.txt'), 'latin1');
    const [head = ''] = answer.split('\r\n\r\n');
    const lines = (text: string) =>
      text
        .trim()
        .split('\r\n')
        .map((line) => line.replace(/^(Date|Server): .*/, '$1'));
    expect(lines(head)).toEqual(lines(expected));
    await lenient.server.says(/connected connection="?1\./);
    const odd = sample
      .replace('x-vfi-pinpad-id : 1', 'X-VFI-PinPad-ID: 2')
      .replace('Upgrade: web', 'UPGRADE: web');
    expect(await knock(strict.port, odd)).toMatch(/^HTTP\/1\.1 101 /);
    await strict.server.says(/connected connection="?2\./);
  });

  test('passes sales of a register on TCP to a terminal that has dialled in, and both journals agree', async () => {
    const [primary, secondary] = [await freePort(), await freePort()];
    const { server, port } = await serve(
      '--app',
      'null:',
      '--for',
      `T-1=tcp:127.0.0.1:${primary},${secondary}`,
    );
    startTerminal(
      `ws://127.0.0.1:${port}/`,
      '--skip-pos-auth',
      '--app',
      'simulator:?delay=0',
      '--journal',
      bench.path('journal'),
    );
    await server.says(/connected connection="?T-1\./);
    const pay = async (amount: string) => {
      const to = `sca+tcp:127.0.0.1:${primary}?currency=USD`;
      const stores = ['--store', bench.path('store'), '--terminal-store', bench.path('terminals')];
      const pos = bench.start('posbridge', ['pos', 'purchase', amount, 'USD', '--to', to, ...stores]);
      const shown = pos.stdout;
      const { code } = await pos.exited;
      await shown.ended;
      return { code, text: shown.text };
    };
    expect(await pay('5.35')).toMatchObject({ code: 0, text: expect.stringContaining('APPROVED  5.35 USD') });
    expect(await pay('5.01')).toMatchObject({ code: 1, text: expect.stringContaining('DECLINED') });
    const listed = bench.start('posbridge', ['journal', 'list', '--journal', bench.path('journal')]);
    const shown = listed.stdout;
    await shown.ended;
    expect(shown.text).toMatch(/done-approved.*5\.35 USD/);
    expect(shown.text).toMatch(/done-error.*5\.01 USD.*DECLINED/);
  });
});

describe('the simulated terminal', () => {
  test('dials a broker, and shows attempts, the connection, and in a session the icon alone', async () => {
    const port = await freePort();
    const { server: simulated, url } = await startSimulated(
      ...['--wire', `ws://127.0.0.1:${port}/`, '--skip-pos-auth', '--pinpad-id', 'T-1', '--delay', '0'],
    );
    await simulated.says(/cannot be opened.*failures=2/);
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(url);
      const shows = (text: string) => page.locator('.display').filter({ hasText: text }).waitFor();
      const icon = (name: string) => page.locator(`.status-bar img[src="${name}"]`).waitFor();
      await shows('Connecting …');
      await shows('connection refused');
      await icon('wbs_disconnected.png');
      const broker = await PythonBroker.start(port);
      await broker.saw('"headers"');
      await shows('Welcome');
      await icon('wbs_connected.png');
      await broker.program.kill();
      await shows('Reconnecting …');
      const again = await PythonBroker.start(port);
      await again.saw('"headers"');
      again.say(START + capture('r1'));
      await again.saw(/APPROVED.*<POS_RECON>r1</);
      await again.program.kill();
      await icon('wbs_disconnected.png');
      await shows('Welcome');
    } finally {
      await browser.close();
    }
    simulated.signal('SIGTERM');
    expect(await simulated.exited).toEqual(exitedWith(0));
  });

  test('answers registers on TCP, and says so where it cannot', async () => {
    const { server: simulated } = await startSimulated(
      ...['--listen', 'tcp:127.0.0.1:0', '--listen', 'tcp:127.0.0.1:0', '--auto-pair', '--delay', '0'],
      ...['--assume', 'notifications=on'],
    );
    const [[, primary = ''] = [], [, secondary = ''] = []] =
      (await simulated.stderr?.waitForAll(/listening on=tcp:127\.0\.0\.1:(\d+)/g, 2)) ?? [];
    const to = `sca+tcp:127.0.0.1:${primary}?currency=USD&secondary=${secondary}`;
    const stores = ['--store', bench.path('store'), '--terminal-store', bench.path('terminals')];
    const pos = bench.start('posbridge', ['pos', 'purchase', '5.35', 'USD', '--to', to, ...stores]);
    expect(await pos.exited).toEqual(exitedWith(0));
    await hearsUnasked(Number(primary));
    const lost = bench.start('posbridge', ['terminal', '--dialect', 'sca']);
    expect(await lost.exited).toEqual(exitedWith(100));
    expect(lost.stderr?.text).toContain('say one of the two: --listen');
  });

  /** A register that listens on a port of its own gets there what it has not asked for. */
  async function hearsUnasked(primary: number): Promise<void> {
    let heard = '';
    const listener = createServer((socket) => socket.on('data', (bytes) => (heard += bytes)));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    const socket = await bench.connect(primary);
    const ask = (functionType: string, command: string, fields: Fields) => {
      const answered = new Promise<Fields>((resolve) => {
        let bytes = Buffer.alloc(0);
        const take = (chunk: Buffer) => {
          bytes = Buffer.concat([bytes, chunk]);
          const [document] = readStream([bytes]);
          if (document === undefined || typeof document === 'string') return;
          socket.off('data', take);
          resolve(fieldsOf(document));
        };
        socket.on('data', take);
      });
      socket.write(requestXml(functionType, command, fields));
      return answered;
    };
    const register = new PairedRegister(await ask('SECURITY', 'REGISTER', { KEY: PUBLIC_KEY }));
    const place = { POS_IP: '127.0.0.1', POS_PORT: String(port) };
    await ask('SESSION', 'START', { ...register.auth(), INVOICE: '7', ...place });
    await ask('PAYMENT', 'CAPTURE', { ...register.auth(), TRANS_AMOUNT: '5.35', POS_RECON: 'r1' });
    const isHeard = () => heard.includes('TRANSACTION IN FLIGHT') && heard.includes('REMOVE CARD');
    await expect.poll(isHeard, { timeout: 30_000 }).toBe(true);
    socket.destroy();
    await new Promise((resolve) => listener.close(resolve));
  }

  async function startSimulated(...args: string[]) {
    const server = bench.start('posbridge', [
      ...['terminal', '--dialect', 'sca', '--screen', 'tcp:127.0.0.1:0', ...args],
    ]);
    const [url = ''] = await server.says(/http:\/\/\S+/);
    return { server, url };
  }
});

test('the demo has a broker, a terminal that dials into it, and a register that pays', async () => {
  const places = ['--listen', 'ws://127.0.0.1:0/', '--screen', 'tcp:127.0.0.1:0'];
  const demo = bench.start('posbridge', ['demo', '--dialect', 'sca', ...places]);
  await demo.says('The register: 12.30 USD approved');
  demo.signal('SIGTERM');
  expect(await demo.exited).toEqual(exitedWith(0));
});

describe('our terminal on TCP', () => {
  test('pairs with a register, sells on the primary port and answers on the secondary one', async () => {
    const [primary, secondary] = [await freePort(), await freePort()];
    const listen = [primary, secondary].flatMap((port) => ['--listen', `tcp:127.0.0.1:${port}`]);
    await bench.startServe([
      '--dialect',
      'sca',
      ...listen,
      '--auto-pair',
      '--app',
      'simulator:?delay=0',
      '--journal',
      bench.path('journal'),
    ]);
    const to = `sca+tcp:127.0.0.1:${primary}?currency=USD`;
    const stores = ['--store', bench.path('store'), '--terminal-store', bench.path('terminals')];
    for (const [amount, code] of [
      ['5.35', 0],
      ['5.01', 1],
    ] as const) {
      const pos = bench.start('posbridge', ['pos', 'purchase', amount, 'USD', '--to', to, ...stores]);
      expect(await pos.exited).toEqual(exitedWith(code));
    }
    const socket = await bench.connect(secondary);
    const answered = new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));
    socket.write(request('SECONDARYPORT', 'STATUS'));
    expect(await answered).toContain('<SECONDARY_DATA>0</SECONDARY_DATA>');
  });
});
