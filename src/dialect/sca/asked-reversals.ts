import { readAmount } from './amount.ts';
import { type AskedSale, identityIn, matchOf } from './asked-sales.ts';
import { field, type ScaDocument, textOf } from './document.ts';
import { meaningOf } from './outcome.ts';
import type { TerminalMemo } from './terminal-memo.ts';

/** Of a card, where the terminal has not said what was paid with. */
const USUAL_TYPE = 'CREDIT';

/** The terminal's handle for a sale that was charged. */
export interface Handle {
  readonly ctroutd: string;
  readonly paymentType: string | undefined;
  /** Undefined: not known. */
  readonly amount: number | undefined;
}

/** Finds the handle of what a reversal undoes in what is known here. Undefined: only the terminal may know it. */
export async function rememberedHandle(
  params: Buffer,
  memo: TerminalMemo,
  nowMs: number,
): Promise<Handle | undefined> {
  const names = identityIn(params, memo.mark, 'original_');
  if (names === undefined) return undefined;
  const known = memo.sales.get(names.posRecon) ?? (await memo.recall(names.posRecon, nowMs));
  const outcome = memo.outcomes.get(names.posRecon);
  const amount = known?.sale.amount;
  if (outcome !== undefined) return handleIn(outcome, amount);
  if (known?.ctroutd === undefined) return undefined;
  return { ctroutd: known.ctroutd, paymentType: known.paymentType, amount };
}

/**
 * The handle that LAST_TRAN shows, if what it shows is what is to be undone.
 *
 * @param currency of what is shown: SCA names none.
 */
export function shownHandle(
  response: ScaDocument,
  params: Buffer,
  memo: TerminalMemo,
  currency: string,
): Handle | undefined {
  const names = identityIn(params, memo.mark, 'original_');
  if (names === undefined) return undefined;
  const known = memo.sales.get(names.posRecon);
  const isIt = matchOf(response, names, known) === 'this sale';
  if (!isIt) return undefined;
  const shown = readAmount('TRANS_AMOUNT', textOf(response, 'TRANS_AMOUNT') ?? '', currency);
  return handleIn(response, known?.sale.amount ?? (shown.ok ? shown.minor : undefined));
}

function handleIn(response: ScaDocument, amount: number | undefined): Handle | undefined {
  const ctroutd = textOf(response, 'CTROUTD')?.trim() || undefined;
  if (ctroutd === undefined || meaningOf(response) !== 'charged') return undefined;
  return { ctroutd, paymentType: textOf(response, 'PAYMENT_TYPE')?.trim() || undefined, amount };
}

/** A reversal as the terminal is asked for it: a VOID names nothing but what it undoes. */
export function voidOf(sale: AskedSale, { ctroutd, paymentType = USUAL_TYPE }: Handle): AskedSale {
  const own = sale.fields.filter(({ name }) => !['TRANS_AMOUNT', 'CTROUTD', 'PAYMENT_TYPE'].includes(name));
  return { ...sale, fields: [field('CTROUTD', ctroutd), field('PAYMENT_TYPE', paymentType), ...own] };
}
