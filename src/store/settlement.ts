import { errorText } from '../rpc/error-object.ts';
import type { Outcome } from './entry-state.ts';

/** How a person may end a transaction of which nobody else can tell any more. */
export type Settlement = 'approved' | 'not-charged';

export function isSettlement(text: string): text is Settlement {
  return text === 'approved' || text === 'not-charged';
}

/** What is stored, and told from then on, of a transaction that `by` has settled. */
export function settlementOutcome(outcome: Settlement, by: string, time: string): Outcome {
  if (outcome === 'approved') {
    return { kind: 'result', text: JSON.stringify({ settled_by: by, settled_at: time }), time, by };
  }
  const error = errorText('TRANSACTION_NOT_FOUND', `not charged, says ${by} (${time})`);
  return { kind: 'error', text: error.toString(), time, by };
}
