import { quoteText } from '../base/printable.ts';
import type { SentRecord } from '../store/journal-record.ts';
import { type Answer, parseObject, readReason } from './answer.ts';
import { outcomeOfStored, type Verdict } from './outcome.ts';
import { PosError, type SaleIdentity } from './pos-error.ts';
import { type Approved, readApproved } from './result.ts';
import type { SaleOutcome } from './sale.ts';
import { describeTerminal, type TerminalRecord } from './terminals.ts';

/** What is known of a sale; one that the store does not know has no more than its identifiers. */
export type KnownSale = SaleIdentity & {
  readonly method: string;
  readonly amountMinor: number | undefined;
  readonly currency: string | undefined;
};

/** What it takes to ask about a sale. */
export type AskedSale = KnownSale & {
  /** Undefined where nobody knows: any terminal can tell. */
  readonly terminal?: TerminalRecord | undefined;
  /** With which code the terminal has answered the sale itself, where that counts for what it says to a Check. */
  readonly directCode?: string | undefined;
};

/** For people. */
export function named({ receiptId, sequenceId }: SaleIdentity): string {
  const parts = [receiptId, sequenceId].filter((part) => part !== undefined);
  return `receipt ${parts.map((part) => quoteText(part, 128)).join('/')}`.replaceAll('"', '');
}

export function running(sale: SaleIdentity): PosError {
  return new PosError('TRANSACTION_ACTIVE', `${named(sale)} is still being carried out; ask again`, { sale });
}

/** The store has several sales with this receipt number. */
export function ambiguous(sale: SaleIdentity, sequenceIds: readonly string[]): PosError {
  const which = sequenceIds.map((sequenceId) => quoteText(sequenceId, 128)).join(', ');
  const text = `there are several sales with ${named(sale)}: say which sequence, one of ${which}`;
  return new PosError('OUTCOME_UNKNOWN', text.replaceAll('"', ''), { sale });
}

/** The terminal has a result under the sale's identifiers that may belong to another sale, or have a tip in it. */
export function misfit(sale: SaleIdentity, { written, money, otherReceiptId }: Approved): PosError {
  const receipt = otherReceiptId === undefined ? '' : `, for receipt ${quoteText(otherReceiptId, 128)}`;
  const what = money === 'unnamed' && written === '' ? 'no amount' : written;
  const has = `${quoteText(what, 64)}${receipt}`;
  return unknown(
    sale,
    `the terminal has a sale of ${has} under it; compare it with the terminal's receipt, then settle the entry by hand`,
  );
}

/** Nobody but the terminal that the sale went to can tell. */
export function elsewhere(sale: SaleIdentity, went: TerminalRecord, here: TerminalRecord): PosError {
  const there = quoteText(describeTerminal(went), 300);
  const other = quoteText(describeTerminal(here), 300);
  return unknown(
    sale,
    `it went to ${there}, and ${other} is another terminal; recover it there, do not repeat it`,
  );
}

export function unknown(sale: SaleIdentity, why: string, cause?: unknown): PosError {
  return new PosError('OUTCOME_UNKNOWN', `the outcome of ${named(sale)} is not known: ${why}`, {
    sale,
    cause,
  });
}

export function knownSale(
  { method, amount, currency }: Pick<SentRecord, 'method' | 'amount' | 'currency'>,
  { receiptId, sequenceId }: SaleIdentity,
): KnownSale {
  const amountMinor = amount === undefined ? undefined : Number(amount);
  return { receiptId, sequenceId, method, amountMinor, currency };
}

export function storedOutcome(sale: KnownSale, answer: Answer, endedAt: string): SaleOutcome {
  return { ...saleOutcome(sale, { outcome: outcomeOfStored(answer), answer }, true), endedAt };
}

export function saleOutcome(
  { receiptId, sequenceId, method, amountMinor, currency }: KnownSale,
  { outcome, answer }: Verdict,
  isRecorded: boolean,
): SaleOutcome {
  const sale = { receiptId, sequenceId, method, amountMinor, currency, text: answer.text, isRecorded };
  if (outcome !== 'approved') return { outcome, ...sale, reason: readReason(answer) };
  const approved = readApproved(answer.text, sale);
  return {
    outcome,
    ...sale,
    result: parseObject(answer.text),
    isAsAsked: approved.money !== 'other',
    approvedAmountMinor: approved.amountMinor,
    approvedCurrency: approved.currency,
    otherReceiptId: approved.otherReceiptId,
  };
}
