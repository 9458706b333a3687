import { expect, test } from 'vitest';
import { judge, maskRuleOf, PLAIN_NAMES } from '../../src/base/mask/rules.ts';

test.each([...PLAIN_NAMES])('%s is plain without being judged, and would be if it were', (name) => {
  expect([maskRuleOf(name), judge(name)]).toEqual(['plain', 'plain']);
});
