import { type Clock, isoTime } from '../base/clock.ts';
import { faultPoint } from '../base/fault-point.ts';
import type { Logger } from '../base/log.ts';
import type { PreparedAnswer, TransactionRules } from '../dialect/dialect.ts';
import { isPrepared } from '../dialect/reply.ts';
import { errorText, stringCodeOf } from '../rpc/error-object.ts';
import { type OutcomeText as Answer, meaningOfAnswer } from '../rpc/outcome.ts';
import type { Identity } from './identity.ts';
import type { Told } from './journal/outcome-recorder.ts';
import type { JournalDesk } from './journal-desk.ts';
import type { Judge } from './judge.ts';
import type { OpenRequest, OpenTransaction } from './open-request.ts';
import type { OpenRequests } from './open-requests.ts';

/** Transactions of one connection of which it is remembered that "not charged" was told. */
const MAX_TOLD = 256;

export interface SettlementOptions {
  readonly requests: OpenRequests;
  readonly rules: TransactionRules;
  readonly judge: Judge;
  readonly desk: JournalDesk | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** From now on the outcome is waited for, but not for ever. */
  readonly limit: (open: OpenRequest) => void;
  /** Ends it without an outcome. */
  readonly giveUp: (open: OpenRequest, why: string) => void;
}

/**
 * What an answer about a transaction means, and what becomes of the transaction then: recorded first, told afterwards.
 */
export class Settlement {
  readonly #options: SettlementOptions;
  readonly #requests: OpenRequests;
  /** Transactions of which "not charged" was told, by the id that the application knows. */
  readonly #told = new Map<
    string,
    { readonly identity: Identity | undefined; readonly told: Told | undefined }
  >();

  constructor(options: SettlementOptions) {
    this.#options = options;
    this.#requests = options.requests;
  }

  /** The application's answer to the transaction itself. */
  settle(open: OpenRequest, answer: Answer, prepared: PreparedAnswer): void {
    const { transaction } = open;
    if (transaction?.state !== 'handed-over') return;
    const { judge } = this.#options.rules;
    if (judge !== undefined) {
      const meaning = judge(answer);
      if (meaning === 'refused') this.#refused(open, answer, prepared);
      else if (meaning === 'outcome') this.#conclude(open, answer, prepared);
      else this.#passOn(open, answer, prepared);
      return;
    }
    const said = this.#options.judge.answer(answer);
    const meaning = meaningOfAnswer(said.says);
    // After a loss, or when something else was heard before, a refusal may be one of a second try.
    if (meaning === 'refused' && transaction.recovery?.hasDoubt !== true)
      this.#refused(open, answer, prepared);
    else if (meaning === 'charged' || meaning === 'not-charged') this.#conclude(open, answer, prepared);
    else this.#holdBackWords(open, transaction, said);
  }

  /** An answer that came too late for its request. A result after "not charged" was told must not get lost. */
  late(id: string, { kind, text }: Answer): void {
    const { desk, log } = this.#options;
    const ended = this.#told.get(id);
    if (kind !== 'result' || ended === undefined) return;
    const { identity, told } = ended;
    this.#told.delete(id);
    log.error('A RESULT CAME AFTER "NOT CHARGED" WAS TOLD: IT IS CHARGED', { identity: identity?.values });
    if (desk === undefined || identity === undefined || told === undefined) return;
    this.#requests.holdOpen(desk.outcomes.contradict(identity, { kind, text: Buffer.from(text) }, told));
  }

  /** It says neither what became of the money nor that nothing was begun: nobody is told before `Check` was asked. */
  #holdBackWords(
    open: OpenRequest,
    transaction: OpenTransaction,
    said: NonNullable<OpenTransaction['said']>,
  ): void {
    this.#options.log.warn('an answer to a transaction is no outcome; the application is asked', {
      method: open.method,
      code: said.code,
    });
    transaction.said ??= said;
    if (open.identity === undefined) {
      this.#options.giveUp(open, `the application answered ${said.code}, and the request has no identifiers`);
      return;
    }
    this.#options.limit(open);
    const { entry, recovery } = transaction;
    const { desk } = this.#options;
    const ask = () => recovery?.answeredOtherwise();
    const isLasting = said.says === 'other' || said.says === 'duplicate';
    if (entry === undefined || desk === undefined || !isLasting) ask();
    else this.#requests.holdOpen(desk.outcomes.note(entry, said.code).then(ask));
  }

  /** Nothing was begun: it is passed on, and the identifiers are free. */
  #refused(open: OpenRequest, answer: Answer, prepared: PreparedAnswer): void {
    const { transaction } = open;
    if (transaction === undefined) return;
    const { entry } = transaction;
    this.#remember(open, answer);
    if (entry === undefined) {
      this.#requests.finish(open, answer, prepared);
      return;
    }
    const own: Answer = { kind: answer.kind, text: Buffer.from(answer.text) };
    this.#settled(transaction);
    const withdrawn = this.#requests.withdraw(entry);
    this.#requests.holdOpen(withdrawn.then(() => this.#requests.finish(open, own, prepared)));
  }

  /** Words that the dialect knows to be no outcome, where nobody can be asked. */
  #passOn(open: OpenRequest, answer: Answer, prepared: PreparedAnswer): void {
    const entry = open.transaction?.entry;
    this.#requests.finish(open, answer, prepared);
    if (entry !== undefined) this.#requests.holdOpen(entry.release());
  }

  /** An outcome is recorded, then given. */
  #conclude(open: OpenRequest, answer: Answer, prepared: PreparedAnswer): void {
    const { transaction } = open;
    const { desk, rules } = this.#options;
    if (transaction === undefined || transaction.state === 'settled') return;
    const { entry } = transaction;
    this.#remember(open, answer);
    if (entry === undefined || desk === undefined) {
      this.#requests.finish(open, answer, prepared);
      return;
    }
    const own: Answer = { kind: answer.kind, text: Buffer.from(answer.text) };
    this.#settled(transaction);
    faultPoint('before-done');
    this.#requests.holdOpen(
      desk.outcomes.record(entry, rules.kept?.(own) ?? own).then((other) => {
        faultPoint('after-done');
        if (other === undefined) this.#requests.finish(open, own, prepared);
        else this.#requests.finishWith(open, other);
        faultPoint('after-answer');
      }),
    );
  }

  /** The application said that the identifiers were used before: whatever it tells by `Check` is about that sale. */
  #tellDuplicate(open: OpenRequest, answer: Answer, meaning: 'charged' | 'not-charged' | 'not-found'): void {
    const { transaction, identity } = open;
    const { desk } = this.#options;
    if (transaction === undefined || transaction.state === 'settled') return;
    const own: Answer = { kind: 'error', text: errorText('DUPLICATE_TRANSACTION', ...DUPLICATE[meaning]) };
    this.#remember(open, own);
    const { entry } = transaction;
    if (entry === undefined || desk === undefined || identity === undefined) {
      this.#requests.finishWith(open, own);
      return;
    }
    this.#settled(transaction);
    const recorded = desk.outcomes.supersede(entry, identity, { ...answer, text: Buffer.from(answer.text) });
    this.#requests.holdOpen(recorded.then(() => this.#requests.finishWith(open, own)));
  }

  #settled(transaction: OpenTransaction): void {
    transaction.state = 'settled';
    transaction.recovery?.stop();
    transaction.limit?.cancel();
  }

  /** A result may still come, and would contradict it. */
  #remember(open: OpenRequest, answer: Answer): void {
    if (answer.kind !== 'error' || this.#options.rules.recovery === undefined) return;
    const lookup = open.transaction?.entry?.lookup;
    const time = isoTime(this.#options.clock);
    const told =
      lookup?.state === 'unresolved'
        ? { sent: lookup.sent, code: stringCodeOf(answer.text), time }
        : undefined;
    this.#told.set(open.id, { identity: open.identity, told });
    const [oldest] = this.#told.keys();
    if (this.#told.size > MAX_TOLD && oldest !== undefined) this.#told.delete(oldest);
  }

  /** The application was asked, and has told an outcome. */
  found(open: OpenRequest, answer: Answer, meaning: 'charged' | 'not-charged' | 'not-found'): void {
    if (open.transaction?.said?.says === 'duplicate') {
      this.#tellDuplicate(open, answer, meaning);
      return;
    }
    const prepared = this.#requests.prepare(open, answer);
    if (isPrepared(prepared)) this.#conclude(open, answer, prepared);
    else this.#options.giveUp(open, "the outcome cannot be said on the peer's wire");
  }
}

const DUPLICATE: Readonly<Record<'charged' | 'not-charged' | 'not-found', [string]>> = {
  charged: ['these identifiers were used: already paid, as the application tells by Check'],
  'not-charged': [
    'these identifiers were used: that sale was not charged, as the application tells by Check',
  ],
  'not-found': ['the application refuses these identifiers, and knows no sale with them'],
};
