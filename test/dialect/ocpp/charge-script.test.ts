import { expect, test } from 'vitest';
import { DEFAULT_SCRIPT, readScript } from '../../../src/dialect/ocpp/simulator/charge-script.ts';

test('reads steps with commas or line breaks between, and comments', () => {
  expect(readScript('boot\nstart 2 TAG # somebody comes\n, wait 0.5,,meter, stop 2')).toEqual({
    ok: true,
    steps: [
      { kind: 'boot' },
      { kind: 'start', connector: 2, tag: 'TAG' },
      { kind: 'wait', seconds: 0.5 },
      { kind: 'meter', connector: 1 },
      { kind: 'stop', connector: 2 },
    ],
  });
  expect(readScript(DEFAULT_SCRIPT)).toMatchObject({ ok: true });
});

test.each([
  '',
  '# nothing',
  'fly',
  'wait',
  'wait -1',
  'start 0',
  'start x',
  'boot 1',
  'stop 1 2',
  'offline 1e9',
])('refuses %j, and says what there is', (text) => {
  expect(readScript(text)).toMatchObject({ ok: false, why: expect.stringContaining('there is boot') });
});
