import { errorText } from '../../rpc/error-object.ts';
import type { AskedOptions } from './asked-options.ts';
import { type AskedSale, errorAnswer, identityIn, matchOf, shownAnswer } from './asked-sales.ts';
import { type ScaDocument, textOf } from './document.ts';
import type { ScaLink } from './link.ts';
import { type Answer, meaningOf } from './outcome.ts';
import { isBusy, isDone, isIdle, isNothing } from './said.ts';
import { remember, type TerminalMemo } from './terminal-memo.ts';

/** What a search needs: `lost` settles it where the link is. */
interface Search {
  readonly names: Pick<AskedSale, 'posRecon' | 'invoice'>;
  readonly sale: AskedSale | undefined;
  give(answer: Answer): void;
}

/** Asks the terminal, and settles the search itself where no response comes. */
type Ask = (functionType: string, command: string, answered: (response: ScaDocument) => void) => void;

/**
 * Finds out what became of a sale whose answer was lost. LAST_TRAN shows the terminal's last sale, and as long as the terminal is
 * still posting this one to its host it shows the one before. So a sale that is not shown was not charged only if the time for
 * posting has passed, the terminal lets go of its session, says that it is idle, and then still shows another one.
 */
export class LostSales {
  readonly #link: ScaLink;
  readonly #memo: TerminalMemo;
  readonly #options: AskedOptions;

  constructor(link: ScaLink, memo: TerminalMemo, options: AskedOptions) {
    this.#link = link;
    this.#memo = memo;
    this.#options = options;
  }

  find(params: Buffer, give: (answer: Answer) => void, ask: Ask): void {
    const names = identityIn(params);
    if (names === undefined) {
      give(errorAnswer('JSONRPC_INVALID_PARAMS', 'receipt_id is missing'));
      return;
    }
    const known = this.#memo.sales.get(names.posRecon);
    const search: Search = { names, sale: known?.sale, give };
    const late = this.#memo.late.get(names.posRecon);
    if (late !== undefined) give(this.#shown(late, search));
    else if (known?.isRunning === true && this.#link.isBusy)
      give(errorAnswer('TRANSACTION_ACTIVE', 'the terminal works on it'));
    else {
      ask('REPORT', 'LAST_TRAN', (response) => {
        if (this.#tells(response, search)) return;
        if (isBusy(response) || this.#showsAnother(response, search)) this.#lookIdle(search, ask);
        else give(errorAnswer('OUTCOME_UNKNOWN', 'LAST_TRAN does not tell which sale it shows'));
      });
    }
  }

  #lookIdle(search: Search, ask: Ask): void {
    const unknown = (why: string) => search.give(errorAnswer('OUTCOME_UNKNOWN', why));
    if (!this.#isOld(search.names.posRecon)) {
      unknown('the terminal may still be posting it to its host');
      return;
    }
    ask('SESSION', 'FINISH', (finished) => {
      if (!isDone(finished) && textOf(finished, 'RESULT_CODE')?.trim() !== '59004') {
        unknown('the terminal is busy');
        return;
      }
      ask('SECONDARYPORT', 'STATUS', (status) => {
        if (!isIdle(status)) {
          unknown('the terminal does not say that it is idle');
          return;
        }
        ask('REPORT', 'LAST_TRAN', (response) => {
          if (this.#tells(response, search)) return;
          if (this.#showsAnother(response, search)) search.give(notFound());
          else unknown('LAST_TRAN does not tell which sale it shows');
        });
      });
    });
  }

  /** Gives the outcome where LAST_TRAN shows this sale. */
  #tells(response: ScaDocument, search: Search): boolean {
    const isShown = !isBusy(response) && matchOf(response, search.names, search.sale) === 'this sale';
    if (!isShown || meaningOf(response) === 'unknown') return false;
    search.give(this.#shown(response, search));
    return true;
  }

  #showsAnother(response: ScaDocument, { names, sale }: Search): boolean {
    if (isBusy(response)) return false;
    return isNothing(response) || matchOf(response, names, sale) === 'another sale';
  }

  #shown(response: ScaDocument, { sale }: Search): Answer {
    return shownAnswer(response, sale, this.#options.currency ?? '');
  }

  /** Counts from when it was sent; where nobody knows that any more, from the first question. */
  #isOld(posRecon: string): boolean {
    const nowMs = this.#options.clock.nowMs();
    const sinceMs = this.#memo.sales.get(posRecon)?.sentMs ?? this.#memo.askedMs.get(posRecon);
    if (sinceMs === undefined) remember(this.#memo.askedMs, posRecon, nowMs);
    return sinceMs !== undefined && nowMs - sinceMs >= this.#options.hostTimeoutMs;
  }
}

function notFound(): Answer {
  const base = errorText('TRANSACTION_NOT_FOUND', 'the terminal is idle and does not know it').toString();
  return { kind: 'error', text: Buffer.from(`${base.slice(0, -2)},"outcome":"not-charged"}}`) };
}
