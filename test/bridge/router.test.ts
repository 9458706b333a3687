import { describe, expect, test } from 'vitest';
import { Router } from '../../src/bridge/router.ts';

describe('a method finds its channel', () => {
  const router = new Router(
    new Map(),
    [
      { method: 'Own*', channel: 'ui' },
      { method: 'OwnData', channel: 'storage' },
    ],
    { 'Display*': 'ui', Data: 'device' },
  );

  test('the same one each time', () => {
    for (let times = 0; times < 3; times += 1) {
      expect(
        ['OwnThing', 'OwnData', 'DisplayText', 'Data', 'Else'].map((name) => router.channelOf(name)),
      ).toEqual(['ui', 'storage', 'ui', 'device', 'payment']);
    }
  });

  test('among more methods than are remembered', () => {
    for (let times = 0; times < 3; times += 1) {
      for (let n = 0; n < 200; n += 1) {
        expect(router.channelOf(`Display${n}`)).toBe('ui');
        expect(router.channelOf(`Else${n}`)).toBe('payment');
      }
    }
  });
});
