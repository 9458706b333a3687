import { describeFault } from '../../base/errors.ts';
import { errorText } from '../../rpc/error-object.ts';
import type { AskedOptions } from './asked-options.ts';
import { type AskedSale, errorAnswer, identityIn, matchOf, shownAnswer } from './asked-sales.ts';
import { type ScaDocument, textOf } from './document.ts';
import type { ScaLink } from './link.ts';
import { type Answer, meaningOf } from './outcome.ts';
import { isBusy, isDone, isIdle } from './said.ts';
import { isAsBefore, type KnownSale, type TerminalMemo } from './terminal-memo.ts';

/** A sale that is looked for. */
interface Search {
  readonly names: Pick<AskedSale, 'posRecon' | 'invoice'>;
  readonly known: KnownSale | undefined;
  give(answer: Answer): void;
}

/** Asks the terminal, and settles the search itself where no response comes. */
type Ask = (functionType: string, command: string, answered: (response: ScaDocument) => void) => void;

/**
 * Finds out what became of a sale whose answer was lost. LAST_TRAN shows the terminal's last sale, and as long as the
 * terminal is still posting this one to its host it shows the one before. So a sale that is not shown was not charged
 * only if what is shown is known to be older, the time for posting has passed, and the terminal lets go of its session
 * and says that it is idle. Another sale that may be newer proves nothing.
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
    const names = identityIn(params, this.#memo.mark);
    if (names === undefined) {
      give(errorAnswer('JSONRPC_INVALID_PARAMS', 'receipt_id is missing'));
      return;
    }
    const known = this.#memo.sales.get(names.posRecon);
    if (known !== undefined || this.#memo.mark === undefined) {
      this.#find({ names, known, give }, ask);
      return;
    }
    const { clock, log } = this.#options;
    void this.#memo
      .recall(names.posRecon, clock.nowMs())
      .catch((fault: unknown) => {
        log.error('what an earlier process has stored of a sale cannot be read', {
          why: describeFault(fault),
        });
        return undefined;
      })
      .then((recalled) => this.#find({ names, known: recalled, give }, ask));
  }

  #find(search: Search, ask: Ask): void {
    const { names, known, give } = search;
    const outcome = this.#memo.outcomes.get(names.posRecon);
    if (outcome !== undefined) give(this.#shown(outcome, search));
    else if (known?.isRunning === true && this.#link.isBusy)
      give(errorAnswer('TRANSACTION_ACTIVE', 'the terminal works on it'));
    else {
      ask('REPORT', 'LAST_TRAN', (response) => {
        if (this.#tells(response, search)) return;
        if (isBusy(response) || isOlder(response, search)) this.#lookIdle(search, ask);
        else give(errorAnswer('OUTCOME_UNKNOWN', NOT_SHOWN));
      });
    }
  }

  #lookIdle(search: Search, ask: Ask): void {
    const unknown = (why: string) => search.give(errorAnswer('OUTCOME_UNKNOWN', why));
    if (!this.#isOld(search)) {
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
          if (isOlder(response, search)) search.give(notFound());
          else unknown(NOT_SHOWN);
        });
      });
    });
  }

  /** Gives the outcome where LAST_TRAN shows this sale. */
  #tells(response: ScaDocument, search: Search): boolean {
    const isShown = !isBusy(response) && matchOf(response, search.names, search.known) === 'this sale';
    if (!isShown || meaningOf(response) === 'unknown') return false;
    search.give(this.#shown(response, search));
    return true;
  }

  #shown(response: ScaDocument, { known }: Search): Answer {
    return shownAnswer(response, known?.sale, this.#options.currency ?? '');
  }

  #isOld({ known }: Search): boolean {
    const { clock, hostTimeoutMs } = this.#options;
    return known !== undefined && clock.nowMs() - known.sentMs >= hostTimeoutMs;
  }
}

const NOT_SHOWN = 'LAST_TRAN shows neither this sale nor one that is known to be older';

function isOlder(response: ScaDocument, { known }: Search): boolean {
  return known !== undefined && !isBusy(response) && isAsBefore(response, known);
}

function notFound(): Answer {
  const base = errorText('TRANSACTION_NOT_FOUND', 'the terminal is idle and does not know it').toString();
  return { kind: 'error', text: Buffer.from(`${base.slice(0, -2)},"outcome":"not-charged"}}`) };
}
