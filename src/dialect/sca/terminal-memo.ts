import type { AskedSale } from './asked-sales.ts';
import { field, type ScaDocument, textOf } from './document.ts';
import { meaningOf } from './outcome.ts';
import { isNothing } from './said.ts';

/** A sale of this process. */
export interface KnownSale {
  readonly sale: AskedSale;
  readonly sentMs: number;
  /** What the terminal may show as its last sale if this one never happened; undefined: nobody knows. */
  readonly before: readonly ScaDocument[] | undefined;
  isRunning: boolean;
}

/** What is known of a terminal, whichever wire leads to it. */
export class TerminalMemo {
  /** By what the terminal calls them. */
  readonly sales = new Map<string, KnownSale>();
  /** Responses that told what became of a sale. */
  readonly outcomes = new Map<string, ScaDocument>();
  /** The POS_RECON of callers, by the one that went to the terminal instead. */
  readonly callers = new Map<string, string | undefined>();
  /** Registers that still wait for the response to a request that was passed on, by its POS_RECON. */
  readonly takers = new Map<string, (response: ScaDocument | undefined) => void>();
  /** What LAST_TRAN showed first, and sales of ours since. */
  #shown: ScaDocument[] | undefined;

  get hasBaseline(): boolean {
    return this.#shown !== undefined;
  }

  /** What LAST_TRAN showed before the first sale. */
  setBaseline(response: ScaDocument): void {
    this.#shown ??= [response];
  }

  begin(sale: AskedSale, sentMs: number): KnownSale {
    const known: KnownSale = { sale, sentMs, before: this.#shown, isRunning: true };
    remember(this.sales, sale.posRecon, known);
    this.outcomes.delete(sale.posRecon);
    return known;
  }

  /** Keeps a response if it tells what became of a sale of ours. */
  keep(posRecon: string, response: ScaDocument): boolean {
    const known = this.sales.get(posRecon);
    const meaning = meaningOf(response);
    if (known === undefined || (meaning !== 'charged' && meaning !== 'not charged')) return false;
    known.isRunning = false;
    remember(this.outcomes, posRecon, response);
    const { sale } = known;
    const named = [field('POS_RECON', posRecon), field('INVOICE', sale.invoice)];
    const names = new Set(named.map(({ name }) => name));
    const fields = [...named, ...response.fields.filter(({ name }) => !names.has(name))];
    // A new array: what was there before belongs to the sales that have begun.
    this.#shown = this.#shown && [...this.#shown.slice(-MAX_SHOWN), { root: response.root, fields }];
    return true;
  }

  /**
   * The POS_RECON that goes to the terminal. A payment keeps its caller's: by it the terminal knows a repeated one, and
   * LAST_TRAN names it. Every other request gets a new one, so that its response is known from others.
   */
  nameFor(functionType: string, own: string, nextId: () => string): string {
    if (functionType === 'PAYMENT' && own !== '') return own;
    const posRecon = nextId();
    remember(this.callers, posRecon, own === '' ? undefined : own);
    return posRecon;
  }

  /** The same response with its caller's own POS_RECON, or with none. */
  restored({ root, fields }: ScaDocument): ScaDocument {
    const ours = fields.find(({ name }) => name === 'POS_RECON')?.text ?? '';
    if (!this.callers.has(ours)) return { root, fields };
    const own = this.callers.get(ours);
    const others = fields.filter(({ name }) => name !== 'POS_RECON');
    return { root, fields: own === undefined ? others : [...others, field('POS_RECON', own)] };
  }
}

/** Whether LAST_TRAN shows what it showed before a sale, so that this sale has not been recorded. */
export function isAsBefore(response: ScaDocument, { before }: Pick<KnownSale, 'before'>): boolean {
  if (before === undefined) return false;
  if (isNothing(response)) return before.every((one) => isNothing(one) || meaningOf(one) !== 'charged');
  return before.some((one) => isSameSale(one, response));
}

const NAMES = ['POS_RECON', 'CTROUTD', 'TRANS_SEQ_NUM', 'AUTH_CODE', 'INVOICE'];

/** At least one name that both have is the same, and none is different. */
function isSameSale(one: ScaDocument, other: ScaDocument): boolean {
  let isSame = false;
  for (const name of NAMES) {
    const [own, theirs] = [textOf(one, name)?.trim(), textOf(other, name)?.trim()];
    if (own === undefined || own === '' || theirs === undefined || theirs === '') continue;
    if (own !== theirs) return false;
    isSame = true;
  }
  return isSame;
}

const MAX_SHOWN = 8;
const MAX_REMEMBERED = 256;

export function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}
