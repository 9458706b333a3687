import { expect, test } from 'vitest';
import type { TransactionEnd } from '../../src/bridge/open-request.ts';
import { beginRunning, runningNamed } from '../../src/bridge/running.ts';

test('a transaction runs under its name until it ends, and everybody who waits hears how, once', () => {
  expect(runningNamed('one')).toBeUndefined();
  const end = beginRunning('one', 'compared');
  const running = runningNamed('one');
  expect(running?.compared).toBe('compared');
  const heard: TransactionEnd[] = [];
  running?.waiting.push(
    (how) => heard.push(how),
    (how) => heard.push(how),
  );
  end({ kind: 'unknown' });
  end({ kind: 'refused', code: 'BUSY', details: '' });
  expect(heard).toEqual([{ kind: 'unknown' }, { kind: 'unknown' }]);
  expect(runningNamed('one')).toBeUndefined();
});

test('the end of an earlier one does not end the one that has its name now', () => {
  const end = beginRunning('one', 'first');
  const later = beginRunning('one', 'second');
  end({ kind: 'unknown' });
  expect(runningNamed('one')?.compared).toBe('second');
  later({ kind: 'unknown' });
  expect(runningNamed('one')).toBeUndefined();
});
