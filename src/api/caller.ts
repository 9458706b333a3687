import type { BookedSale } from './sale-book.ts';

export const SCOPES = ['pay', 'refund', 'read', 'settle'] as const;
/** What a token is for. */
export type Scope = (typeof SCOPES)[number];

/** Who asks. */
export interface Caller {
  /** Of the token; undefined: there are no tokens. */
  readonly name: string | undefined;
  readonly scopes: ReadonlySet<Scope>;
  /** By name; undefined: all. */
  readonly terminals: ReadonlySet<string> | undefined;
}

/** Where there are no tokens, and only this machine can connect. */
export const ANYBODY: Caller = { name: undefined, scopes: new Set(SCOPES), terminals: undefined };

export function mayUse({ terminals }: Caller, terminal: string): boolean {
  return terminals === undefined || terminals.has(terminal);
}

/** Whoever may not read sees what was made with the same token. */
export function maySee(caller: Caller, sale: Pick<BookedSale, 'terminal' | 'by'>): boolean {
  if (!mayUse(caller, sale.terminal)) return false;
  return seesAll(caller) || sale.by === caller.name;
}

export function seesAll({ scopes }: Caller): boolean {
  return scopes.has('read') || scopes.has('settle');
}
