import type { Clock } from '../base/clock.ts';
import type { Attachment } from '../channel/channel.ts';
import type { InboundRequest, TransactionRules } from '../dialect/dialect.ts';
import { isPrepared } from '../dialect/reply.ts';
import { placeOf } from '../endpoint/place.ts';
import { type OutcomeText as Answer, meaningOfCheck } from '../rpc/outcome.ts';
import type { Applications } from './applications.ts';
import type { Identity } from './identity.ts';
import type { Question } from './journal/request.ts';
import type { JournalDesk } from './journal-desk.ts';
import type { AskedFor, Judge } from './judge.ts';
import type { OpenRequest } from './open-request.ts';
import type { OpenRequests } from './open-requests.ts';
import { Recovery } from './recovery.ts';
import type { TransactionReader } from './transaction-reader.ts';

export interface OutcomeSearchOptions {
  readonly applications: Applications;
  readonly requests: OpenRequests;
  readonly reader: TransactionReader;
  readonly rules: TransactionRules;
  readonly judge: Judge;
  readonly desk: JournalDesk | undefined;
  readonly clock: Clock;
  /** "Not found" counts only so long after the transaction was sent. */
  readonly notFoundAfterMs: number;
  /** The application says that it is still running. */
  readonly running: (open: OpenRequest) => void;
  /** Nobody of a group of applications could say anything. */
  readonly unheard: (open: OpenRequest) => void;
  /** The application has told an outcome. */
  readonly found: (
    open: OpenRequest,
    answer: Answer,
    meaning: 'charged' | 'not-charged' | 'not-found',
  ) => void;
}

/** Asks applications what became of transactions, each at the place where it went. */
export class OutcomeSearch {
  readonly #options: OutcomeSearchOptions;

  constructor(options: OutcomeSearchOptions) {
    this.#options = options;
  }

  /** The search for the outcome of a transaction that is about to begin. Undefined: nobody can be asked. */
  recoveryOf(
    { params }: InboundRequest,
    identity: Identity | undefined,
    openOf: () => OpenRequest,
  ): Recovery | undefined {
    const { rules, reader, judge, desk, clock, notFoundAfterMs } = this.#options;
    if (rules.recovery === undefined) return undefined;
    const question =
      identity === undefined ? undefined : withMembers(identity.params, reader.carriedBy(params));
    // A terminal may charge less than was asked for; only the journal knows that it is the same sale all the same.
    const { receipt, currency, amount } = judge.asked(params);
    const asked: AskedFor = { receipt, currency, ...(desk === undefined && { amount }) };
    const recovery: Recovery = new Recovery({
      clock,
      notFoundAfterMs,
      ask: (number) => {
        const open = openOf();
        const { attachment, transaction } = open;
        if (attachment === undefined || question === undefined) return;
        this.#options.applications.questions.ask(attachment, question, 'transaction', (answer) => {
          if (answer === undefined) {
            if (attachment.isGroup) this.#options.unheard(open);
            recovery.refused();
          } else if (!isPrepared(this.#options.requests.prepare(open, answer))) recovery.misheard();
          else {
            const direct = transaction?.said;
            const directCode = direct?.says === 'other' ? direct.code : undefined;
            const said = judge.check(answer, asked);
            if (attachment.isGroup && meaningOfCheck(said) === 'nothing') this.#options.unheard(open);
            recovery.answered(number, answer, said, directCode);
          }
        });
      },
      running: () => this.#options.running(openOf()),
      found: (answer, meaning) => this.#options.found(openOf(), answer, meaning),
    });
    return recovery;
  }

  /** Asks the place where a transaction went, and no other; where it is new, the one that recovery requests go to. */
  async askOnce({ params, sent }: Question, carried: readonly string[]): Promise<Answer | undefined> {
    const { recovery } = this.#options.rules;
    if (recovery === undefined) return undefined;
    const usual = this.#options.applications.attachmentOf(sent?.channel, recovery);
    const attachment = sent?.place === undefined ? usual : await this.#attachmentAt(sent.place, usual);
    if (attachment === undefined) return undefined;
    const question = withMembers(params, carried);
    return new Promise((resolve) =>
      this.#options.applications.questions.ask(attachment, question, 'peer', resolve),
    );
  }

  /** Whatever the channels are called that lead there now. */
  async #attachmentAt(place: string, usual: Attachment | undefined): Promise<Attachment | undefined> {
    const all = [...this.#options.applications].filter(({ canWrite }) => canWrite);
    for (const attachment of usual === undefined ? all : [usual, ...all]) {
      if ((await placeAt(attachment)) === place) return attachment;
    }
    return undefined;
  }
}

/** Where an application is, for records: undefined where nobody is. */
export async function placeAt({ endpoint }: Attachment): Promise<string | undefined> {
  return endpoint === undefined ? undefined : placeOf(endpoint);
}

/** A JSON object that is not empty, with more members at its end. */
function withMembers(object: Buffer, members: readonly string[]): Buffer {
  if (members.length === 0) return object;
  return Buffer.from(`${object.toString('utf8', 0, object.length - 1)},${members.join(',')}}`);
}
