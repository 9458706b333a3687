import { expect, test } from 'vitest';
import { COMMON_NAMES, judge, maskRuleOf } from '../../src/base/mask/rules.ts';

test.each([...COMMON_NAMES])('%s is %s without being judged, and would be if it were', (name, rule) => {
  expect([maskRuleOf(name), judge(name)]).toEqual([rule, rule]);
});
