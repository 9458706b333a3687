import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { TestTerminal } from '../kit/terminal.ts';
import {
  type Ended,
  type Folder,
  PROGRAM,
  posbridge,
  type Running,
  type RunOptions,
  run,
  start,
  stopAll,
  temporaryFolder,
} from './kit.ts';

/** `posbridge pos` as its user meets it, in front of the real bridge with the simulated terminal. */

let folder: Folder;

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(async () => {
  await stopAll();
  folder.remove();
});

/** A bridge with a terminal; the answer is its endpoint. */
async function openTerminal(delayMs = 30): Promise<string> {
  const app = `simulator:?delay=${delayMs}`;
  const server = start(PROGRAM, ['serve', '--listen', 'tcp:127.0.0.1:0', '--app', app]);
  const said = await server.until(/listening on=\S+/);
  return /listening on=(\S+)/.exec(said)?.[1] ?? '';
}

const environment = () => ({ XDG_STATE_HOME: path.join(folder.path, 'state') });

function pos(args: readonly string[], { env, ...options }: RunOptions = {}): Promise<Ended> {
  return posbridge(['pos', ...args], { ...options, env: { ...environment(), ...env } });
}

function startPos(args: readonly string[]): Running {
  return start(PROGRAM, ['pos', ...args], { env: environment() });
}

/** On a terminal of its own, where both outputs go; what is written to its input is typed. */
function typePos(args: readonly string[]): Running {
  const command = [PROGRAM, 'pos', ...args].map((word) => `'${word}'`).join(' ');
  // exec: not every shell does it by itself, and Ctrl-C would kill a shell that waits.
  return start('script', ['-qec', `exec ${command}`, '/dev/null'], {
    env: { ...environment(), TERM: 'xterm' },
  });
}

/** The last line of `--json`. */
function lastOf({ stdout }: Ended): Record<string, unknown> {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}');
}

/** The last outcome of `--json`, which `recover` follows by what it comes to. */
function outcomeOf({ stdout }: Ended): Record<string, unknown> {
  const outcomes = stdout.split('\n').filter((line) => line.startsWith('{"event":"outcome"'));
  return JSON.parse(outcomes.at(-1) ?? '{}');
}

const oneLine = (text: RegExp) =>
  expect.stringMatching(new RegExp(`^posbridge: [^\\n]*${text.source}[^\\n]*\\n$`));

describe('a purchase', () => {
  test('that is approved prints the outcome and the receipts on stdout, its progress on stderr, and ends with 0', async () => {
    const to = await openTerminal();
    const { code, stdout, stderr } = await pos(['purchase', '12.30', 'EUR', '--to', to, '--receipt', '17']);
    expect(stdout).toMatch(/^APPROVED {2}12\.30 EUR\nreceipt +17\/1\ncard +\w+ \d{6}\*+\d{4}\n/);
    expect(stdout).toMatch(/\nauthorisation +\d{6}\n/);
    expect(stdout).toMatch(
      /\n\n {2}SIMULATED TERMINAL\n(.*\n)+ {2}MERCHANT COPY\n\n(.*\n)+ {2}CUSTOMER COPY\n$/,
    );
    expect(stderr.split('\n')).toEqual([
      `12.30 EUR: connecting to ${to}`,
      '12.30 EUR: connected',
      '12.30 EUR: sent to the terminal',
      '12.30 EUR: waiting for the card',
      '12.30 EUR: waiting for the card: Insert or tap the card',
      '12.30 EUR: processing',
      '12.30 EUR: processing: Please wait',
      '12.30 EUR: waiting for the card to be taken out',
      '12.30 EUR: waiting for the card to be taken out: Remove the card',
      '',
    ]);
    expect(code).toBe(0);
  });

  test('that is declined says why in the language of the cashier, and ends with 1', async () => {
    const to = await openTerminal();
    const { code, stdout, stderr } = await pos(['purchase', '12.01', 'EUR', '--to', to, '--language', 'fi']);
    expect(stdout).toMatch(
      /^DECLINED {2}12\.01 EUR\nreceipt {2}\d+\/1\nreason {3}Hylätty \(DECLINED: .+\)\n$/,
    );
    expect(stderr).toContain('Syötä tai näytä kortti');
    expect(code).toBe(1);
  });

  test('with --json is nothing but objects, one a line', async () => {
    const to = await openTerminal();
    const ended = await pos(['purchase', '12.30', 'EUR', '--to', to, '--json', '--sequence', '2']);
    const events = ended.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ event, step }) => step ?? event)).toEqual(
      expect.arrayContaining(['recorded', 'connected', 'sent', 'status', 'message', 'decided', 'outcome']),
    );
    expect(events.at(-1)).toMatchObject({
      event: 'outcome',
      outcome: 'approved',
      method: 'Purchase',
      receipt_id: expect.stringMatching(/^\d{14}$/),
      sequence_id: '2',
      amount: '12.30',
      amount_minor: 1230,
      currency: 'EUR',
      recorded: true,
      result: { amount: 1230, currency: 'EUR', merchant_receipt: { text: expect.any(String) } },
    });
    expect([ended.code, ended.stderr]).toEqual([0, '']);
  });

  test('with --sequence none goes out without a sequence_id, and is found by its receipt alone', async () => {
    const terminal = await TestTerminal.listen();
    try {
      terminal.onRequest = ({ method }) =>
        method === 'Purchase' ? {} : new Error('JSONRPC_METHOD_NOT_FOUND');
      const args = ['purchase', '12.30', 'EUR', '--to', terminal.endpoint, '--receipt', '17', '--json'];
      const sale = await pos([...args, '--sequence', 'none']);
      expect(terminal.requests('Purchase').map(({ params }) => params)).toEqual([
        { receipt_id: 17, amount: 1230, currency: 'EUR' },
      ]);
      const [told, found] = [
        lastOf(sale),
        lastOf(await pos(['check', '17', '--to', terminal.endpoint, '--json'])),
      ];
      for (const outcome of [told, found]) {
        expect(outcome).toMatchObject({ outcome: 'approved', receipt_id: '17' });
        expect(outcome).not.toHaveProperty('sequence_id');
      }
    } finally {
      await terminal.stop();
    }
  });

  test('gets the next receipt number of its store, and its outcome is found there again', async () => {
    const to = await openTerminal();
    const first = lastOf(await pos(['purchase', '12.30', 'EUR', '--to', to, '--json']));
    const second = lastOf(await pos(['refund', '5.00', 'EUR', '--to', to, '--json']));
    expect(Number(second['receipt_id'])).toBeGreaterThan(Number(first['receipt_id']));
    expect(second).toMatchObject({ outcome: 'approved', method: 'Refund', amount: '5.00' });
    // From the store: nobody has to be there.
    const nowhere = ['--to', 'unix:/nowhere/at/all', '--json'];
    const found = await pos(['check', String(first['receipt_id']), ...nowhere]);
    expect([found.code, lastOf(found)]).toEqual([0, first]);
    const forPeople = await pos(['check', String(first['receipt_id']), '--to', 'unix:/nowhere/at/all']);
    expect(forPeople).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(path.join(folder.path, 'state/posbridge/pos'))).toContain('receipt-number');
  });

  test('with identifiers that were used before sends nothing and ends with 100', async () => {
    const to = await openTerminal();
    const args = ['purchase', '12.30', 'EUR', '--to', to, '--receipt', 'A-1'];
    expect(await pos(args)).toMatchObject({ code: 0 });
    const again = await pos(args);
    expect(again).toMatchObject({ code: 100, stdout: '' });
    expect(again.stderr).toMatch(/posbridge: receipt A-1\/1 has been used: nothing was sent/);
  });

  test.each<[string[], RegExp]>([
    [['12,30', 'EUR'], /"12,30" EUR is no amount: .*write 12\.30/],
    [['1e3', 'EUR'], /"1e3" EUR is no amount: write all digits/],
    [['12.300', 'EUR'], /EUR has 2 decimals/],
    [['12.30', 'eur'], /"eur" is no currency: write EUR/],
    [['12.30'], /purchase wants AMOUNT CURRENCY/],
    [[], /purchase wants AMOUNT CURRENCY/],
  ])('of %j is refused with a hint, and nothing is opened', async (operands, why) => {
    const refused = await pos(['purchase', ...operands, '--to', 'tcp:127.0.0.1:9']);
    expect(refused).toMatchObject({ code: 100, stdout: '', stderr: oneLine(why) });
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('that is refused is an object with --json as well', async () => {
    const refused = await pos(['purchase', '12,30', 'EUR', '--json', '--to', 'tcp:127.0.0.1:9']);
    expect([refused.code, lastOf(refused)]).toMatchObject([100, { event: 'error', code: 'USAGE' }]);
    expect(refused.stderr).toEqual(oneLine(/write 12\.30/));
  });
});

describe('without a terminal', () => {
  test('a purchase ends with 111, nothing was sent, and nothing is open', async () => {
    const nowhere = ['--to', `unix:${folder.path}/nobody.sock`, '--connect-timeout', '200ms'];
    const purchase = await pos(['purchase', '1.00', 'EUR', ...nowhere]);
    expect(purchase).toMatchObject({ code: 111, stdout: '' });
    expect(purchase.stderr).toMatch(
      /posbridge: no connection to unix:.*nobody.sock within 0\.2 s: .*; nothing was sent\n$/,
    );
    const recover = await pos(['recover', ...nowhere]);
    expect(recover).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('no sale is open'),
    });
    const forPrograms = await pos(['recover', ...nowhere, '--json']);
    expect(JSON.parse(forPrograms.stdout)).toEqual({
      event: 'recovered',
      sales: 0,
      open: 0,
      busy: 0,
      unreadable: 0,
    });
  });

  test('recover tells of an entry that cannot be read: 75', async () => {
    const store = path.join(folder.path, 'unreadable');
    mkdirSync(store);
    writeFileSync(path.join(store, `sale-${'0'.repeat(40)}.entry`), 'rubbish');
    const recover = await pos(['recover', '--to', `unix:${folder.path}/nobody.sock`, '--store', store]);
    expect(recover).toMatchObject({ code: 75, stderr: expect.stringContaining('cannot be read: 1') });
    expect(recover.stderr).not.toContain('no sale is open');
  });

  test.each(['status', 'info', 'abort', 'watch'])('%s ends with 111', async (action) => {
    const nowhere = ['--to', `unix:${folder.path}/nobody.sock`, '--connect-timeout', '200ms'];
    expect(await pos([action, ...nowhere])).toMatchObject({
      code: 111,
      stderr: expect.stringMatching(/posbridge: no connection to unix:.*nobody.sock within 0\.2 s: .*\n$/),
    });
  });

  test('with --json the fault is an object as well', async () => {
    const nowhere = ['--to', `unix:${folder.path}/nobody.sock`, '--connect-timeout', '200ms', '--json'];
    const ended = await pos(['status', ...nowhere]);
    expect(lastOf(ended)).toMatchObject({ event: 'error', code: 'NOT_CONNECTED' });
    expect(ended.code).toBe(111);
  });
});

test('a store that cannot be had: 111, and nothing is sent', async () => {
  const to = await openTerminal();
  const file = path.join(folder.path, 'file');
  writeFileSync(file, '');
  const refused = await pos(['purchase', '1.00', 'EUR', '--to', to, '--store', path.join(file, 'store')]);
  expect(refused).toMatchObject({ code: 111, stdout: '', stderr: oneLine(/file\/store/) });
});

describe('a connection on which nothing is understood', () => {
  const QUICK = ['--connect-timeout', '400ms', '--keepalive', '30,5,0.3'];

  test('without _Sync, where it is waited for, leads to --sync', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}));
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const to = `tcp:127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const ended = await pos(['status', '--to', to, ...QUICK]);
    expect(ended).toMatchObject({
      code: 111,
      stderr: oneLine(/if the terminal waits for _Sync, try --sync/),
    });
    silent.close();
  });

  test('with _Sync, where it is not known, leads to --no-sync', async () => {
    const ended = await pos(['status', '--to', await openTerminal(), '--sync', ...QUICK]);
    expect(ended).toMatchObject({
      code: 111,
      stderr: oneLine(/if the terminal knows no _Sync, try --no-sync/),
    });
  });
});

describe('questions to the terminal', () => {
  test('status and info tell what it says, for people and for programs', async () => {
    const to = await openTerminal();
    expect(await pos(['status', '--to', to])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^state +ready\nready +yes\n/),
      stderr: '',
    });
    expect(lastOf(await pos(['status', '--to', to, '--json']))).toMatchObject({
      event: 'status',
      status: { ready_for_transaction: true },
    });
    expect(await pos(['info', '--to', to])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^version +18\.9\.0\n/),
    });
    expect(lastOf(await pos(['info', '--to', to, '--json']))).toMatchObject({
      event: 'info',
      info: { version: '18.9.0' },
    });
  });

  test('call passes params and result on as they are written', async () => {
    const listener = start(
      'socat',
      ['-dd', 'UNIX-LISTEN:terminal.sock,fork', 'SYSTEM:cat > seen & sleep 9'],
      {
        cwd: folder.path,
      },
    );
    await listener.until(/listening on/);
    const params = '{"big": 12345678901234567890, "rate":1.50}';
    const to = `unix:${folder.path}/terminal.sock`;
    const calling = startPos(['call', 'Custom', params, '--to', to, '--log-level', 'trace']);
    expect(await calling.until(/frame out.*Custom.*/)).toContain(JSON.stringify(params).slice(1, -1));
  });

  test('an error of the terminal ends with 1', async () => {
    const to = await openTerminal();
    expect(await pos(['call', 'Bogus', '--to', to])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: oneLine(/the terminal says JSONRPC_METHOD_NOT_FOUND/),
    });
    const aborted = await pos(['abort', '--to', to, '--json']);
    expect(aborted.code).toBe(1);
    expect(lastOf(aborted)).toMatchObject({ event: 'error', code: 'NOTHING_TO_ABORT' });
  });

  test.each<[string[], RegExp]>([
    [['call', 'Purchase'], /"posbridge pos purchase" makes one/],
    [['call', '_Keepalive'], /belongs to the transport/],
    [['call', 'Status', '[1]'], /no JSON object/],
    [['call', 'Status', '{'], /no JSON/],
    [['call'], /call wants METHOD/],
    [['status', 'now'], /"now" is not understood after status/],
    [['status', '--receipt', '1'], /--receipt: is nothing for status/],
    [['pay'], /there is no action "pay"; there is purchase, refund/],
    [[], /say what to do: purchase, refund/],
  ])('%j is refused', async (args, why) => {
    const refused = await pos([...args, '--to', 'tcp:127.0.0.1:9']);
    expect(refused).toMatchObject({ code: 100, stdout: '', stderr: oneLine(why) });
  });

  test('nobody says where the terminal is: 100', async () => {
    expect(await pos(['status'])).toMatchObject({ code: 100, stderr: oneLine(/--to tcp:127/) });
  });
});

test('a terminal that is gone for good in mid-sale: 75 after --outcome-wait, and the sale stays open', async () => {
  const socket = path.join(folder.path, 'terminal.sock');
  const serve = ['serve', '--listen', `unix:${socket}`, '--app', 'simulator:?delay=20000'];
  const server = start(PROGRAM, serve);
  await server.until(/listening/);
  const place = ['--to', `unix:${socket}`, '--outcome-wait', '2s', '--json'];
  const purchase = startPos(['purchase', '12.30', 'EUR', ...place]);
  await purchase.until(/WAIT_CARD_IN/);
  server.signal('SIGKILL');
  const ended = await purchase.ended;
  expect([ended.code, lastOf(ended)['outcome']]).toEqual([75, 'unknown']);
  const recover = await pos(['recover', ...place]);
  expect([recover.code, outcomeOf(recover)['outcome']]).toEqual([75, 'unknown']);
  expect(lastOf(recover)).toMatchObject({ event: 'recovered', sales: 1, open: 1 });
});

describe('abort', () => {
  test('by another program of the same register ends the sale: cancelled, 1', async () => {
    const to = await openTerminal(20_000);
    const purchase = startPos(['purchase', '12.30', 'EUR', '--to', to]);
    await purchase.until(/waiting for the card/);
    expect(await pos(['abort', '--to', to])).toMatchObject({ code: 0 });
    const { code, stdout } = await purchase.ended;
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^CANCELLED/)]);
  });

  test('by a program that cannot be told to be the same register ends nothing', async () => {
    const to = `unix:${path.join(folder.path, 'terminal.sock')}`;
    const server = start(PROGRAM, ['serve', '--listen', to, '--app', 'simulator:?delay=20000']);
    await server.until(/listening/);
    const purchase = startPos(['purchase', '12.30', 'EUR', '--to', to]);
    await purchase.until(/waiting for the card/);
    const other = await pos(['abort', '--to', to]);
    expect(other).toMatchObject({ code: 1, stderr: oneLine(/belongs to another register; .*press Ctrl-C/) });
    purchase.signal('SIGINT');
    const { code, stdout } = await purchase.ended;
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^CANCELLED/)]);
  });
});

describe('Ctrl-C', () => {
  test('asks the terminal to abort, and the outcome is told: cancelled, 1', async () => {
    const to = await openTerminal(20_000);
    const purchase = startPos(['purchase', '12.30', 'EUR', '--to', to]);
    await purchase.until(/waiting for the card/);
    purchase.signal('SIGINT');
    const { code, stdout, stderr } = await purchase.ended;
    expect(stderr).toContain('asking the terminal to abort');
    expect(stdout).toMatch(/^CANCELLED {2}12\.30 EUR\n.*\nreason +.*ABORTED/);
    expect(code).toBe(1);
  });

  test('twice ends the waiting with 75, and recover finds the truth', async () => {
    const to = await openTerminal(3000);
    const purchase = typePos(['purchase', '12.30', 'EUR', '--to', to]);
    await purchase.until(/waiting for the card/);
    // Too late to be aborted, or not: the second one comes before anybody knows.
    purchase.child.stdin?.write('\u0003\u0003');
    const { code, stdout } = await purchase.ended;
    if (code === 1) return; // the terminal was faster
    expect(code).toBe(75);
    expect(stdout).toMatch(/UNKNOWN {2}12\.30 EUR/);
    expect(stdout).toContain('posbridge pos recover');
    const recovered = await pos(['recover', '--to', to, '--json']);
    expect(recovered.code).toBe(0);
    expect(outcomeOf(recovered)).toMatchObject({ amount: '12.30' });
  });

  test('SIGTERM leaves an open sale for recover', async () => {
    const to = await openTerminal(2000);
    const purchase = startPos(['purchase', '12.30', 'EUR', '--to', to, '--json']);
    await purchase.until(/WAIT_CARD_IN/);
    purchase.signal('SIGTERM');
    const ended = await purchase.ended;
    expect(ended.code).toBe(75);
    const { receipt_id } = lastOf(ended);
    expect(lastOf(ended)).toMatchObject({
      event: 'outcome',
      outcome: 'unknown',
      amount: '12.30',
      why: expect.any(String),
    });
    const recovered = await pos(['recover', '--to', to, '--json']);
    expect(recovered.code).toBe(0);
    expect(outcomeOf(recovered)).toMatchObject({ outcome: 'approved', receipt_id, method: 'Purchase' });
  });

  test('several open sales are recovered one after the other', async () => {
    const to = await openTerminal(300);
    for (const receipt of ['A', 'B']) {
      const purchase = startPos(['purchase', '12.30', 'EUR', '--to', to, '--receipt', receipt]);
      await purchase.until(/waiting for the card/);
      purchase.signal('SIGHUP');
      expect(await purchase.ended).toMatchObject({
        code: 75,
        stdout: expect.stringMatching(/^UNKNOWN {2}12\.30 EUR\n/),
      });
      const check = ['call', 'Check', `{"receipt_id":"${receipt}","sequence_id":1}`, '--to', to, '--json'];
      while ((await pos(check)).stdout.includes('TRANSACTION_ACTIVE')); // the terminal is busy with it
    }
    const { code, stdout, stderr } = await pos(['recover', '--to', to]);
    expect(stdout.match(/^(APPROVED|DECLINED) {2}12\.30 EUR$/gm)).toHaveLength(2);
    expect(stderr).toContain('looking for open sales');
    expect(code).toBe(0);
  });

  test('before anything is sent withdraws the sale: 1', async () => {
    const purchase = startPos(['purchase', '12.30', 'EUR', '--to', `unix:${folder.path}/nobody.sock`]);
    await purchase.until(/no connection/);
    purchase.signal('SIGINT');
    expect(await purchase.ended).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/nothing was sent\n$/),
    });
    const recover = await pos(['recover', '--to', `unix:${folder.path}/nobody.sock`]);
    expect(recover).toMatchObject({ code: 0, stderr: expect.stringMatching(/no sale is open/) });
  });
});

describe('on a terminal', () => {
  test('progress is one live line, gone when the outcome comes', async () => {
    const to = await openTerminal(600);
    const { code, stdout } = await typePos(['purchase', '12.30', 'EUR', '--to', to]).ended;
    const [progress = '', rest = ''] = stdout.split('APPROVED');
    expect(progress).not.toContain('\n');
    expect(progress).toContain('12.30 EUR: waiting for the card: Insert or tap the card');
    expect(progress.endsWith('\r\u001b[K')).toBe(true);
    expect(rest).toMatch(/^ {2}12\.30 EUR\r\n/);
    expect(rest).not.toContain('\u001b');
    expect(code).toBe(0);
  });

  test('watch shows what the terminal does, until Ctrl-C: 0', async () => {
    const to = await openTerminal(300);
    const watching = typePos(['watch', '--to', to]);
    await watching.until(/ ready/);
    watching.child.stdin?.write('\u0003');
    const { code, stdout } = await watching.ended;
    expect(stdout).not.toContain('posbridge:');
    expect(code).toBe(0);
  });
});

test('watch prints a line a change, and goes on over a lost connection', async () => {
  const socket = path.join(folder.path, 'terminal.sock');
  const serve = () => start(PROGRAM, ['serve', '--listen', `unix:${socket}`, '--app', 'simulator:?delay=30']);
  const server = serve();
  await server.until(/listening/);
  const watching = startPos(['watch', '--to', `unix:${socket}`]);
  await watching.until(/^ready$/m);
  server.signal('SIGKILL');
  await server.ended;
  await watching.until(/no connection/);
  await serve().until(/listening/);
  await watching.until(/no connection[\s\S]*connected\nready\n/);
  watching.signal('SIGINT');
  expect(await watching.ended).toMatchObject({ code: 0, stdout: '' });
});

describe('a secret', () => {
  const KEY = 'k3y-0f-th3-sh0p';

  test.each(['\ufeff', '\ufeffkey\r\n', 'key\r\n', 'key\n'])(
    'a key is read without what Windows adds: %j',
    async (content) => {
      const terminal = await TestTerminal.listen();
      try {
        terminal.onRequest = () => ({});
        const file = path.join(folder.path, 'key');
        writeFileSync(file, content);
        const ended = await pos(['call', 'Test', '--to', terminal.endpoint, '--api-key-file', file]);
        if (content === '\ufeff') expect(ended).toMatchObject({ code: 100, stderr: oneLine(/not one line/) });
        else expect(terminal.requests('Test')[0]?.params).toEqual({ api_key: 'key' });
      } finally {
        await terminal.stop();
      }
    },
  );

  test('api key: is sent, and shown nowhere, at any level', async () => {
    const to = await openTerminal();
    const file = path.join(folder.path, 'key');
    writeFileSync(file, `${KEY}\n`);
    const loud = ['--to', to, '--log-level', 'trace', '--log-format', 'json'];
    for (const more of [
      { args: ['--api-key-file', file], env: {} },
      { args: [], env: { POSBRIDGE_API_KEY: KEY } },
    ]) {
      for (const action of [['purchase', '1.00', 'EUR'], ['status'], ['call', 'Bogus', '{"a":1}']]) {
        const { stdout, stderr } = await pos([...action, ...loud, ...more.args], { env: more.env });
        expect(stderr).toContain('api_key');
        expect(stdout + stderr).not.toContain(KEY);
      }
    }
  });

  test.each<[string, string, RegExp]>([
    ['--api-key-file', '', /the file .*key \(--api-key-file\) is not one line/],
    ['--api-key-file', 'alpha\nbeta\n', /is not one line/],
    ['--api-key-file', 'x'.repeat(5000), /is longer than 4096 bytes/],
    ['--login-file', 'nameonly', /NAME:PASSWORD/],
    ['--login-file', ':password', /NAME:PASSWORD/],
  ])('%s with the content %j is refused, and not quoted', async (option, content, why) => {
    const file = path.join(folder.path, 'key');
    writeFileSync(file, content);
    const refused = await pos(['status', '--to', 'ws://127.0.0.1:9/x', option, file]);
    expect(refused).toMatchObject({ code: 100, stderr: oneLine(why) });
    if (content !== '') expect(refused.stderr).not.toContain(content.trim().split('\n')[0]);
  });

  test('a file that cannot be read is named', async () => {
    const refused = await pos(['status', '--to', 'tcp:127.0.0.1:9', '--api-key-file', '/nowhere/key']);
    expect(refused).toMatchObject({
      code: 100,
      stderr: oneLine(/the file \/nowhere\/key \(--api-key-file\) cannot be read/),
    });
  });

  test('name and password: are sent over a WebSocket, and shown nowhere', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'jsonrpc2.0' });
    try {
      await once(server, 'listening');
      const seen = new Promise<string | undefined>((resolve) => {
        server.on('connection', (socket, { headers }) => {
          resolve(headers.authorization);
          socket.close();
        });
      });
      const { port } = server.address() as AddressInfo;
      const to = ['--to', `ws://127.0.0.1:${port}/api/v2/terminal/1/jsonpos`, '--connect-timeout', '1s'];
      const env = { POSBRIDGE_LOGIN: `till:pass:${KEY}` };
      const ended = await pos(['status', ...to, '--log-level', 'trace'], { env });
      expect(await seen).toBe(`Basic ${Buffer.from(`till:pass:${KEY}`).toString('base64')}`);
      expect(ended.stdout + ended.stderr).not.toMatch(/pass|k3y|Basic/);
    } finally {
      server.close();
    }
  });

  test('a login goes with a WebSocket only', async () => {
    const file = path.join(folder.path, 'login');
    writeFileSync(file, 'till:secret');
    const refused = await pos(['status', '--to', 'tcp:127.0.0.1:9', '--login-file', file]);
    expect(refused).toMatchObject({ code: 100, stderr: oneLine(/--login-file: goes with ws:/) });
  });
});

describe('the folder for sales', () => {
  const NOWHERE = ['--to', 'tcp:127.0.0.1:9', '--connect-timeout', '100ms'];

  /** `posbridge pos ARGS` of a user who stands in no passwd and has no HOME. */
  function nobody(...args: readonly string[]): Promise<Ended> {
    const user = ['--reuid', '12345', '--regid', '12345', '--clear-groups'];
    const nameless = ['env', '-u', 'HOME', '-u', 'XDG_STATE_HOME', PROGRAM, 'pos', ...args];
    return run('setpriv', [...user, ...nameless], { cwd: '/' });
  }

  test.skipIf(process.getuid?.() !== 0)(
    'of a user without home is asked for by name, where one is needed',
    async () => {
      for (const action of [['purchase', '1.00', 'EUR'], ['check', '1'], ['recover']]) {
        expect(await nobody(...action, ...NOWHERE)).toMatchObject({
          code: 100,
          stderr: oneLine(/no place to record sales: this user \(uid 12345\) has no home folder; .*--store/),
        });
      }
      for (const action of ['status', 'info', 'abort']) {
        expect(await nobody(action, ...NOWHERE)).toMatchObject({
          code: 111,
          stderr: oneLine(/nothing was sent/),
        });
      }
    },
  );

  test('is never in the working directory because HOME is empty', async () => {
    const env = { HOME: '', XDG_STATE_HOME: '' };
    const args = ['pos', 'purchase', '1.00', 'EUR', ...NOWHERE];
    const refused = await posbridge(args, { env, cwd: folder.path });
    expect(refused).toMatchObject({ code: 100, stderr: oneLine(/HOME is ""; .*--store/) });
    expect(readdirSync(folder.path)).toEqual([]);
  });
});

describe('a result that cannot be written', () => {
  /** `posbridge pos ARGS` with a full disk as standard output. */
  const toFull = (...args: readonly string[]) =>
    run('sh', ['-c', 'exec "$0" pos "$@" >/dev/full', PROGRAM, ...args], { env: environment() });

  test('is a failure, and one clear line', async () => {
    const to = ['--to', await openTerminal()];
    for (const action of [['status'], ['info', '--json'], ['call', 'Status'], ['recover', '--json']]) {
      const ended = await toFull(...action, ...to, '--log-level', 'error');
      expect(ended).toMatchObject({ code: 111, stderr: oneLine(/standard output: .*no space/) });
    }
  });

  test('ends watch --json, too; a reader that has gone away ends it without a fault', async () => {
    const to = await openTerminal();
    expect(await toFull('watch', '--json', '--to', to, '--log-level', 'error')).toMatchObject({
      code: 111,
      stderr: oneLine(/standard output: .*no space/),
    });
    const script = '{ "$0" pos watch --json --to "$1"; echo $? >&2; } | head -n 1';
    const read = await run('sh', ['-c', script, PROGRAM, to], { env: environment() });
    expect(read).toMatchObject({ code: 0, stderr: '0\n' });
    expect(JSON.parse(read.stdout)).toMatchObject({ event: expect.any(String) });
  });

  test('changes nothing about how a sale has ended', async () => {
    const to = ['--to', await openTerminal(), '--log-level', 'error'];
    const paid = await toFull('purchase', '1.00', 'EUR', '--receipt', 'R-1', ...to);
    expect(paid).toMatchObject({ code: 0, stderr: expect.stringMatching(/standard output: .*no space/) });
    expect((await toFull('check', 'R-1', '1', ...to)).code).toBe(111);
    expect((await pos(['check', 'R-1', '1', ...to])).code).toBe(0);
  });
});
