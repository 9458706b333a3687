import type { CloseReason } from '../../base/close-reason.ts';
import { describeFault } from '../../base/errors.ts';
import type { AskedTerminal } from '../asking.ts';
import type { PeerAnswer, Refused, SendOutcome } from '../dialect.ts';
import type { AskedOptions } from './asked-options.ts';
import { rememberedHandle, shownHandle, voidOf } from './asked-reversals.ts';
import { type AskedSale, errorAnswer, readSale } from './asked-sales.ts';
import { COMMANDS } from './commands.ts';
import { type Element, field, type ScaDocument, textOf } from './document.ts';
import { readFields } from './json-fields.ts';
import type { ScaLink } from './link.ts';
import { LostSales } from './lost-sales.ts';
import { type Answer, commandAnswer, paymentAnswer } from './outcome.ts';
import { isBusy, isDone, isIdle, lostAnswer } from './said.ts';
import type { TerminalMemo } from './terminal-memo.ts';

type Settle = (answer: PeerAnswer) => void;

/**
 * A terminal that is asked in the vocabulary. A sale is START, CAPTURE (or CREDIT), FINISH; one whose answer is lost is
 * looked for by LAST_TRAN, which shows the sale before it as long as the terminal is still posting this one.
 */
export class ScaTerminal implements AskedTerminal {
  readonly yieldsToNewer = true;
  readonly #link: ScaLink;
  readonly #memo: TerminalMemo;
  readonly #options: AskedOptions;
  readonly #lostSales: LostSales;
  #isSelling = false;
  #isClosed = false;

  constructor(link: ScaLink, memo: TerminalMemo, options: AskedOptions) {
    this.#link = link;
    this.#memo = memo;
    this.#options = options;
    this.#lostSales = new LostSales(link, memo, options);
  }

  request(methodText: string, params: Buffer, settle: Settle): SendOutcome | 'full' {
    if (this.#isClosed) return 'closed';
    const method = JSON.parse(methodText) as string;
    // What comes is only valid during the call.
    const own = Buffer.from(params);
    const give = (answer: Answer) => settle({ ...answer, depth: DEPTH });
    switch (method) {
      case 'Purchase':
      case 'Refund':
      case 'Reversal':
        return this.#sell(method, own, settle);
      case 'Check':
        return this.#check(own, settle);
      case 'Abort':
        return this.#abort(settle);
      case 'Status':
        return this.#ask('SECONDARYPORT', 'STATUS', [], settle, (response) => give(this.#statusIn(response)));
      default:
        return this.#command(method, own, settle);
    }
  }

  notify(methodText: string): SendOutcome | Refused {
    if (methodText === '"Abort"') this.#abort(() => {});
    return this.#isClosed ? 'closed' : 'sent';
  }

  probe(settle: Settle): SendOutcome | 'full' {
    return this.#ask('SECONDARYPORT', 'STATUS', [], settle, (response) =>
      settle({ ...this.#statusIn(response), depth: DEPTH }),
    );
  }

  close(reason: CloseReason): void {
    this.#options.close(reason);
  }

  /** The wire is gone. */
  closed(): void {
    this.#isClosed = true;
  }

  // Sales.

  #sell(method: string, params: Buffer, settle: Settle): SendOutcome | 'full' {
    const { currency } = this.#options;
    const read = readSale(method, params, { currency, mark: this.#memo.mark });
    if ('refusal' in read) {
      settle({ ...read.refusal, depth: DEPTH });
      return 'sent';
    }
    if (this.#isSelling) {
      settle({ ...errorAnswer('BUSY', 'another sale is under way'), depth: DEPTH });
      return 'sent';
    }
    this.#isSelling = true;
    const done = (answer: PeerAnswer) => {
      this.#isSelling = false;
      settle(answer);
    };
    const { sale } = read;
    const begin =
      method === 'Reversal'
        ? (shown: ScaDocument | undefined) => this.#reverse(sale, params, shown, done)
        : () => this.#begin(sale, done);
    // A reversal may need what is shown now, and the handle that stands there.
    const outcome =
      this.#memo.hasBaseline && method !== 'Reversal'
        ? begin(undefined)
        : this.#prepare('REPORT', 'LAST_TRAN', [], done, (response) => {
            // What is shown now is older than this sale, should its answer be lost.
            if (!isBusy(response)) this.#memo.setBaseline(response);
            if (begin(response) !== 'sent') done({ ...TOO_MUCH, depth: DEPTH });
          });
    if (outcome !== 'sent') this.#isSelling = false;
    return outcome;
  }

  /** Undoes an earlier sale, whose handle we have, or the terminal shows. */
  #reverse(
    sale: AskedSale,
    params: Buffer,
    shown: ScaDocument | undefined,
    settle: Settle,
  ): SendOutcome | 'full' {
    const { clock } = this.#options;
    const refuse = (why: string) => settle({ ...errorAnswer('REVERSAL_REFUSED', why), depth: DEPTH });
    const begin = (handle = shown && shownHandle(shown, params, this.#memo, sale.currency)) => {
      if (handle === undefined) refuse('the handle (CTROUTD) of the sale is not known');
      else if (handle.amount !== sale.amount)
        refuse('the sale had another amount, or one that is not known, and it is undone as a whole');
      else if (this.#begin(voidOf(sale, handle), settle) !== 'sent') settle({ ...TOO_MUCH, depth: DEPTH });
    };
    void rememberedHandle(params, this.#memo, clock.nowMs())
      .catch(() => undefined)
      .then(begin);
    return 'sent';
  }

  /** A later process of ours must know of the sale before the terminal does. */
  #begin(sale: AskedSale, settle: Settle): SendOutcome | 'full' {
    const { clock, log } = this.#options;
    const known = this.#memo.begin(sale, clock.nowMs());
    const stored = this.#memo.store(known);
    if (stored === undefined) return this.#open(sale, settle);
    void stored
      .catch((fault: unknown) => {
        log.error('what must be known of a sale after a restart cannot be stored', {
          why: describeFault(fault),
        });
      })
      .then(() => {
        if (this.#open(sale, settle) !== 'sent') settle({ ...TOO_MUCH, depth: DEPTH });
      });
    return 'sent';
  }

  #open(sale: AskedSale, settle: Settle): SendOutcome | 'full' {
    const begun = (response: ScaDocument) => {
      if (isDone(response)) this.#capture(sale, settle);
      else if (textOf(response, 'RESULT_CODE')?.trim() === '59003') this.#takeOver(sale, settle);
      else settle({ ...notBegun(response), depth: DEPTH });
    };
    return this.#startFor(sale, settle, begun);
  }

  #startFor(sale: AskedSale, settle: Settle, begun: (response: ScaDocument) => void): SendOutcome | 'full' {
    return this.#prepare('SESSION', 'START', [field('INVOICE', sale.invoice)], settle, begun);
  }

  /** A step before the sale itself: where it is not answered, the sale has not left. */
  #prepare(
    functionType: string,
    command: string,
    fields: readonly Element[],
    settle: Settle,
    answered: (response: ScaDocument) => void,
  ): SendOutcome | 'full' {
    return this.#link.ask({ functionType, command, fields }, (answer) => {
      if (answer.kind === 'response') answered(answer.response);
      else settle({ ...errorAnswer('CHANNEL_UNAVAILABLE', answer.why), depth: DEPTH });
    });
  }

  /**
   * A session that is open was left over by somebody who is gone, perhaps by us: it is finished, and the sale begins
   * anew.
   */
  #takeOver(sale: AskedSale, settle: Settle): void {
    this.#options.log.warn('the terminal has a session open; it is finished first');
    const again = (response: ScaDocument) => {
      if (isDone(response)) this.#capture(sale, settle);
      else settle({ ...notBegun(response), depth: DEPTH });
    };
    this.#prepare('SESSION', 'FINISH', [], settle, (response) => {
      if (isDone(response)) this.#startFor(sale, settle, again);
      else settle({ ...notBegun(response), depth: DEPTH });
    });
  }

  #capture(sale: AskedSale, settle: Settle): void {
    const { posRecon, command, fields } = sale;
    const known = this.#memo.sales.get(posRecon) ?? this.#memo.begin(sale, 0);
    known.sentMs = this.#options.clock.nowMs();
    known.isRunning = true;
    const sent = this.#link.ask({ functionType: 'PAYMENT', command, fields, posRecon }, (answer) => {
      if (answer.kind === 'lost') {
        settle(lostAnswer(answer));
        return;
      }
      known.isRunning = false;
      if (answer.kind === 'response') this.#memo.keep(posRecon, answer.response);
      const said =
        answer.kind === 'response'
          ? paymentAnswer(answer.response, sale)
          : errorAnswer('CHANNEL_UNAVAILABLE', answer.why);
      settle({ ...said, depth: DEPTH });
      this.#link.ask({ functionType: 'SESSION', command: 'FINISH', fields: [] }, () => {});
    });
    if (sent === 'sent') return;
    known.isRunning = false;
    settle({ ...TOO_MUCH, depth: DEPTH });
  }

  #check(params: Buffer, settle: Settle): SendOutcome | 'full' {
    let outcome: SendOutcome | 'full' = 'sent';
    let isFirst = true;
    const give = (answer: Answer) => settle({ ...answer, depth: DEPTH });
    this.#lostSales.find(params, give, (functionType, command, answered) => {
      const asked = this.#ask(functionType, command, [], settle, answered);
      if (asked === 'sent') return;
      if (isFirst) outcome = asked;
      else settle(lostAnswer({ kind: 'unsent', why: 'the terminal cannot be asked any more' }));
    });
    isFirst = false;
    return outcome;
  }

  // Everything else.

  #abort(settle: Settle): SendOutcome | 'full' {
    const give = (answer: Answer) => settle({ ...answer, depth: DEPTH });
    if (![...this.#memo.sales.values()].some(({ isRunning }) => isRunning) || !this.#link.isBusy) {
      give(errorAnswer('NOTHING_TO_ABORT', 'the terminal works on nothing of ours'));
      return 'sent';
    }
    return this.#ask('SECONDARYPORT', 'CANCEL', [], settle, (response) =>
      give(
        isDone(response)
          ? { kind: 'result', text: Buffer.from('{}') }
          : errorAnswer('ABORT_REFUSED', textOf(response, 'RESPONSE_TEXT') ?? 'refused'),
      ),
    );
  }

  #statusIn(response: ScaDocument): Answer {
    const answer = commandAnswer(response);
    if (answer.kind === 'error') return answer;
    const isReady = isIdle(response) && !this.#link.isBusy;
    const own = answer.text.toString();
    return { kind: 'result', text: Buffer.from(`{"ready_for_transaction":${isReady},"sca":${own}}`) };
  }

  /** `sca.<FUNCTION_TYPE>.<COMMAND>`, its fields flat; members in small letters are the vocabulary's. */
  #command(method: string, params: Buffer, settle: Settle): SendOutcome | 'full' {
    const give = (answer: Answer) => settle({ ...answer, depth: DEPTH });
    const [, functionType, command] = /^sca\.([A-Z0-9_]+)\.([A-Z0-9_]+)$/.exec(method) ?? [];
    if (functionType === undefined || command === undefined) {
      give(errorAnswer('JSONRPC_METHOD_NOT_FOUND', 'SCA has no words for it'));
      return 'sent';
    }
    const read = readFields(params, (name) => /^[A-Z]/.test(name));
    if (!read.ok) {
      give(errorAnswer('JSONRPC_INVALID_PARAMS', read.why));
      return 'sent';
    }
    const movesMoney = functionType === 'PAYMENT' || COMMANDS[functionType]?.[command]?.movesMoney === true;
    const own = read.fields.find(({ name }) => name === 'POS_RECON')?.text ?? '';
    const posRecon = this.#memo.nameFor(functionType, own, this.#options.nextId);
    return this.#link.ask({ functionType, command, fields: read.fields, posRecon }, (answer) => {
      if (answer.kind !== 'response') {
        settle(lostAnswer(answer));
        return;
      }
      const response = this.#memo.restored(answer.response);
      give(movesMoney ? moneyAnswer(command, response) : commandAnswer(response));
    });
  }

  #ask(
    functionType: string,
    command: string,
    fields: readonly Element[],
    settle: Settle,
    answered: (response: ScaDocument) => void,
  ): SendOutcome | 'full' {
    const outcome = this.#link.ask({ functionType, command, fields }, (answer) => {
      if (answer.kind === 'response') answered(answer.response);
      else settle(lostAnswer(answer));
    });
    return outcome;
  }
}

/** Of everything that we build from a response. */
const DEPTH = 20;
const TOO_MUCH = errorAnswer('CHANNEL_UNAVAILABLE', 'too much waits for the terminal');
/** Commands of PAYMENT that only ask. */
const ASKING_COMMANDS: ReadonlySet<string> = new Set(['BALANCE', 'TOKEN_QUERY']);

function moneyAnswer(command: string, response: ScaDocument): Answer {
  if (ASKING_COMMANDS.has(command)) return commandAnswer(response);
  return paymentAnswer(response, { amount: undefined, currency: '' });
}

function notBegun(response: ScaDocument): Answer {
  const answer = commandAnswer(response);
  if (isBusy(response) || answer.kind === 'result')
    return errorAnswer('BUSY', textOf(response, 'RESPONSE_TEXT') ?? 'the terminal is busy');
  return errorAnswer('BUSY', `no session: ${textOf(response, 'RESPONSE_TEXT') ?? 'refused'}`);
}
