import { writeFile } from 'node:fs/promises';
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

  test.each([
    '/ocpp',
    '/ocpp/',
    '/ocpp/%E0%A4%A',
    '/ocpp/%00',
    '/ocpp/a/b',
    `/ocpp/${'x'.repeat(65)}`,
    '/other/CP1',
  ])('%s is refused with 404, and the process lives on', async (target) => {
    const { server, url, port } = await startCentral(bench, APP);
    const request = upgradeOf(target, 'Sec-WebSocket-Protocol: ocpp1.6\r\n');
    expect(await httpStatus(port, request)).toBe('404');
    await RawChargePoint.open(`${url}/CP001`);
    expect(server.isRunning).toBe(true);
  });
});

describe('a subprotocol', () => {
  test.each([
    [[], '400'],
    [['ocpp2.0.1'], '400'],
    [['ocpp1.6'], 'open'],
    [['ocpp2.0.1', 'ocpp1.6'], 'open'],
    [['ocpp1.5', 'ocpp1.6'], 'open'],
  ])('%j: %s', async (offered, outcome) => {
    const { url } = await startCentral(bench, APP);
    expect(await statusOf(RawChargePoint.open(`${url}/CP001`, {}, offered))).toBe(outcome);
  });

  test('ocpp1.6 is what is selected', async () => {
    const { url } = await startCentral(bench, APP);
    const { ws } = await RawChargePoint.open(`${url}/CP001`, {}, ['ocpp2.0.1', 'ocpp1.6']);
    expect(ws.protocol).toBe('ocpp1.6');
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

  test('a file that cannot be used is said at the start', async () => {
    await writeFile(bench.path('chargers.json'), '{"chargers":[{"identity":"CP001","password":"plain"}]}');
    const args = ['serve', '--dialect', 'ocpp1.6', '--listen', 'ws://127.0.0.1:0/ocpp', ...APP];
    const server = bench.start('posbridge', [...args, '--chargers', bench.path('chargers.json')]);
    expect(await server.exited).toEqual(exitedWith(100));
    expect(server.errors).toMatch(/chargers\[0\]: a hash is wanted/);
    expect(server.errors).not.toContain('plain"');
  });
});
