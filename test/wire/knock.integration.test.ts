import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { deferred } from '../../src/base/deferred.ts';
import type { Admission, Knock } from '../../src/base/knock.ts';
import { type Listener, type ListenOptions, listen } from '../../src/wire/listen.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { Certificates } from '../kit/certificates.ts';
import { temporaryFolder } from './bundle.ts';
import { wsEndpoint } from './endpoints.ts';

const listeners: Listener[] = [];
const clients: WebSocket[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  for (const listener of listeners.splice(0)) await listener.close();
});

/** A listener that tells what it was asked, and answers as `admit` does. */
async function door(
  admit: (knock: Knock) => Admission | Promise<Admission>,
  options: Partial<ListenOptions> & { readonly path?: string; readonly secure?: boolean } = {},
) {
  const { path = '/ocpp', secure = false, ...more } = options;
  const knocks: Knock[] = [];
  const wires: Wire[] = [];
  const faults: string[] = [];
  const listener = await listen(
    { ...wsEndpoint(0, path), secure },
    {
      takesPathsBelow: true,
      admit: (knock) => {
        knocks.push(knock);
        return admit(knock);
      },
      onWire: (wire) => wires.push(wire),
      onFault: (fault) => faults.push(fault.message),
      ...more,
    },
  );
  listeners.push(listener);
  return { knocks, wires, faults, base: listener.address.replace(/\/\w*$/, '') };
}

function dial(url: string, protocols: string[] = [], options: ClientOptions = {}): WebSocket {
  const client = new WebSocket(url, protocols, options);
  client.on('error', () => {});
  clients.push(client);
  return client;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** What the server answers: 101 where it opens a WebSocket. */
function answered(client: WebSocket): Promise<Answer> {
  return new Promise((resolve, reject) => {
    client.once('error', reject);
    client.once('upgrade', ({ headers }) => resolve({ status: 101, headers, text: '' }));
    client.once('unexpected-response', async (_request, response) => {
      let text = '';
      for await (const part of response) text += part;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
  });
}

const opened = async (client: WebSocket) => {
  await new Promise((resolve) => client.once('open', resolve));
  return client;
};

describe('who knocks', () => {
  test('is told by path, subprotocols, headers and credentials, and admitted as somebody', async () => {
    const { knocks, wires, base } = await door(() => ({
      identity: 'CP 1',
      subprotocol: 'ocpp1.6',
      headers: { Server: 'posbridge' },
    }));
    const password = Buffer.from([0x00, 0x3a, 0xff, 0x80]);
    const login = Buffer.concat([Buffer.from('CP 1:'), password]).toString('base64');
    const headers = { Authorization: `Basic ${login}`, 'X-Vfi-Pinpad-Id': ['1', '2'] };
    const client = dial(`${base}/ocpp/CP%201?x=/ocpp/`, ['ocpp2.0.1', 'ocpp1.6'], {
      headers: headers as unknown as Record<string, string>,
    });
    const answer = answered(client);
    await opened(client);
    expect(client.protocol).toBe('ocpp1.6');
    expect((await answer).headers).toMatchObject({ server: 'posbridge' });
    expect(wires[0]?.peer).toEqual({ address: '127.0.0.1', text: '127.0.0.1', identity: 'CP 1' });
    expect(knocks).toEqual([
      {
        path: 'CP%201',
        rawPath: '/ocpp/CP%201?x=/ocpp/',
        subprotocols: ['ocpp2.0.1', 'ocpp1.6'],
        headers: expect.objectContaining({ 'x-vfi-pinpad-id': ['1', '2'], upgrade: ['websocket'] }),
        credentials: { name: 'CP 1', password },
        address: '127.0.0.1',
        isEncrypted: false,
      },
    ]);
  });

  test.each([
    ['/ocpp', ''],
    ['/ocpp/', ''],
    ['/ocpp/a/b', 'a/b'],
    ['/ocpp//a', '/a'],
    ['/ocpp/%E0%A4%A', '%E0%A4%A'],
    ['/ocpp/a%2Fb', 'a%2Fb'],
  ])('under %s is passed on as it was sent', async (path, below) => {
    const { knocks, base } = await door(() => ({}));
    await opened(dial(base + path));
    expect(knocks[0]).toMatchObject({ path: below, rawPath: path });
  });

  test('may stand below a listener without a path', async () => {
    const { knocks, base } = await door(() => ({}), { path: '/' });
    await opened(dial(`${base}/CP001`));
    expect(knocks[0]?.path).toBe('CP001');
  });

  test.each(['/', '/ocp', '/ocppx', '/OCPP/a', '/a/ocpp'])('beside the path, at %s, is 404', async (path) => {
    const { knocks, base } = await door(() => ({}));
    expect(await answered(dial(base + path))).toMatchObject({ status: 404 });
    expect(knocks).toEqual([]);
  });

  test('below the path is 404 unless paths below it are wanted', async () => {
    const { base } = await door(() => ({}), { takesPathsBelow: false });
    expect(await answered(dial(`${base}/ocpp/CP001`))).toMatchObject({ status: 404 });
  });

  test.each(['Basic', 'Basic ?', 'Basic bm8gY29sb24=', 'Bearer YTpi'])(
    'has no credentials that are worth the name in %j',
    async (authorization) => {
      const { knocks, base } = await door(() => ({}));
      await opened(dial(`${base}/ocpp/a`, [], { headers: { authorization } }));
      expect(knocks[0]).not.toHaveProperty('credentials');
    },
  );

  test('with an Origin is refused, unless the peers have one of their own', async () => {
    const strict = await door(() => ({}));
    const origin = 'http://192.0.2.7';
    expect(await answered(dial(`${strict.base}/ocpp`, [], { origin }))).toMatchObject({ status: 403 });
    const own = await door(() => ({}), { ignoresOrigin: true });
    await opened(dial(`${own.base}/ocpp`, [], { origin }));
    expect(own.knocks[0]?.headers['origin']).toEqual([origin]);
  });
});

describe('who is not admitted', () => {
  test('hears status, reason and headers, and the log says who it was', async () => {
    const headers = { 'WWW-Authenticate': 'Basic realm="ocpp"' };
    const { base, faults, wires } = await door(() => ({ status: 401, why: 'wrong password', headers }));
    expect(await answered(dial(`${base}/ocpp/CP001`))).toEqual({
      status: 401,
      headers: expect.objectContaining({ 'www-authenticate': 'Basic realm="ocpp"', connection: 'close' }),
      text: 'wrong password\n',
    });
    expect(faults).toEqual(['WIRE_FAULT: refused a WebSocket from 127.0.0.1: wrong password (401)']);
    expect(wires).toEqual([]);
  });

  test('because nobody can decide hears 500 without the reason', async () => {
    const { base, faults } = await door(() => Promise.reject(new Error('no such table: chargers')));
    const { status, text } = await answered(dial(`${base}/ocpp/CP001`));
    expect([status, text]).toEqual([500, 'this cannot be decided at the moment\n']);
    expect(faults[0]).toContain('no such table: chargers');
  });

  test('is who is answered with a header that would begin another one', async () => {
    const { base } = await door(() => ({ headers: { Server: 'a\r\nSet-Cookie: b' } }));
    const { status, headers } = await answered(dial(`${base}/ocpp`));
    expect([status, headers['set-cookie']]).toEqual([500, undefined]);
  });

  test('and is gone before it is decided is forgotten', async () => {
    const decision = deferred<Admission>();
    const { base, knocks, wires, faults } = await door(({ path }) =>
      path === 'slow' ? decision.promise : {},
    );
    const client = dial(`${base}/ocpp/slow`);
    while (knocks.length === 0) await new Promise(setImmediate);
    client.terminate();
    await opened(dial(`${base}/ocpp/next`));
    decision.resolve({});
    await opened(dial(`${base}/ocpp/last`));
    expect([wires.length, faults]).toEqual([2, []]);
  });

  test('while the decision takes its time nobody else waits for it, and closing ends it', async () => {
    const { base, wires } = await door(({ path }) => (path === 'slow' ? new Promise(() => {}) : {}));
    const slow = dial(`${base}/ocpp/slow`);
    const ended = new Promise((resolve) => slow.once('close', resolve));
    await opened(dial(`${base}/ocpp/fast`));
    expect(wires).toHaveLength(1);
    for (const listener of listeners.splice(0)) await listener.close();
    await ended;
  });
});

test('a client certificate names its owner', async () => {
  const certificates = new Certificates(temporaryFolder());
  certificates.root('root');
  certificates.signed('server', 'root', 'subjectAltName=IP:127.0.0.1');
  certificates.signed('charger', 'root', 'extendedKeyUsage=clientAuth', { subject: '/O=Grid/CN=CP001' });
  certificates.signed('two', 'root', 'extendedKeyUsage=clientAuth', { subject: '/CN=CP001/CN=CP002' });
  const ca = certificates.pem('root');
  const tls = { cert: certificates.pem('server'), key: certificates.key('server'), ca };
  const { knocks, base } = await door(() => ({}), { secure: true, tls });
  for (const name of ['charger', 'two']) {
    const options = { ...certificates.read(name), ca: certificates.read('root').cert };
    await opened(dial(`${base}/ocpp/CP001`, [], options));
  }
  expect(knocks.map(({ isEncrypted }) => isEncrypted)).toEqual([true, true]);
  expect(knocks[0]?.certificate).toEqual({ commonName: 'CP001', organization: 'Grid' });
  expect(knocks[1]).not.toHaveProperty('certificate');
});

describe('a header with white space before its colon', () => {
  /** As the documentation of a terminal prints it. */
  const HANDSHAKE = [
    'GET / HTTP/1.1',
    'Host: 127.0.0.1',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    'x-vfi-pinpad-id : 1',
    'x-other\t: a : b',
    '',
    '',
  ].join('\r\n');

  async function answerTo(base: string, pieces: readonly string[]): Promise<string> {
    const socket = connect(Number(new URL(base).port), '127.0.0.1')
      .setEncoding('latin1')
      .setNoDelay();
    try {
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise(setImmediate);
      }
      const [text] = await once(socket, 'data');
      return String(text);
    } finally {
      socket.destroy();
    }
  }

  test('is refused, as HTTP wants it', async () => {
    const { base, knocks } = await door(() => ({}), { path: '/' });
    expect(await answerTo(base, [HANDSHAKE])).toMatch(/^HTTP\/1\.1 400 /);
    expect(knocks).toEqual([]);
  });

  test.each([
    ['whole', [HANDSHAKE]],
    ['byte by byte', [...HANDSHAKE]],
    ['with what comes behind it', [`${HANDSHAKE}\x89\x80\0\0\0\0`]],
  ])('is taken where the protocol wants it: %s', async (_, pieces) => {
    const { base, knocks } = await door(() => ({}), { path: '/', mendsHeaders: true });
    expect(await answerTo(base, pieces)).toMatch(/^HTTP\/1\.1 101 /);
    expect(knocks[0]?.headers).toMatchObject({ 'x-vfi-pinpad-id': ['1'], 'x-other': ['a : b'] });
  });

  test('changes nothing for everybody else, encrypted or not', async () => {
    const certificates = new Certificates(temporaryFolder());
    certificates.root('root');
    certificates.signed('server', 'root', 'subjectAltName=IP:127.0.0.1');
    const tls = { cert: certificates.pem('server'), key: certificates.key('server') };
    for (const secure of [true, false]) {
      const { base, knocks } = await door(() => ({}), { mendsHeaders: true, secure, tls });
      await opened(dial(`${base}/ocpp/a`, [], { ca: certificates.read('root').cert }));
      expect(knocks).toHaveLength(1);
    }
  });

  test.each([
    ['no HTTP', `nonsense\r\n\r\n`, /^HTTP\/1\.1 400 /],
    ['too much of it', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`, /^HTTP\/1\.1 431 /],
  ])('is not looked for in %s', async (_, text, answer) => {
    const { base } = await door(() => ({}), { path: '/', mendsHeaders: true });
    expect(await answerTo(base, [text])).toMatch(answer);
  });
});
