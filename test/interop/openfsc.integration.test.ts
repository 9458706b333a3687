import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import type { Handler } from '../kit/application.ts';
import { exitedWith, type Running, Workbench } from './kit.ts';
import { CAPABILITIES, F1, K1, LOGIN, PlayedServer, SECRET1, ServerSide, writeSites } from './openfsc-kit.ts';

/** The site's end as a process, with a played server on the wire and a played application behind the channels. */

let bench: Workbench;
let server: PlayedServer | undefined;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(async () => {
  server?.close();
  server = undefined;
  await bench.close();
});

const station: Handler = (message) => {
  if (message.method === 'openfsc.pumps') return { result: { pumps: [{ pump: 1, status: 'free' }] } };
  if (message.method === 'openfsc.prices') {
    const price = { productId: '0500', unit: 'LTR', currency: 'EUR', pricePerUnit: '1.629' };
    return { result: { prices: [{ ...price, description: 'Müller €' }] } };
  }
  return { result: {} };
};

function start(more: readonly string[], wire?: string): Running {
  const args = [
    '--dialect',
    'openfsc',
    '--sites',
    bench.path('sites.json'),
    '--app',
    `unix:${bench.socketPath}`,
  ];
  const place = wire === undefined ? [] : ['--wire', wire];
  return bench.startBridge([...args, ...place, '--log-level', 'trace', ...more]);
}

/** The server's side of a bridge on standard input and output. */
function overStdio(bridge: Running, letsIn?: (line: string) => string): ServerSide {
  const { stdin, stdout } = bridge.child;
  const side = new ServerSide((text) => stdin?.write(text, 'latin1'), letsIn);
  stdout?.setEncoding('latin1');
  stdout?.on('data', (text: string) => {
    side.received(text);
    // Whoever reads a goodbye closes; a bridge waits for that, but not for long.
    if (side.lines.some((line) => line.startsWith('* QUIT'))) stdin?.end();
  });
  stdout?.on('close', () => side.over());
  side.say(CAPABILITIES);
  return side;
}

describe('under a super-server', () => {
  test('a site speaks on its descriptors, and QUIT of the server is 111', async () => {
    writeSites(bench);
    await bench.application(station);
    const bridge = start([]);
    const side = overStdio(bridge);
    await side.line(LOGIN);
    side.say('S1 PRICES', 'S2 HEARTBEAT 2026-01-01T00:00:00Z');
    expect(await side.line(/^\* PRICE/)).toBe('* PRICE 0500 LTR EUR 1.629 M\xc3\xbcller \xe2\x82\xac');
    await side.line('S1 OK');
    await side.line('S2 OK');
    side.say('* QUIT maintenance');
    bridge.child.stdin?.end();
    expect(await bridge.exited).toEqual(exitedWith(111));
  });

  test('of the UCSPI kind it reads descriptor 6 and writes descriptor 7', async () => {
    writeSites(bench);
    await bench.application(station);
    const args = [
      '--dialect',
      'openfsc',
      '--sites',
      bench.path('sites.json'),
      '--app',
      `unix:${bench.socketPath}`,
    ];
    const bridge = bench.startBridge(args, {
      env: { PROTO: 'TCP' },
      stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    const side = new ServerSide((text) => bridge.end(6).write(text, 'latin1'));
    bridge
      .end(7)
      .setEncoding('latin1')
      .on('data', (text: string) => side.received(text));
    side.say(CAPABILITIES);
    await side.line(LOGIN);
    side.say('S1 PUMPS');
    await side.line('S1 OK');
    bridge.end(6).end();
    expect(await bridge.exited).toEqual(exitedWith(111));
  });

  test('a refused login is 100', async () => {
    writeSites(bench);
    await bench.application(station);
    const bridge = start([]);
    const side = overStdio(bridge, () => 'ERR 401 no');
    await side.line('* QUIT authentication failed');
    expect(await bridge.exited).toEqual(exitedWith(100));
  });

  test('a server that breaks the protocol is 76, one that goes away 111', async () => {
    writeSites(bench);
    await bench.application(station);
    const [broken, left] = [start([]), start([])];
    broken.child.stdin?.write('GET / HTTP/1.1\r\n');
    overStdio(left);
    left.child.stdin?.end();
    expect(await broken.exited).toEqual(exitedWith(76));
    expect(await left.exited).toEqual(exitedWith(111));
  });

  test('SIGTERM says goodbye and is 0', async () => {
    writeSites(bench);
    await bench.application(station);
    const bridge = start([]);
    const side = overStdio(bridge);
    await side.line(LOGIN);
    side.say('S1 PUMPS');
    await side.line('S1 OK');
    bridge.signal('SIGTERM');
    await side.line(/^\* QUIT /);
    expect(await bridge.exited).toEqual(exitedWith(0));
  });

  test('bad options are 100, with one line that says what to do', async () => {
    writeSites(bench);
    const says = async (args: readonly string[], env = {}) => {
      const bridge = bench.startBridge(['--dialect', 'openfsc', '--app', 'null:', ...args], { env });
      expect(await bridge.exited).toEqual(exitedWith(100));
      expect(bridge.errors.trim().split('\n')).toHaveLength(1);
      expect(bridge.errors).not.toContain(SECRET1);
      return bridge.errors;
    };
    expect(await says([])).toContain('--sites: openfsc needs a file');
    expect(await says(['--sites', bench.path('none')])).toContain('no such file');
    writeFileSync(
      bench.path('bad.json'),
      JSON.stringify({ sites: [{ siteAccessKey: K1, secret: SECRET1 }] }),
    );
    expect(await says(['--sites', bench.path('bad.json')])).toContain(
      'sites[0] has a member that is none of',
    );
    writeFileSync(
      bench.path('env.json'),
      JSON.stringify({ sites: [{ siteAccessKey: K1, secretEnv: 'SITE_SECRET' }] }),
    );
    expect(await says(['--sites', bench.path('env.json')])).toContain('SITE_SECRET holds no secret');
    expect(await says(['--sites', bench.path('sites.json'), '--push', 'sometimes'])).toContain(
      '--push: always or subscribed',
    );
    expect(await says(['--sites', bench.path('sites.json'), '--standby', 'tcp:127.0.0.1:1'])).toContain(
      '--standby: goes with',
    );
    const listening = bench.startBridge([
      'serve',
      '--listen',
      'tcp:127.0.0.1:0',
      '--dialect',
      'openfsc',
      '--app',
      'null:',
    ]);
    expect(await listening.exited).toEqual(exitedWith(100));
    expect(listening.errors).toContain('connects and does not listen');
    const jsonpos = bench.startBridge(['--app', 'null:', '--sites', bench.path('sites.json')]);
    expect(await jsonpos.exited).toEqual(exitedWith(100));
    expect(jsonpos.errors).toContain('--dialect jsonpos has no such thing');
  });
});

describe('over TCP', () => {
  test('a lost wire is opened again, and CLEAR is answered 410 by a bridge that was killed in between', async () => {
    writeSites(bench);
    const application = await bench.application(station);
    server = await PlayedServer.listen(bench);
    const journal = ['--journal', bench.path('journal')];
    const first = start(journal, `tcp:127.0.0.1:${server.port}`);
    const one = await server.next();
    await one.line(LOGIN);
    one.say(`S1 CLEAR 3 c71b ${F1} pace`);
    await one.line('S1 OK');
    server.sockets[0]?.destroy();
    const two = await server.next();
    await two.line(LOGIN);
    two.say(`S1 CLEAR 3 c71b ${F1} pace`);
    await two.line('S1 ERR 410 already cleared');
    await first.kill();
    start(journal, `tcp:127.0.0.1:${server.port}`);
    const three = await server.next();
    await three.line(LOGIN);
    three.say(`S1 CLEAR 3 c71b ${F1} pace`);
    await three.line('S1 ERR 410 already cleared');
    expect(application.requests('openfsc.clear')).toHaveLength(1);
  });

  test('no byte of a card or of a secret is in the log, the statistics or the journal', async () => {
    writeSites(bench, { transactionInfo: true });
    const application = await bench.application(station);
    server = await PlayedServer.listen(bench, (line) => `ERR 401 the secret ${line.split(' ')[3]} is wrong`);
    const journal = ['--journal', bench.path('journal')];
    const refused = start(journal, `tcp:127.0.0.1:${server.port}`);
    await (await server.next()).line(/QUIT/);
    await refused.says(/does not let a site in/);
    refused.signal('SIGTERM');
    await refused.exited;
    server.close();

    server = await PlayedServer.listen(bench);
    const bridge = start([...journal, '--log-format', 'json'], `tcp:127.0.0.1:${server.port}`);
    const side = await server.next();
    await side.line(LOGIN);
    const secrets = ['92873498723498792384', '643972', '176439', '5550001112223', SECRET1];
    const [pan = '', approval, mileage, other] = secrets;
    const info = `* TRANSACTIONINFO ${F1}`;
    side.say(
      `${info} PAN ${pan}`,
      `${info} ApprovalCode ${approval}`,
      `${info} Mileage ${mileage}`,
      `${info} X ${other}`,
    );
    // Malformed in every way.
    side.say(
      `* TRANSACTIONINFO PAN ${pan}`,
      `* transactioninfo ${F1} PAN ${pan}`,
      `TRANSACTIONINFO ${F1} PAN ${pan}`,
    );
    side.say(
      `S7 PAN ${F1} ${pan}`,
      `S8 PAN ${pan}`,
      `S8 PLAINAUTH ${K1} ${SECRET1}`,
      `*  TRANSACTIONINFO  ${pan}`,
    );
    side.say(
      `S9 TRANSACTIONINFO ${F1} PAN ${pan} ${pan}`,
      `s9.* TRANSACTIONINFO ${F1} PAN ${pan}`,
      `${pan} ${pan}`,
    );
    side.say(`* TRANSACTIONINFO ${F1} PAN ${pan}\u0001`, `* TRANSACTIONINFO ${F1} PAN ${pan}\xff`);
    side.say(`${info} PAN ${pan}`, `S1 CLEAR 3 c71b ${F1} pace`);
    await side.line('S1 OK');
    const [clear] = application.requests('openfsc.clear');
    expect(clear?.message?.params?.['transactionInfo']).toEqual({
      pan,
      approvalCode: approval,
      mileage: Number(mileage),
      other: { X: other },
    });
    side.say(`${info} PAN ${pan}`, `S2 UNLOCKPUMP 1 EUR 5.00 ${F1} pace`);
    await side.line('S2 OK');
    bridge.signal('SIGUSR2');
    await bridge.says(/"event":"statistics"/);
    bridge.signal('SIGTERM');
    await bridge.exited;
    const written = [
      refused.errors,
      bridge.errors,
      ...readdirSync(bench.path('journal')).map((file) =>
        readFileSync(bench.path('journal', file), 'latin1'),
      ),
    ].join('\n');
    expect(written).toContain(F1);
    for (const secret of secrets) expect([secret, written.includes(secret)]).toEqual([secret, false]);
    // Nor a piece of the number, as a mask for card numbers would leave it.
    expect(written).not.toContain('2384');
  });

  test('200 sites on one wire: one application that never answers disturbs no other site', async () => {
    const sites = Array.from({ length: 200 }, (_, index) => ({
      siteAccessKey: K1.replace(/^.{3}/, String(index).padStart(3, '0')),
      session: `s${index}`,
    }));
    writeSites(bench, {}, sites);
    const application = await bench.application(station);
    const stuck = await bench.application(() => undefined, { path: bench.path('stuck.sock') });
    stuck.pause();
    // The first site has its own application, which is stuck; the others share one.
    const { symlinkSync } = await import('node:fs');
    for (const { session } of sites) {
      symlinkSync(
        session === 's0' ? bench.path('stuck.sock') : bench.socketPath,
        bench.path(`${session}.pay`),
      );
    }
    server = await PlayedServer.listen(bench);
    const args = [
      '--dialect',
      'openfsc',
      '--sites',
      bench.path('sites.json'),
      '--app',
      `unix:${bench.path('{identity}.pay')}`,
    ];
    const bridge = bench.startBridge([...args, '--wire', `tcp:127.0.0.1:${server.port}`, '--timeout', '2']);
    const side = await server.next();
    const count = (pattern: RegExp) => side.lines.filter((line) => pattern.test(line)).length;
    await side.wait('200 logins', () => (count(LOGIN) === 200 ? true : undefined));
    for (const { session } of sites) {
      side.say(`${session}.S1 PUMPS`, `${session}.S2 HEARTBEAT 2026-01-01T00:00:00Z`);
    }
    await side.wait('199 answers', () => (count(/^s\d+\.S1 OK$/) === 199 ? true : undefined));
    await side.wait('200 heartbeats', () => (count(/^s\d+\.S2 OK$/) === 200 ? true : undefined));
    expect(side.lines).not.toContain('s0.S1 OK');
    expect(application.requests('openfsc.pumps')).toHaveLength(199);
    expect(await side.line(/^s0\.S1 ERR 500 /)).toBeDefined();
    bridge.signal('SIGTERM');
    await side.line(/^\* QUIT /);
    server.sockets[0]?.end();
    expect(await bridge.exited).toEqual(exitedWith(0));
  });

  test('a second wire carries the same site with the next priority', async () => {
    writeSites(bench);
    await bench.application(station);
    const [main, second] = [await PlayedServer.listen(bench), await PlayedServer.listen(bench)];
    start(['--standby', `tcp:127.0.0.1:${second.port}`], `tcp:127.0.0.1:${main.port}`);
    const [one, two] = [await main.next(), await second.next()];
    await one.line('C1 NEWSESSION s1 1');
    await two.line('C1 NEWSESSION s1 2');
    await two.line(/^s1\.C0 PLAINAUTH/);
    two.say('s1.* SESSIONMODE active', 's1.S1 PUMPS');
    await two.line('s1.S1 OK');
    main.close();
    second.close();
  });
});

describe('over WebSocket', () => {
  test.each([
    ['UTF-8', false],
    ['WINDOWS-1252', true],
  ])('a line a message, in %s', async (charset, isBinary) => {
    writeSites(bench, { charsets: [charset] });
    await bench.application(station);
    const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/ws/text' });
    const messages: { text: string; isBinary: boolean }[] = [];
    const connected = new Promise<ServerSide>((resolve) => {
      sockets.on('connection', (socket, request) => {
        expect(request.headers['sec-websocket-protocol']).toBeUndefined();
        // Half a line, and several, in a message of either kind.
        const side = new ServerSide((text) => {
          socket.send(text.slice(0, 5), { binary: true });
          socket.send(text.slice(5), { binary: false });
        });
        socket.on('message', (data: Buffer, binary) => {
          messages.push({ text: data.toString('latin1'), isBinary: binary });
          side.received(data.toString('latin1'));
        });
        socket.on('close', () => side.over());
        side.say(CAPABILITIES);
        resolve(side);
      });
    });
    await new Promise((resolve) => sockets.once('listening', resolve));
    const address = sockets.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const bridge = start([], `ws://127.0.0.1:${port}/ws/text`);
    const side = await connected;
    await side.line(LOGIN);
    side.say('S1 PRICES');
    await side.line('S1 OK');
    expect(messages.every(({ text }) => /^[^\r\n]+\r\n$/.test(text))).toBe(true);
    const price = messages.find(({ text }) => text.startsWith('* PRICE'));
    expect(price?.text).toContain(isBinary ? 'M\xfcller \x80' : 'M\xc3\xbcller \xe2\x82\xac');
    expect(price?.isBinary).toBe(isBinary);
    bridge.signal('SIGTERM');
    expect(await bridge.exited).toEqual(exitedWith(0));
    sockets.close();
    for (const client of sockets.clients) client.terminate();
  });
});
