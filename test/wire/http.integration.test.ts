import { request } from 'node:http';
import { request as requestSecurely } from 'node:https';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { deferred } from '../../src/base/deferred.ts';
import type { HttpEndpoint } from '../../src/endpoint/endpoint.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import { HANDSHAKE_LIMIT_MS } from '../../src/wire/handshakes.ts';
import { type ConnectHttpOptions, connectHttp } from '../../src/wire/http-wire.ts';
import { type Listener, type ListenOptions, listen } from '../../src/wire/listen.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { Certificates } from '../kit/certificates.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { temporaryFolder } from './bundle.ts';
import { Recorder } from './recorder.ts';

/** Messages that are posted: our listener with Node's own client, and both of our ends with each other. */

const listeners: Listener[] = [];
const wires: Wire[] = [];

afterEach(async () => {
  for (const wire of wires.splice(0)) wire.destroy();
  for (const listener of listeners.splice(0)) await listener.close();
});

async function listening(options: Partial<ListenOptions> = {}, scheme = 'http') {
  const accepted: Recorder[] = [];
  const waiting: ((wire: Recorder) => void)[] = [];
  const faults: string[] = [];
  const listener = await listen(parseEndpoint(`${scheme}://127.0.0.1:0/nexo`, 'listen'), {
    onWire: (wire) => {
      wires.push(wire);
      const recorder = new Recorder(wire).start();
      accepted.push(recorder);
      waiting.shift()?.(recorder);
    },
    onFault: (fault) => faults.push(fault.message),
    ...options,
  });
  listeners.push(listener);
  const next = () => new Promise<Recorder>((resolve) => waiting.push(resolve));
  return { url: listener.address, accepted, faults, next };
}

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

function post(
  url: string,
  body: string | Buffer,
  options: Parameters<typeof requestSecurely>[1] = {},
): Promise<Reply> {
  const start = url.startsWith('https:') ? requestSecurely : request;
  return new Promise((resolve, reject) => {
    const asking = start(url, { method: 'POST', agent: false, ...options }, async (answer) => {
      let text = '';
      try {
        for await (const part of answer) text += part;
      } catch (fault) {
        reject(fault);
      }
      resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers });
    });
    asking.on('error', reject);
    asking.end(body);
  });
}

describe('a listener for posted messages', () => {
  test('makes a wire of each, whose first write is the answer', async () => {
    const { url, next } = await listening();
    const coming = next();
    const reply = post(url, '{"a":1}', { headers: { 'Content-Type': 'text/nonsense' } });
    const wire = await coming;
    expect([wire.wire.framing, wire.wire.peer.text]).toEqual(['exchange', '127.0.0.1']);
    await wire.received(7);
    expect(await wire.write('{"b":"ü"}')).toBeUndefined();
    wire.wire.endOutput();
    expect(await reply).toMatchObject({ status: 200, text: '{"b":"ü"}' });
    expect((await reply).headers['content-type']).toBe('application/json; charset=utf-8');
    expect(await wire.closed).toBeUndefined();
    expect(wire.outline).toEqual(['chunk', 'done', 'end', 'closed']);
    expect(wire.violations).toEqual([]);
  });

  test('says 204 for an empty answer', async () => {
    const { url, next } = await listening();
    const coming = next();
    const reply = post(url, '{}');
    await (await coming).write('');
    expect(await reply).toMatchObject({ status: 204, text: '' });
  });

  test('says nothing after the first answer', async () => {
    const { url, next } = await listening();
    const coming = next();
    const reply = post(url, '{}');
    const wire = await coming;
    wire.onChunk = () => {};
    void wire.write('first').then(() => wire.write('second'));
    expect(await reply).toMatchObject({ status: 200, text: 'first' });
  });

  test.each(['endOutput', 'destroy', 'reset'] as const)(
    'breaks the connection after %s without an answer',
    async (end) => {
      const { url, next } = await listening();
      const coming = next();
      const reply = post(url, '{}').catch(({ code }) => code);
      const wire = await coming;
      await wire.received(2);
      wire.wire[end]?.();
      expect(await reply).toBe('ECONNRESET');
      expect(await wire.closed).toBeUndefined();
    },
  );

  test('serves one message after the other on one connection', async () => {
    const { url, accepted } = await listening();
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1').setEncoding('utf8');
    let text = '';
    socket.on('data', (part) => {
      text += part;
    });
    for (let count = 1; count <= 3; count += 1) {
      socket.write('POST /nexo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
      while (accepted.length < count) await new Promise(setImmediate);
      const wire = accepted[count - 1];
      await wire?.write(`answer ${count}`);
      wire?.wire.endOutput();
      while (!text.includes(`answer ${count}`)) await new Promise(setImmediate);
      wire?.destroy();
    }
    expect(text.match(/HTTP\/1.1 200/g)).toHaveLength(3);
    socket.destroy();
  });

  test('notices a peer that does not wait for its answer', async () => {
    const { url, next } = await listening();
    const coming = next();
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('POST /nexo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
    const wire = await coming;
    await wire.received(2);
    socket.destroy();
    expect(await wire.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(wire.order).toEqual(['chunk', 'closed']);
  });

  test('keeps a message back while it is paused', async () => {
    const paused: Recorder[] = [];
    const { url } = await listening({
      onWire: (wire) => {
        wires.push(wire);
        wire.pause();
        paused.push(new Recorder(wire).start());
      },
    });
    const reply = post(url, '{}');
    while (paused.length === 0) await new Promise(setImmediate);
    for (let turns = 0; turns < 10; turns += 1) await new Promise(setImmediate);
    expect(paused[0]?.bytes).toBe(0);
    paused[0]?.wire.resume();
    await paused[0]?.received(2);
    await paused[0]?.write('late');
    expect((await reply).text).toBe('late');
  });

  test.each([
    ['/nexo/', 'POST', '{}', {}, 404],
    ['/', 'POST', '{}', {}, 404],
    ['/nexo', 'GET', '', {}, 405],
    ['/nexo', 'POST', '', {}, 400],
    ['/nexo', 'POST', 'x'.repeat(101), {}, 413],
    ['/nexo', 'POST', '{}', { Origin: 'https://shop.example' }, 403],
  ])('refuses at %s %s with %#', async (path, method, body, headers, status) => {
    const { url, accepted, faults } = await listening({ maxMessageBytes: 100 });
    const reply = await post(new URL(path, url).href, body, { method, headers });
    expect(reply.status).toBe(status);
    expect(accepted).toEqual([]);
    expect(faults).toEqual([
      expect.stringMatching(new RegExp(`^WIRE_FAULT: refused a request from 127.0.0.1: .*\\(${status}`)),
    ]);
  });

  test('takes the query and the largest message, and asks who it is', async () => {
    const { url, next } = await listening({ maxMessageBytes: 100, admit: () => ({ identity: 'till 1' }) });
    const coming = next();
    const reply = post(`${url}?x=1`, 'x'.repeat(100));
    const wire = await coming;
    expect(wire.wire.peer.identity).toBe('till 1');
    await wire.write('ok');
    expect((await reply).status).toBe(200);
  });

  test('is cut off when it sends a body too slowly', async () => {
    const clock = new FakeClock();
    const asked = deferred<void>();
    const admit = () => {
      asked.resolve();
      return {};
    };
    const { url, accepted } = await listening({ clock, admit });
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    const gone = new Promise((resolve) =>
      socket
        .once('close', resolve)
        .on('error', () => {})
        .resume(),
    );
    socket.write('POST /nexo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
    await asked.promise;
    clock.advance(HANDSHAKE_LIMIT_MS);
    await gone;
    expect(accepted).toEqual([]);
  });

  test('finishes what is under way when it is closed', async () => {
    const { url, next } = await listening();
    const coming = next();
    const reply = post(url, '{}');
    const wire = await coming;
    for (const listener of listeners.splice(0)) await listener.close();
    await wire.write('still');
    expect((await reply).text).toBe('still');
    await expect(post(url, '{}')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

const endpointOf = (url: string) =>
  parseEndpoint(`nexo+${url}`, 'terminal') as unknown as { place: HttpEndpoint };

async function posting(url: string, options: ConnectHttpOptions = {}): Promise<Recorder> {
  const wire = await connectHttp(endpointOf(url).place, options);
  wires.push(wire);
  return new Recorder(wire).start();
}

describe('a wire that posts', () => {
  test('gets the answers of several requests under way, each as it comes', async () => {
    const { url, accepted } = await listening();
    const wire = await posting(url);
    expect(await wire.write('payment')).toBeUndefined();
    expect(await wire.write('abort')).toBeUndefined();
    while (accepted.length < 2) await new Promise(setImmediate);
    await Promise.all(accepted.map((one) => one.received(5)));
    const answered = accepted.find(({ text }) => text === 'abort');
    await answered?.write('');
    await accepted.find(({ text }) => text === 'payment')?.write('paid');
    await wire.received(4);
    expect(wire.chunks.map(String)).toEqual(['paid']);
    wire.wire.endOutput();
    expect(await wire.closed).toBeUndefined();
    expect(wire.violations).toEqual([]);
  });

  test('waits for the answers that are due after the end of its output', async () => {
    const { url, next } = await listening();
    const coming = next();
    const wire = await posting(url);
    void wire.write('payment');
    const other = await coming;
    wire.wire.endOutput();
    await other.write('paid');
    expect(await wire.closed).toBeUndefined();
    expect(wire.text).toBe('paid');
  });

  test('ends with the reason when a request fails', async () => {
    const { url, next } = await listening();
    const coming = next();
    const wire = await posting(url);
    void wire.write('payment');
    (await coming).destroy();
    expect(await wire.closed).toMatchObject({
      code: 'WIRE_LOST',
      message: expect.stringMatching(/ECONNRESET|socket hang up/),
    });
  });

  test('ends with the status when a request is refused', async () => {
    const { url } = await listening({ admit: () => ({ status: 503, why: 'later' }) });
    const wire = await posting(url);
    void wire.write('payment');
    expect(await wire.closed).toMatchObject({
      code: 'WIRE_REQUEST_REFUSED',
      message: 'the server cannot serve at the moment (HTTP 503)',
    });
  });

  test('ends when an answer is too long', async () => {
    const { url, next } = await listening();
    const coming = next();
    const wire = await posting(url, { maxMessageBytes: 10 });
    void wire.write('payment');
    await (await coming).write('x'.repeat(11));
    expect(await wire.closed).toMatchObject({ code: 'WIRE_MESSAGE_TOO_LARGE' });
  });

  test('breaks off what is under way when it is destroyed', async () => {
    const { url, next } = await listening();
    const coming = next();
    const wire = await posting(url);
    void wire.write('payment');
    const other = await coming;
    wire.destroy();
    expect(await other.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(await wire.closed).toBeUndefined();
  });

  test('cannot be opened where nobody is', async () => {
    const { url } = await listening();
    for (const listener of listeners.splice(0)) await listener.close();
    await expect(posting(url)).rejects.toMatchObject({
      code: 'WIRE_OPEN_FAILED',
      text: expect.stringMatching(/^cannot connect to http:\/\/127\.0\.0\.1:\d+\/nexo: connection refused/),
    });
  });
});

describe('with TLS', () => {
  function certified() {
    const certificates = new Certificates(temporaryFolder());
    certificates.root('root');
    certificates.signed('terminal', 'root', 'basicConstraints=CA:FALSE', { subject: '/CN=V400m-1' });
    const tls = { cert: certificates.pem('terminal'), key: certificates.key('terminal') };
    return { tls, trust: { ca: certificates.pem('root') } };
  }

  test("a protocol judges the certificate's name by itself", async () => {
    const { tls, trust } = certified();
    const { url, next } = await listening({ tls }, 'https');
    const seen: unknown[] = [];
    const coming = next();
    const wire = await posting(url, {
      tls: trust,
      checkCertificate: (certificate) => {
        seen.push(certificate);
        return undefined;
      },
    });
    void wire.write('payment');
    await (await coming).write('paid');
    await wire.received(4);
    expect(seen[0]).toEqual({ commonName: 'V400m-1', names: [] });
  });

  test('a certificate that it does not like, or of another root, or for another host, is refused at the start', async () => {
    const { tls, trust } = certified();
    const { url } = await listening({ tls }, 'https');
    const check = () => 'V400m-1 is not P400Plus-2';
    await expect(posting(url, { tls: trust, checkCertificate: check })).rejects.toThrow(
      'the certificate is not for this terminal: V400m-1 is not P400Plus-2',
    );
    await expect(posting(url, { checkCertificate: () => undefined })).rejects.toThrow(
      'nobody that is trusted',
    );
    await expect(posting(url, { tls: trust })).rejects.toThrow('the certificate is for another host');
  });
});
