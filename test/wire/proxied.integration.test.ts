import { afterEach, describe, expect, test } from 'vitest';
import { deferred } from '../../src/base/deferred.ts';
import type { HttpEndpoint, WsEndpoint } from '../../src/endpoint/endpoint.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import { connectHttp } from '../../src/wire/http-wire.ts';
import { type Listener, listen } from '../../src/wire/listen.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { connectWs } from '../../src/wire/ws.ts';
import { Certificates } from '../kit/certificates.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { TestProxy } from '../kit/proxy.ts';
import { temporaryFolder } from './bundle.ts';
import { Recorder } from './recorder.ts';

const toClose: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function proxy(refusesWith?: number): Promise<TestProxy> {
  const opened = await TestProxy.listen(refusesWith);
  toClose.push(() => opened.close());
  return opened;
}

async function listening(scheme: string, tls?: { cert: string; key: string }) {
  const accepted = deferred<Wire>();
  const listener: Listener = await listen(parseEndpoint(`${scheme}://127.0.0.1:0/pos`, 'listen'), {
    onWire: accepted.resolve,
    tls,
  });
  toClose.push(() => listener.close());
  return { address: listener.address, host: new URL(listener.address).host, accepted: accepted.promise };
}

function certified() {
  const certificates = new Certificates(temporaryFolder());
  certificates.root('root');
  certificates.signed('server', 'root', 'subjectAltName=IP:127.0.0.1');
  const tls = { cert: certificates.pem('server'), key: certificates.key('server') };
  return { tls, trust: { ca: certificates.pem('root') } };
}

const url = ({ port }: TestProxy, login = '') => new URL(`http://${login}127.0.0.1:${port}`);
const wsAt = (address: string) => parseEndpoint(address, 'wire') as WsEndpoint;
const httpAt = (address: string) =>
  (parseEndpoint(`nexo+${address}`, 'terminal') as unknown as { place: HttpEndpoint }).place;

describe('through a proxy', () => {
  test.each(['ws', 'wss'])(
    'a %s: connection is opened, with the credentials of the proxy',
    async (scheme) => {
      const { tls, trust } = certified();
      const { address, host, accepted } = await listening(scheme, scheme === 'wss' ? tls : undefined);
      const between = await proxy();
      const wire = new Recorder(
        await connectWs(wsAt(address), { proxy: url(between, 'me:hu%3Ash@'), tls: trust }),
      ).start();
      const other = new Recorder(await accepted).start();
      toClose.push(
        () => wire.destroy(),
        () => other.destroy(),
      );
      await wire.write('there');
      await other.received(5);
      await other.write('back');
      await wire.received(4);
      const login = `Basic ${Buffer.from('me:hu:sh').toString('base64')}`;
      expect(between.asked).toEqual([{ target: host, login }]);
    },
  );

  test('messages are posted, each by a connection of its own', async () => {
    const { tls, trust } = certified();
    const { address, host, accepted } = await listening('https', tls);
    const between = await proxy();
    const wire = new Recorder(
      await connectHttp(httpAt(address), { proxy: url(between), tls: trust }),
    ).start();
    toClose.push(() => wire.destroy());
    void wire.write('there');
    void (await accepted.then((one) => new Recorder(one).start().write('back')));
    await wire.received(4);
    expect(between.asked).toEqual([{ target: host, login: undefined }]);
  });

  test.each([
    [407, 'it wants a name and a password, or others (HTTP 407)'],
    [403, 'it does not connect to there (HTTP 403)'],
  ])('that refuses with %i nothing is opened, and nobody hears of the password', async (status, why) => {
    const { address, host } = await listening('ws');
    const between = await proxy(status);
    for (const opening of [
      () => connectWs(wsAt(address), { proxy: url(between, 'me:hush@') }),
      () => connectHttp(httpAt(address.replace('ws:', 'http:')), { proxy: url(between, 'me:hush@') }),
    ]) {
      const fault: Error & { code?: string } = await opening().catch((cause) => cause);
      expect(fault.code).toBe('WIRE_OPEN_FAILED');
      expect(fault.message).toContain(`the proxy 127.0.0.1:${between.port} refuses ${host}: ${why}`);
      expect(fault.message).not.toContain('hush');
    }
  });

  test('that is not there, the fault says so', async () => {
    const { address } = await listening('ws');
    const between = await proxy();
    const at = url(between);
    between.close();
    await expect(connectWs(wsAt(address), { proxy: at })).rejects.toThrow('connection refused');
  });

  test('that says nothing is given up in time', async () => {
    const { address } = await listening('ws');
    const clock = new FakeClock();
    const silent = await listen(parseEndpoint('tcp:127.0.0.1:0', 'listen'), {
      onWire: (wire) => {
        toClose.push(() => wire.destroy());
        clock.advance(5000);
      },
    });
    toClose.push(() => silent.close());
    const at = new URL(`http://127.0.0.1:${silent.address.split(':').at(-1)}`);
    await expect(connectWs(wsAt(address), { proxy: at, clock })).rejects.toThrow(
      'no connection within 5000 ms',
    );
  });
});
