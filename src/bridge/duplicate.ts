import { decimalsOf, formatAmount } from '../base/currency.ts';
import { errorText, stringCodeOf } from '../rpc/error-object.ts';
import type { OutcomeText } from '../rpc/outcome.ts';
import type { SentRecord } from '../store/journal-record.ts';

/**
 * The refusal of a transaction whose identifiers another one has: when that was, how much, what became of it, and a
 * sentence for the cashier.
 *
 * @param outcome of the first one; undefined while it is running.
 */
export function duplicateText(sent: SentRecord, outcome: OutcomeText | undefined): Buffer {
  return errorText('DUPLICATE_TRANSACTION', `these identifiers were used: ${firstWords(sent, outcome)}`, {
    displayMessage: cashierWords(sent, outcome),
  });
}

function firstWords(sent: SentRecord, outcome: OutcomeText | undefined): string {
  const became = outcomeWords(outcome);
  if (sent.state === 'absent') return `they were asked about at ${sent.time}, ${became}`;
  const money = `${sent.amount ?? '?'} ${sent.currency ?? '?'}`;
  return `the first was a ${sent.method} of ${money} at ${sent.time}, ${became}`;
}

function outcomeWords(outcome: OutcomeText | undefined): string {
  if (outcome === undefined) return 'still running';
  return outcome.kind === 'result' ? 'charged' : `not charged (${stringCodeOf(outcome.text)})`;
}

function cashierWords(sent: SentRecord, outcome: OutcomeText | undefined): string {
  if (outcome === undefined) return 'another payment with this receipt number is running';
  if (outcome.kind === 'error') return 'this receipt number is used up: nothing was charged; use a new one';
  const verb = sent.method === 'Refund' ? 'refunded' : 'paid';
  return `already ${verb}${moneyWords(sent)} at ${sent.time.slice(0, 16).replace('T', ' ')} UTC`;
}

function moneyWords({ amount, currency }: SentRecord): string {
  if (amount === undefined || currency === undefined || !/^\d{1,15}$/.test(amount)) return '';
  return decimalsOf(currency) === undefined ? '' : ` ${formatAmount(BigInt(amount), currency)}`;
}
