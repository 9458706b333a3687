import { describeFault } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { storable } from '../../rpc/storable.ts';
import type { PeerAnswer } from '../dialect.ts';
import { ANSWER_DEPTH } from './sale-answers.ts';
import type { SaleEnd } from './sale-end.ts';
import type { SaleOutcome } from './sale-outcome.ts';
import type { SaleIds, SaleRecord } from './sale-records.ts';

/** Records what came of a transaction before anybody hears it, and makes an answer of it. */
export async function recordOutcome(
  { end, log }: { readonly end: SaleEnd; readonly log: Logger },
  ids: SaleIds,
  record: SaleRecord,
  outcome: SaleOutcome,
): Promise<PeerAnswer> {
  const { kind, text } = outcome;
  await write(end, ids, record, outcome).catch((fault) => {
    // It is true all the same; a Check asks the terminal.
    log.error('the outcome of a transaction cannot be recorded', { why: describeFault(fault) });
  });
  return { kind, text, depth: ANSWER_DEPTH };
}

async function write(
  { records }: SaleEnd,
  ids: SaleIds,
  record: SaleRecord,
  { kind, says, text, poi }: SaleOutcome,
): Promise<void> {
  if (says === 'refused') await records.forget(ids);
  else if (says === 'login') await records.replace(ids, { ...record, state: 'closed' });
  else if (says === 'final') {
    const answer = { kind, text: storable(text.toString()) };
    await records.replace(ids, { ...record, state: 'done', answer, ...(poi !== undefined && { poi }) });
  }
}
