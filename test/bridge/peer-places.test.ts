import { expect, test } from 'vitest';
import { PeerPlaces } from '../../src/bridge/peer-places.ts';

const at = (address: string) => ({ address, text: address });

/** How many a peer gets when it wants one after the other. */
function taken(places: PeerPlaces, address: string): number {
  let count = 0;
  while (count < 1000 && places.take(at(address)) !== undefined) count += 1;
  return count;
}

test('a peer may have a quarter of all connections, but at least four', () => {
  for (const [all, each] of [
    [100, 25],
    [101, 26],
    [2, 4],
  ] as const) {
    const places = new PeerPlaces(all, undefined);
    expect(taken(places, '10.0.0.1')).toBe(each);
    expect(taken(places, '2001:db8::1')).toBe(each);
  }
});

test('peers on this machine are not counted, unless a number was asked for', () => {
  for (const address of ['127.0.0.1', '127.8.9.10', '::1']) {
    expect(taken(new PeerPlaces(100, undefined), address)).toBe(1000);
    expect(taken(new PeerPlaces(100, 3), address)).toBe(3);
  }
});

test('whoever has no address, as on a UNIX socket, is not counted', () => {
  const places = new PeerPlaces(100, 1);
  for (const _ of [1, 2]) expect(places.take({ text: 'unix' })).toBeDefined();
});

test('a place that is given back can be taken again, by the same peer alone', () => {
  const places = new PeerPlaces(100, 2);
  const [first] = [places.take(at('10.0.0.1')), places.take(at('10.0.0.1'))];
  expect(places.take(at('10.0.0.1'))).toBeUndefined();
  first?.();
  expect(taken(places, '10.0.0.1')).toBe(1);
  expect(taken(places, '10.0.0.2')).toBe(2);
});
