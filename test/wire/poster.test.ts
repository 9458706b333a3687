import { expect, test } from 'vitest';
import { posterTo } from '../../src/wire/poster.ts';
import { FakeClock } from '../kit/fake-clock.ts';

const options = { clock: new FakeClock(), maxMessageBytes: 1000, onFault: () => {} };

test.each([
  ['https://192.0.2.7:8443/nexo', '192.0.2.7'],
  ['http://127.0.0.1:8080/nexo', '127.0.0.1'],
])('a peer is posted to at %s, its own address', (url, address) => {
  expect(posterTo(url, { address, text: address }, options)).toBeInstanceOf(Function);
});

test.each([
  ['another machine', 'https://192.0.2.8:8443/nexo'],
  ['a name, which may lead anywhere', 'https://till.example/nexo'],
  ['a machine in the clear', 'http://192.0.2.7:8080/nexo'],
  ['what is no address', 'nonsense'],
  ['another kind of place', 'tcp:192.0.2.7:25'],
  ['an address without end', `https://192.0.2.7/${'x'.repeat(3000)}`],
  ['nowhere', undefined],
])('nobody is made to post to %s', (_, url) => {
  expect(posterTo(url, { address: '192.0.2.7', text: '192.0.2.7' }, options)).toBeUndefined();
});
