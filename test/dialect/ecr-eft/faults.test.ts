import { describe, expect, test } from 'vitest';
import { ACK, ETX, NAK, STX } from '../../../src/dialect/ecr-eft/frame-decoder.ts';
import { type OutcomeText, readStatement } from '../../../src/rpc/outcome.ts';
import { answer } from './kit.ts';
import { type Direction, type Fault, JoinedLine } from './line.ts';

/** A sale with progress on our register and our terminal, with one fault at any byte of it. */
function sell(fault?: Fault & { direction: Direction }, outcome: 'approved' | 'declined' = 'approved') {
  const line = new JoinedLine(fault);
  line.pass(1000);
  const heard = line.ask('Purchase', { receipt_id: 'R1', amount: 928, currency: 'PLN' });
  let charges = 0;
  const requests = () => line.opened.flatMap((opened) => opened.requests);
  const decided = new Set<unknown>();
  // The application: it decides on each request after a while, and charges if it decides so.
  for (let second = 0; second < 400 && (second < 20 || heard.length === 0); second += 1) {
    line.pass(1000);
    for (const request of requests()) {
      if (decided.has(request) || second < 2) continue;
      for (const opened of line.opened)
        opened.peer.notify('"StatusEvent"', Buffer.from('{"transaction_status":"PROCESSING"}'));
      decided.add(request);
      if (outcome === 'approved') charges += 1;
      const data = { string_code: 'DECLINED', details: '' };
      if (outcome === 'approved') answer(request, 'result', { amount: 928, currency: 'PLN' });
      else answer(request, 'error', { code: 1, message: 'no', data });
      line.flow();
    }
  }
  return { line, heard, charges };
}

/** What the register believes. */
function beliefOf(heard: ReturnType<typeof sell>['heard']): string {
  const [said] = heard;
  if (said === undefined) return 'never asked';
  if (said.lost !== undefined) return 'unknown';
  const { says } = readStatement(said as OutcomeText);
  if (says === 'charged') return 'charged';
  return says === 'not-charged' || says === 'refused' ? 'not charged' : 'unknown';
}

function isTrue({ heard, charges, line }: ReturnType<typeof sell>): boolean {
  const belief = beliefOf(heard);
  if (heard.length > 1 || charges > 1) return false;
  if (belief === 'charged') return charges === 1;
  if (belief === 'not charged') return charges === 0;
  if (belief === 'never asked') return charges === 0 && (line.asked === undefined || heard.length === 0);
  return true;
}

const { passed } = sell().line;
const FAULTS: readonly ((at: number) => Fault)[] = [
  (at) => ({ kind: 'cut', at }),
  (at) => ({ kind: 'lose', at }),
  (at) => ({ kind: 'damage', at }),
  ...[NAK, ACK, STX, ETX, 0x00].map(
    (byte) =>
      (at: number): Fault => ({ kind: 'insert', at, byte }),
  ),
];

test('a sale that nothing disturbs is charged once, and the register knows', () => {
  const sale = sell();
  expect([beliefOf(sale.heard), sale.charges]).toEqual(['charged', 1]);
  const declined = sell(undefined, 'declined');
  expect([beliefOf(declined.heard), declined.charges]).toEqual(['not charged', 0]);
});

describe.each(['toTerminal', 'toRegister'] as const)('%s', (direction) => {
  test.each(FAULTS.map((fault) => ({ name: JSON.stringify(fault(0)), fault })))(
    'a fault like $name at any byte: one charge at most, and the register knows the truth or that it does not',
    ({ fault }) => {
      const wrong: unknown[] = [];
      const beliefs = new Map<string, number>();
      for (let at = 0; at <= passed[direction]; at += 1) {
        const sale = sell({ ...fault(at), direction });
        const belief = beliefOf(sale.heard);
        beliefs.set(belief, (beliefs.get(belief) ?? 0) + 1);
        if (!isTrue(sale)) wrong.push({ at, belief, charges: sale.charges });
      }
      expect(wrong).toEqual([]);
      expect(beliefs.get('charged')).toBeGreaterThan(0);
    },
  );
});
