import { type AskedSale, comparedNames } from './asked-sales.ts';
import { field, RESPONSE_ROOT, type ScaDocument, textOf } from './document.ts';
import { meaningOf } from './outcome.ts';
import { isNothing } from './said.ts';
import type { SalesMemory } from './sales-memory.ts';

/** A sale of ours. */
export interface KnownSale {
  readonly sale: AskedSale;
  /** No later than this; one of an earlier process counts from when it was asked about. */
  sentMs: number;
  /** What the terminal may show as its last sale if this one never happened; undefined: nobody knows. */
  readonly before: readonly ScaDocument[] | undefined;
  isRunning: boolean;
  /** The terminal's handle for it, where an earlier process was told. */
  readonly ctroutd?: string | undefined;
  readonly paymentType?: string | undefined;
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
  readonly #memory: SalesMemory | undefined;
  /** What LAST_TRAN showed first, and sales of ours since. */
  #shown: ScaDocument[] | undefined;
  #storing: Promise<unknown> = Promise.resolve();

  /** @param memory of what outlives this process; undefined: nothing does. */
  constructor(memory?: SalesMemory) {
    this.#memory = memory;
  }

  /** What tells this register's sales from those of others on the terminal. */
  get mark(): string | undefined {
    return this.#memory?.mark;
  }

  get hasBaseline(): boolean {
    return this.#shown !== undefined;
  }

  /** What LAST_TRAN showed before the first sale. */
  setBaseline(response: ScaDocument): void {
    this.#shown ??= [response];
  }

  /** A sale that is about to be sent. */
  begin(sale: AskedSale, sentMs: number): KnownSale {
    const known: KnownSale = { sale, sentMs, before: this.#shown, isRunning: false };
    remember(this.sales, sale.posRecon, known);
    this.outcomes.delete(sale.posRecon);
    return known;
  }

  /** Resolves when a later process of ours will know of this sale. Undefined: none ever will. */
  store(known: KnownSale, charged?: ScaDocument): Promise<void> | undefined {
    if (this.#memory === undefined) return undefined;
    const { command, posRecon, invoice, amount, currency } = known.sale;
    const text = (name: string) => (charged && textOf(charged, name)?.trim()) || undefined;
    const stored = this.#memory.save({
      ...{ command, posRecon, invoice, amount, currency },
      before: known.before?.map(identifying),
      ctroutd: text('CTROUTD'),
      paymentType: text('PAYMENT_TYPE'),
    });
    this.#storing = Promise.allSettled([this.#storing, stored]);
    return stored;
  }

  /** A sale of an earlier process of ours, which it has sent, or was about to. */
  async recall(posRecon: string, nowMs: number): Promise<KnownSale | undefined> {
    const stored = await this.#memory?.find(posRecon);
    if (stored === undefined) return undefined;
    const { before, ctroutd, paymentType, ...sale } = stored;
    const known: KnownSale = {
      sale: { ...sale, fields: [] },
      sentMs: nowMs,
      before: before?.map((one) => ({
        root: RESPONSE_ROOT,
        fields: Object.entries(one).map(([name, text]) => field(name, text)),
      })),
      isRunning: false,
      ctroutd,
      paymentType,
    };
    remember(this.sales, posRecon, known);
    return known;
  }

  /** Resolves when all that is to be stored is. */
  async close(): Promise<void> {
    await this.#storing;
  }

  /** Keeps a response if it tells what became of a sale of ours. */
  keep(posRecon: string, response: ScaDocument): boolean {
    const known = this.sales.get(posRecon);
    const meaning = meaningOf(response);
    if (known === undefined || (meaning !== 'charged' && meaning !== 'not charged')) return false;
    known.isRunning = false;
    remember(this.outcomes, posRecon, response);
    // Needed for a reversal only: whoever asks for one is told where it is not known.
    if (meaning === 'charged') this.store(known, response)?.catch(() => {});
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

/**
 * Whether LAST_TRAN shows what it showed before a sale, so that this sale has not been recorded. An INVOICE that is
 * this sale's, too, says nothing.
 */
export function isAsBefore(
  response: ScaDocument,
  { sale, before }: Pick<KnownSale, 'sale' | 'before'>,
): boolean {
  if (before === undefined) return false;
  if (isNothing(response)) return before.every((one) => isNothing(one) || meaningOf(one) !== 'charged');
  const isOurs = textOf(response, 'INVOICE')?.trim() === sale.invoice;
  const names = isOurs ? NAMES.filter((name) => name !== 'INVOICE') : NAMES;
  return before.some((one) => comparedNames(one, response, names) === 'same');
}

const NAMES = ['POS_RECON', 'CTROUTD', 'TRANS_SEQ_NUM', 'AUTH_CODE', 'INVOICE'];

/** What is needed to know it again. */
function identifying(document: ScaDocument): Record<string, string> {
  const told = isNothing(document) ? ['RESPONSE_TEXT'] : [];
  const names = [...NAMES, 'RESULT', 'RESULT_CODE', 'TERMINATION_STATUS', ...told];
  const fields = document.fields.filter(({ name }) => names.includes(name));
  return Object.fromEntries(fields.map(({ name, text }) => [name, text]));
}

const MAX_SHOWN = 8;
const MAX_REMEMBERED = 256;

export function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}
