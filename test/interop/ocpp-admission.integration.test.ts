import { readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Certificates } from '../kit/certificates.ts';
import { exitedWith, Workbench } from './kit.ts';
import { httpStatus, RawChargePoint, startCentral } from './ocpp-kit.ts';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const APP = ['--app', 'simulator:'];
const basic = (name: string, password: Buffer | string) => ({
  headers: {
    Authorization: `Basic ${Buffer.concat([Buffer.from(`${name}:`), Buffer.from(password)]).toString('base64')}`,
  },
});
const statusOf = (opening: Promise<unknown>) =>
  opening.then(
    () => 'open',
    (fault: Error) => fault.message,
  );

const upgradeOf = (target: string, more: string) =>
  `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${more}\r\n`;

/** A file of charge points that `posbridge charger add` has written, and their keys. */
async function chargers(
  ...identities: string[]
): Promise<{ readonly file: string; readonly keys: string[] }> {
  const file = bench.path('chargers.json');
  const keys: string[] = [];
  for (const identity of identities) {
    const adding = bench.start('posbridge', ['charger', 'add', identity, '--chargers', file]);
    const [key = ''] = (await adding.stdout.waitFor(/^[0-9a-f]{40}$/m)) as string[];
    expect(await adding.exited).toEqual(exitedWith(0));
    keys.push(key);
  }
  return { file, keys };
}

describe('a path', () => {
  test('ends in the identity, decoded: with a space, a slash, a colon, a percent sign, other letters', async () => {
    const { server, url } = await startCentral(bench, APP);
    for (const identity of ['CP 1', 'A/B', 'A:B', '100%', 'Größe']) {
      await RawChargePoint.booted(`${url}/${encodeURIComponent(identity)}`);
      const point = bench.start('posbridge', [
        'charger',
        'show',
        identity,
        '--json',
        '--database',
        `sqlite:${bench.path('ocpp.db')}`,
      ]);
      const [line = ''] = (await point.stdout.waitFor(/^\{.*\}$/m)) as string[];
      expect(JSON.parse(line)).toMatchObject({ identity, registration: 'Accepted' });
    }
    expect(server.isRunning).toBe(true);
  });

  test('that ends in no identity is refused with 404, and the process lives on', async () => {
    const { server, url, port } = await startCentral(bench, APP);
    const targets = [
      ...['/ocpp', '/ocpp/', '/ocpp/%E0%A4%A', '/ocpp/%00', '/ocpp/a/b'],
      ...[`/ocpp/${'x'.repeat(65)}`, '/other/CP1'],
    ];
    for (const target of targets) {
      const request = upgradeOf(target, 'Sec-WebSocket-Protocol: ocpp1.6\r\n');
      expect([target, await httpStatus(port, request)]).toEqual([target, '404']);
    }
    await RawChargePoint.open(`${url}/CP001`);
    expect(server.isRunning).toBe(true);
  });
});

describe('a subprotocol', () => {
  test('has to be offered, in whatever place; ocpp1.6 is what is selected', async () => {
    const { url } = await startCentral(bench, APP);
    const open = (offered: string[]) => RawChargePoint.open(`${url}/CP001`, {}, offered);
    expect(await statusOf(open([]))).toBe('400');
    expect(await statusOf(open(['ocpp2.0.1']))).toBe('400');
    for (const offered of [['ocpp1.6'], ['ocpp2.0.1', 'ocpp1.6'], ['ocpp1.5', 'ocpp1.6']])
      expect((await open(offered)).ws.protocol).toBe('ocpp1.6');
  });

  test('offered twice is no offer', async () => {
    const { port } = await startCentral(bench, APP);
    const offer = 'Sec-WebSocket-Protocol: ocpp1.6\r\n';
    expect(await httpStatus(port, upgradeOf('/ocpp/CP001', offer + offer))).toBe('400');
    expect(await httpStatus(port, upgradeOf('/ocpp/CP001', 'Sec-WebSocket-Protocol: ,;\r\n'))).toBe('400');
  });
});

test('a plain request is told that this is for WebSocket', async () => {
  const { port } = await startCentral(bench, APP);
  expect(await httpStatus(port, 'GET /ocpp/CP001 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toBe(
    '426',
  );
});

test('a busy port is one clear line, and status 111', async () => {
  const busy = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => busy.once('listening', resolve));
  const { port } = busy.address() as { port: number };
  const args = ['serve', '--dialect', 'ocpp1.6', '--listen', `ws://127.0.0.1:${port}/ocpp`, ...APP];
  const server = bench.start('posbridge', [...args, '--database', `sqlite:${bench.path('o.db')}`]);
  expect(await server.exited).toEqual(exitedWith(111));
  expect(server.errors).toMatch(/address already in use/);
  busy.close();
});

describe('with --chargers', () => {
  test('an unknown identity gets 404, a wrong password 401, the right one is let in, as text and as bytes', async () => {
    const { file, keys } = await chargers('CP001', 'CP:2');
    const [key = '', other = ''] = keys;
    const { server, url } = await startCentral(bench, [...APP, '--chargers', file]);
    const open = (identity: string, name: string, password: Buffer | string) =>
      statusOf(RawChargePoint.open(`${url}/${encodeURIComponent(identity)}`, basic(name, password)));
    expect(await open('CP009', 'CP009', key)).toBe('404');
    expect(await open('CP001', 'CP001', other)).toBe('401');
    expect(await open('CP001', 'CP:2', other)).toBe('401');
    expect(await open('CP001', 'CP002', key)).toBe('401');
    expect(await statusOf(RawChargePoint.open(`${url}/CP001`))).toBe('401');
    expect(await open('CP001', 'CP001', key)).toBe('open');
    expect(await open('CP001', 'CP001', key.toUpperCase())).toBe('open');
    expect(await open('CP001', 'CP001', Buffer.from(key, 'hex'))).toBe('open');
    expect(await open('CP:2', 'CP:2', other)).toBe('open');
    expect(server.errors).not.toContain(key);
    expect(server.errors).not.toContain(other);
  });

  test('a password of a person’s own may hold colons', async () => {
    await writeFile(bench.path('password'), 'a:b:c\n');
    const file = bench.path('chargers.json');
    const adding = bench.start('posbridge', [
      'charger',
      'add',
      'CP001',
      '--chargers',
      file,
      '--password-file',
      bench.path('password'),
    ]);
    expect(await adding.exited).toEqual(exitedWith(0));
    const { url } = await startCentral(bench, [...APP, '--chargers', file]);
    expect(await statusOf(RawChargePoint.open(`${url}/CP001`, basic('CP001', 'a:b:c')))).toBe('open');
    expect(await statusOf(RawChargePoint.open(`${url}/CP001`, basic('CP001', 'a:b')))).toBe('401');
  });

  test('a password over TLS is security profile 2, and a charge point that has to use it may use no other', async () => {
    const certificates = new Certificates(bench.folder);
    certificates.root('root');
    certificates.signed('localhost', 'root', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    const { file, keys } = await chargers('CP001', 'CP002');
    const [key = '', other = ''] = keys;
    const entries = JSON.parse(await readFile(file, 'utf8'));
    entries.chargers[0].profile = 2;
    entries.chargers[1].profile = 1;
    await writeFile(file, JSON.stringify(entries));
    const tls = ['--tls-cert', certificates.pem('localhost'), '--tls-key', certificates.key('localhost')];
    const listen = ['--listen', 'wss://127.0.0.1:0/ocpp', '--listen', 'ws://127.0.0.1:0/ocpp', ...tls];
    const { server, url: secure } = await startCentral(bench, [...APP, '--chargers', file, ...listen]);
    const [, plain = ''] = await server.says(/(ws:[^\s"]+)/);
    const { cert: ca } = certificates.read('root');
    const open = (url: string, identity: string, password: string) =>
      statusOf(RawChargePoint.open(`${url}/${identity}`, { ca, ...basic(identity, password) }));
    expect(await open(secure, 'CP001', key)).toBe('open');
    expect(await open(secure, 'CP001', other)).toBe('401');
    expect(await statusOf(RawChargePoint.open(`${secure}/CP001`, { ca }))).toBe('401');
    expect(await open(plain, 'CP001', key)).toBe('403');
    expect(await open(secure, 'CP002', other)).toBe('403');
    expect(await open(plain, 'CP002', other)).toBe('open');
    expect(await statusOf(RawChargePoint.open(`${secure}/CP001`, basic('CP001', key)))).toMatch(
      /self-signed|unable to/,
    );
  });

  test('a certificate has to be that of the charge point, and a profile is the one that is demanded', async () => {
    const certificates = new Certificates(bench.folder);
    certificates.root('root');
    certificates.signed('localhost', 'root', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    certificates.signed('cp1', 'root', 'extendedKeyUsage=clientAuth', { subject: '/O=Operator/CN=SN-1' });
    certificates.signed('cp2', 'root', 'extendedKeyUsage=clientAuth', { subject: '/O=Operator/CN=SN-2' });
    const file = bench.path('chargers.json');
    const entries = [
      { identity: 'CP001', commonName: 'SN-1', organization: 'Operator', profile: 3 },
      { identity: 'CP002', commonName: 'SN-1', organization: 'Another' },
      { identity: 'CP003', profile: 0 },
    ];
    await writeFile(file, JSON.stringify({ chargers: entries }));
    const tls = ['--tls-cert', certificates.pem('localhost'), '--tls-key', certificates.key('localhost')];
    const listen = [
      '--listen',
      'wss://127.0.0.1:0/ocpp',
      ...tls,
      '--tls-client-ca',
      certificates.pem('root'),
    ];
    const { url } = await startCentral(bench, [...APP, '--chargers', file, ...listen]);
    const { cert: ca } = certificates.read('root');
    const open = (identity: string, as: string) =>
      statusOf(RawChargePoint.open(`${url}/${identity}`, { ca, ...certificates.read(as) }));
    expect(await open('CP001', 'cp1')).toBe('open');
    expect(await open('CP001', 'cp2')).toBe('403');
    expect(await open('CP002', 'cp1')).toBe('403');
    expect(await open('CP003', 'cp1')).toBe('open');
  });

  test('a file that changes is read again: who was added is let in, who was removed or has a new key is turned out', async () => {
    const { file, keys } = await chargers('CP001', 'CP002', 'CP003');
    const { server, url } = await startCentral(bench, [...APP, '--chargers', file]);
    const open = (identity: string, key = '') =>
      RawChargePoint.open(`${url}/${identity}`, basic(identity, key));
    const [one, two, three] = await Promise.all(keys.map((key, index) => open(`CP00${index + 1}`, key)));
    const { keys: added } = await chargers('CP004');
    expect(await statusOf(open('CP004', added[0]))).toBe('open');
    const before = JSON.parse(await readFile(file, 'utf8')).chargers;
    const now = [before[0], { ...before[1], password: before[3].password }, before[3]];
    await writeFile(bench.path('fresh'), JSON.stringify({ chargers: now }));
    await rename(bench.path('fresh'), file);
    await Promise.all([two, three].map((point) => point?.until(() => undefined)));
    expect([two, three].map((point) => point?.closed?.code)).toEqual([1000, 1000]);
    expect(await statusOf(open('CP002', keys[1]))).toBe('401');
    expect(await statusOf(open('CP002', added[0]))).toBe('open');
    expect(await statusOf(open('CP003', keys[2]))).toBe('404');
    await writeFile(file, '{"chargers":');
    await server.says(/the charge points stay as they are/);
    expect(await statusOf(open('CP004', added[0]))).toBe('open');
    expect(one?.closed).toBeUndefined();
  });

  test('a file that cannot be used is said at the start', async () => {
    await writeFile(bench.path('chargers.json'), '{"chargers":[{"identity":"CP001","password":"plain"}]}');
    const args = ['serve', '--dialect', 'ocpp1.6', '--listen', 'ws://127.0.0.1:0/ocpp', ...APP];
    const server = bench.start('posbridge', [...args, '--chargers', bench.path('chargers.json')]);
    expect(await server.exited).toEqual(exitedWith(100));
    expect(server.errors).toMatch(/chargers\[0\]: a hash is wanted/);
    expect(server.errors).not.toContain('plain"');
  });
});
