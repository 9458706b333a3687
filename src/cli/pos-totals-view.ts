import { formatAmount } from '../base/currency.ts';
import type { PeriodTotals, Totals, TotalsLine } from '../pos/totals.ts';
import { columns } from './columns.ts';
import { printable } from './journal-view.ts';

const MAX_LINES = 200;

/** What was approved, a line for each kind, scheme and currency. */
export function totalsLines(totals: Totals): string[] {
  const { closed, lastClosed } = totals;
  const before = lastClosed === undefined ? [] : ['', ...periodLines(lastClosed, 'the one before, closed')];
  return [...periodLines(totals, closed ? 'closed' : 'open'), ...before];
}

function periodLines({ period, lines }: PeriodTotals, state: string): string[] {
  const title = `period ${period ?? '?'}, ${state}`;
  if (lines.length === 0) return [title, '  nothing was approved'];
  return [title, ...columns(lines.slice(0, MAX_LINES).map(rowOf)).map((row) => `  ${row}`)];
}

function rowOf({ method, cardScheme, currency, count, amountMinor }: TotalsLine): string[] {
  const money =
    amountMinor === undefined || currency === undefined ? '?' : formatAmount(amountMinor, currency);
  return [printable(method ?? '?'), printable(cardScheme ?? ''), `${count ?? '?'}`, printable(money)];
}
