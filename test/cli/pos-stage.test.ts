import { expect, test } from 'vitest';
import { disconnectedText, type PosEvent, Stage } from '../../src/cli/pos-stage.ts';
import type { SaleProgress } from '../../src/pos/sale.ts';
import { readStatus } from '../../src/pos/status.ts';

const status = (value: object): PosEvent => ({ kind: 'status', status: readStatus(JSON.stringify(value)) });
const progress = (step: SaleProgress['step'], count?: number): PosEvent => ({
  kind: 'progress',
  progress: {
    step,
    receiptId: '17',
    sequenceId: '1',
    method: 'Purchase',
    ...(count !== undefined && { count }),
  },
});
const message = (text: string): PosEvent => ({ kind: 'message', text });
const lost = (failures: number): PosEvent => ({
  kind: 'disconnected',
  disconnection: { reason: { code: 'CONNECTION_CLOSED', text: 'gone', by: 'wire' }, failures, retryMs: 1000 },
});
const connected: PosEvent = { kind: 'connected', to: 'tcp:a:1' };

function stagesOf(events: readonly PosEvent[]): string[] {
  const stage = new Stage('begin', '12.30 EUR');
  return events.map((event) => {
    stage.receive(event);
    return stage.text.replace('12.30 EUR: ', '');
  });
}

test('tells a sale from the connection to the card', () => {
  expect(
    stagesOf([
      progress('recorded'),
      connected,
      progress('connected'),
      progress('sent'),
      status({ transaction_status: 'WAIT_CARD_IN' }),
      message('Insert the card'),
      status({ transaction_status: 'WAIT_CARD_IN' }),
      status({ transaction_status: 'PROCESSING' }),
      status({}),
    ]),
  ).toEqual([
    'begin',
    'connected',
    'connected',
    'sent to the terminal',
    'waiting for the card',
    'waiting for the card: Insert the card',
    'waiting for the card: Insert the card',
    'processing',
    'processing',
  ]);
});

test('tells of a lost connection, and of the search for the outcome', () => {
  expect(
    stagesOf([
      progress('sent'),
      lost(0),
      progress('lost'),
      lost(2),
      connected,
      progress('asking', 1),
      progress('asking', 2),
    ]),
  ).toEqual([
    'sent to the terminal',
    'no connection (gone)',
    'no answer, looking for the outcome',
    'no connection (gone), attempt 2 failed',
    'connected again, asking for the outcome',
    'asking the terminal for the outcome (1)',
    'asking the terminal for the outcome (2)',
  ]);
});

test('masks and escapes what the terminal says', () => {
  const stage = new Stage('begin');
  stage.receive(message('4111 1111 1111 1111 \u001b[2J'));
  expect(stage.text).toMatch(/^begin: [* 1]+ \\u001b\[2J$/);
  expect(stage.text).not.toContain('4111 1111');
  expect(
    disconnectedText({ reason: { code: 'X', text: '\u001b', by: 'peer' }, failures: 0, retryMs: 0 }),
  ).toBe('no connection (\\u001b)');
});
