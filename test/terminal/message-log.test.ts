import { expect, test } from 'vitest';
import { MessageLog } from '../../src/terminal/message-log.ts';
import { FakeClock } from '../kit/fake-clock.ts';

test('a card number in a message is hidden, also in the name of its method', () => {
  const log = new MessageLog(new FakeClock());
  log.open();
  const message = { direction: 'in', kind: 'request', id: '1', connection: 'c' } as const;
  log.add({ ...message, method: 'Foo4111111111111111' }, Buffer.from('{"text":"4111 1111 1111 1111"}'));
  expect(log.messages).toMatchObject([
    { method: 'Foo************1111', text: '{"text":"************1111"}', channel: 'payment' },
  ]);
});
