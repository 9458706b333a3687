import { expect, test } from 'vitest';
import { Presence } from '../../src/channel/presence.ts';

const PLACE = 'unix:/run/pay.sock';

test('the loss of an application is news once, however many connections miss it', () => {
  const presence = new Presence();
  expect(presence.change(PLACE, 'unknown', 'there')).toBe(false);
  expect(presence.change(PLACE, 'unknown', 'there')).toBe(false);
  expect(presence.change(PLACE, 'there', 'missing')).toBe(true);
  expect(presence.change(PLACE, 'there', 'missing')).toBe(false);
  expect(presence.counts.get(PLACE)).toEqual({ there: 0, missing: 2, isMissed: true });
});

test('its return is news when the last connection has it back', () => {
  const presence = new Presence();
  presence.change(PLACE, 'unknown', 'missing');
  presence.change(PLACE, 'unknown', 'missing');
  expect(presence.change(PLACE, 'missing', 'there')).toBe(false);
  expect(presence.change(PLACE, 'missing', 'there')).toBe(true);
});

test('connections that come and go while it is absent are no news', () => {
  const presence = new Presence();
  expect(presence.change(PLACE, 'unknown', 'missing')).toBe(true);
  presence.change(PLACE, 'missing', 'unknown');
  expect(presence.change(PLACE, 'unknown', 'missing')).toBe(false);
  expect(presence.change(PLACE, 'missing', 'there')).toBe(true);
});

test('what nobody is attached to is forgotten, unless it was last seen missing, and that is bounded', () => {
  const presence = new Presence();
  presence.change(PLACE, 'unknown', 'there');
  presence.change(PLACE, 'there', 'unknown');
  expect(presence.counts.size).toBe(0);
  for (let place = 0; place < 1000; place += 1) {
    presence.change(`unix:/run/${place}`, 'unknown', 'missing');
    presence.change(`unix:/run/${place}`, 'missing', 'unknown');
  }
  expect(presence.counts.size).toBe(256);
});
