import { expect, test } from 'vitest';
import { COMMON_NAMES, judge, maskRuleOf } from '../../src/base/mask/rules.ts';

test.each([...COMMON_NAMES])('%s is %s without being judged, and would be if it were', (name, rule) => {
  expect([maskRuleOf(name), judge(name)]).toEqual([rule, rule]);
});

test.each([
  ...['pin', 'card_pin', 'puk', 'codepin', 'pinblk', 'cvv2', 'verification_value', 'cardVerificationCode'],
  ...['track_two', 'trackData', 'pw', 'user_pw', 'лозинка', 'пароль', 'mot de passe', 'hasło'],
])('%s is the name of a secret', (name) => {
  expect(maskRuleOf(name)).toBe('secret');
});

test.each(['mapping', 'pin_entry_required', 'verification', 'tracking', 'power'])('%s is none', (name) => {
  expect(maskRuleOf(name)).not.toBe('secret');
});
