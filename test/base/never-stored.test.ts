import { expect, test } from 'vitest';
import { isNeverStored } from '../../src/base/mask/rules.ts';

test.each(['pin', 'PIN', 'cvv', 'cvv2', 'track2', 'track_data', 'security_code', 'pinBlock'])(
  '%s is never stored',
  (name) => {
    expect(isNeverStored(name)).toBe(true);
  },
);

test.each(['shipping', 'tracking_number', 'spinner', 'pin_entry_required', 'api_key', 'password', 'amount'])(
  '%s is not dropped from what is stored: it is no card secret',
  (name) => {
    expect(isNeverStored(name)).toBe(false);
  },
);
