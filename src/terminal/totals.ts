import type { Answer } from './answer.ts';

/** What was approved of one kind, scheme and currency. */
export interface TotalsLine {
  readonly method: string;
  readonly card_scheme: string;
  readonly currency: string;
  readonly count: number;
  /** In the currency's smallest unit. */
  readonly amount: number;
}

/** A stretch of time between two closings. */
export interface Period {
  readonly period: number;
  readonly totals: readonly TotalsLine[];
}

/** Counts and sums of the approved transactions of the running period; in memory. */
export class Totals {
  #period: number;
  #lastClosed: Period | undefined;
  readonly #lines = new Map<string, TotalsLine>();

  constructor(period = 1, lastClosed?: Period) {
    this.#period = period;
    this.#lastClosed = lastClosed;
  }

  /** Counts from 1. */
  get period(): number {
    return this.#period;
  }

  get lastClosed(): Period | undefined {
    return this.#lastClosed;
  }

  get lines(): readonly TotalsLine[] {
    return [...this.#lines.values()];
  }

  /** Counts a transaction, if it was approved. */
  add(method: string, { kind, text }: Pick<Answer, 'kind'> & { readonly text: Buffer | string }): void {
    if (kind !== 'result') return;
    const {
      card_scheme = '',
      currency = '',
      amount = 0,
    } = JSON.parse(text.toString()) as Partial<TotalsLine>;
    const key = JSON.stringify([method, card_scheme, currency]);
    const { count = 0, amount: sum = 0 } = this.#lines.get(key) ?? {};
    this.#lines.set(key, { method, card_scheme, currency, count: count + 1, amount: sum + amount });
  }

  /** The next period begins. */
  close(): void {
    this.#lastClosed = { period: this.#period, totals: this.lines };
    this.#period += 1;
    this.#lines.clear();
  }
}
