import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import type { Attachment } from '../channel/channel.ts';
import { isPrepared } from '../dialect/reply.ts';
import { completeError, errorText } from '../rpc/error-object.ts';
import type { Message } from '../rpc/message.ts';
import { type OutcomeText as Answer, isUnrecordedAbsence } from '../rpc/outcome.ts';
import type { Applications } from './applications.ts';
import { MAX_DEPTH, TOO_DEEP } from './depth.ts';
import type { OpenRequest } from './open-request.ts';
import type { OpenRequests } from './open-requests.ts';
import type { Transactions } from './transactions.ts';

type Response = Extract<Message, { kind: 'result' | 'error' }>;

const TOO_LARGE = { code: 'RESPONSE_TOO_LARGE', why: 'the answer does not fit a frame' };
const UNRECORDED: Answer = {
  kind: 'error',
  text: errorText('OUTCOME_UNKNOWN', 'one of several applications does not find it, and has not recorded so'),
};
const MALFORMED = { code: 'INTERNAL_ERROR', why: 'the answer is malformed' };

export interface AnswersOptions {
  readonly applications: Applications;
  readonly requests: OpenRequests;
  readonly transactions: Transactions;
  readonly log: Logger;
  readonly statistics: Statistics;
}

/**
 * Takes applications' answers to what they belong to: a request of the peer, or a question of the bridge's own. An
 * application whose answer cannot be taken is told so.
 */
export class Answers {
  readonly #options: AnswersOptions;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  take(message: Response, from: Attachment): void {
    const { applications, requests, transactions, log, statistics } = this.#options;
    const { id } = message;
    const { questions } = applications;
    const open = requests.get(id);
    const isAwaited =
      open?.transaction === undefined ? open !== undefined : open.transaction.state === 'handed-over';
    if (!isAwaited && !questions.has(id)) {
      statistics.count('late answers');
      log.info('an answer to nothing that is open', { id, from: from.text });
      transactions.settlement.late(id, message);
      from.misheard();
      return;
    }
    const about = open?.transaction ?? (open === undefined || requests.isRecovery(open.method));
    const answer = this.#read(message, from, Boolean(about));
    if (open === undefined) {
      if (answer === undefined) questions.misheard(id);
      else questions.answered(id, answer);
      return;
    }
    if (answer === undefined) {
      transactions.misheard(open);
      return;
    }
    const overruled = open.transaction === undefined && transactions.overruled(open, answer);
    if (overruled) {
      const give = (other: Answer) => {
        if (requests.has(open)) this.#give(open, other, from);
      };
      requests.holdOpen(overruled.then(give));
    } else this.#give(open, answer, from);
  }

  /** The answer in its complete form. Undefined where it is none. */
  #read({ id, kind, text, depth }: Response, from: Attachment, isAboutMoney: boolean): Answer | undefined {
    const { applications } = this.#options;
    if (depth > MAX_DEPTH) {
      applications.complain(from, 'JSONRPC_INVALID_PARAMS', TOO_DEEP, { about: id });
      return undefined;
    }
    const full = kind === 'error' ? completeError(text) : text;
    if (full !== undefined) {
      const answer: Answer = { kind, text: full };
      return isAboutMoney && from.isGroup && isUnrecordedAbsence(answer) ? UNRECORDED : answer;
    }
    const why = 'an error needs an integer code and a message';
    applications.complain(from, 'JSONRPC_INVALID_REQUEST', why, { about: id });
    return undefined;
  }

  /** An answer that cannot be put into the peer's form is none. */
  #give(open: OpenRequest, answer: Answer, from: Attachment): void {
    const { applications, requests, transactions } = this.#options;
    const prepared = requests.prepare(open, answer);
    const { transaction } = open;
    if (isPrepared(prepared)) {
      if (transaction === undefined) requests.finish(open, answer, prepared);
      else transactions.settlement.settle(open, answer, prepared);
      return;
    }
    const { code, why } = prepared === 'too-large' ? TOO_LARGE : prepared;
    applications.complain(from, code, why, { about: open.id });
    const said = prepared === 'too-large' ? TOO_LARGE : MALFORMED;
    if (transaction === undefined) requests.settleRefused(open, said.code, said.why);
    else if (transaction.recovery !== undefined) transactions.misheard(open);
    else requests.endUnsettled(open, said.code, said.why);
  }
}
