import { memberOf } from '../base/member.ts';
import { parseObject } from './answer.ts';

/** What was approved of one kind, scheme and currency. What the terminal leaves out is undefined. */
export interface TotalsLine {
  /** `Purchase`, `Refund` or `Reversal`. */
  readonly method: string | undefined;
  readonly cardScheme: string | undefined;
  readonly currency: string | undefined;
  readonly count: number | undefined;
  readonly amountMinor: number | undefined;
}

/** Counts and sums of a period. */
export interface PeriodTotals {
  /** Counts from 1. */
  readonly period: number | undefined;
  readonly lines: readonly TotalsLine[];
}

/** What the terminal has approved since the period began. */
export interface Totals extends PeriodTotals {
  /** Whether the period has ended with this answer. */
  readonly closed: boolean;
  /** The period before, where the terminal tells. */
  readonly lastClosed: PeriodTotals | undefined;
  /** Everything, as the terminal wrote it. */
  readonly text: string;
}

export function readTotals(text: string): Totals {
  const totals = parseObject(text);
  const last = memberOf(totals, 'last_closed');
  return {
    ...periodOf(totals),
    closed: memberOf(totals, 'closed') === true,
    lastClosed: typeof last === 'object' && last !== null ? periodOf(last) : undefined,
    text,
  };
}

function periodOf(period: object): PeriodTotals {
  const lines = memberOf(period, 'totals');
  return {
    period: integer(memberOf(period, 'period')),
    lines: Array.isArray(lines) ? lines.map(lineOf) : [],
  };
}

function lineOf(line: unknown): TotalsLine {
  return {
    method: word(memberOf(line, 'method')),
    cardScheme: word(memberOf(line, 'card_scheme')),
    currency: word(memberOf(line, 'currency')),
    count: integer(memberOf(line, 'count')),
    amountMinor: integer(memberOf(line, 'amount')),
  };
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A sum that a double cannot hold is not shown as another one. */
function integer(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}
