import type { AskedSale } from './asked-sales.ts';
import { type ScaDocument, textOf } from './document.ts';
import { meaningOf } from './outcome.ts';

/** What is known of a terminal, whichever wire leads to it. */
export class TerminalMemo {
  /** Sales of this process, by what the terminal calls them. */
  readonly sales = new Map<
    string,
    { readonly sale: AskedSale; readonly sentMs: number; isRunning: boolean }
  >();
  /** Outcomes that came when nobody waited for them any more. */
  readonly late = new Map<string, ScaDocument>();
  /** When a sale that this process has not sent was asked about first. */
  readonly askedMs = new Map<string, number>();

  /** Keeps a response that has no request any more, if it is about a sale of ours. */
  keep(response: ScaDocument): boolean {
    const posRecon = textOf(response, 'POS_RECON')?.trim() ?? '';
    const known = this.sales.get(posRecon);
    if (known === undefined || meaningOf(response) === 'unknown') return false;
    known.isRunning = false;
    remember(this.late, posRecon, response);
    return true;
  }
}

const MAX_REMEMBERED = 256;

export function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}
