import { createHash, randomBytes } from 'node:crypto';
import { type Clock, isoTime } from '../base/clock.ts';
import { faultPoint } from '../base/fault-point.ts';
import type { Logger } from '../base/log.ts';
import { maskField } from '../base/mask.ts';
import { ownLine } from '../channel/application-line.ts';
import type { Attachment } from '../channel/channel.ts';
import type { InboundRequest, PreparedAnswer, TransactionRules } from '../dialect/dialect.ts';
import { isPrepared } from '../dialect/reply.ts';
import { placeOf } from '../endpoint/place.ts';
import { errorText, stringCodeOf } from '../rpc/error-object.ts';
import { type OutcomeText as Answer, meaningOfAnswer } from '../rpc/outcome.ts';
import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';
import type { LockAttempt, LockHolder, TransactionLock } from '../store/lock.ts';
import type { Applications } from './applications.ts';
import { comparedText, type Identity, identify } from './identity.ts';
import type { Told } from './journal/outcome-recorder.ts';
import type { Acceptance, Question, TransactionRequest } from './journal/request.ts';
import type { JournalDesk } from './journal-desk.ts';
import type { AskedFor, Judge } from './judge.ts';
import { membersIn } from './members.ts';
import type { OpenRequest, OpenTransaction } from './open-request.ts';
import type { OpenRequests } from './open-requests.ts';
import { Recovery } from './recovery.ts';
import { RequestFate, wordsForRefusal } from './request-fate.ts';
import { beginRunning, type Running, runningNamed } from './running.ts';

/** Where nobody can be asked, an answer that comes so soon after the peer has gone is still recorded. */
const LATE_MS = 5000;
/** Transactions of one connection that may wait for the journal: each keeps its params. */
const MAX_ACCEPTING = 64;
/** Transactions of one connection of which it is remembered that "not charged" was told. */
const MAX_TOLD = 256;
const STOPPING = 'the bridge is being stopped';

export interface TransactionsOptions {
  readonly rules: TransactionRules;
  /** Members of `params` that identify a transaction. */
  readonly identity: readonly string[];
  readonly outcomeWaitMs: number;
  /** "Not found" counts only so long after the transaction was sent. */
  readonly notFoundAfterMs: number;
  /** What a recovery request carries where the peer's own request does not: JSON by name. */
  readonly carried: Readonly<Record<string, string>>;
  readonly judge: Judge;
  /** Whose identities these are: unique among those of the same scope. */
  readonly scope: string;
  readonly lock: TransactionLock;
  readonly desk: JournalDesk | undefined;
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the transactions have to know of the connection that they belong to. */
export interface Connection {
  readonly name: string;
  /** No new transaction may begin. */
  readonly isStopping: boolean;
  /** The peer can still ask for something. */
  readonly isOpen: boolean;
}

/**
 * The requests of one connection that move money, and the recovery requests about them: the lock, the journal, the search
 * for a lost outcome. What was handed over ends only with the application's own words, or without an answer.
 */
export class Transactions {
  readonly #connection: Connection;
  readonly #requests: OpenRequests;
  readonly #applications: Applications;
  readonly #options: TransactionsOptions;
  /** Requests that the journal has not decided yet. */
  #accepting = 0;
  /** Transactions of which "not charged" was told, by the id that the application knows. */
  readonly #told = new Map<
    string,
    { readonly identity: Identity | undefined; readonly told: Told | undefined }
  >();

  constructor(
    connection: Connection,
    requests: OpenRequests,
    applications: Applications,
    options: TransactionsOptions,
  ) {
    this.#connection = connection;
    this.#requests = requests;
    this.#applications = applications;
    this.#options = options;
  }

  isTransaction(method: string): boolean {
    return this.#options.rules.methods.includes(method);
  }

  /** The members that identify a transaction of this method. */
  #identityOf(method: string): readonly string[] {
    return this.#options.rules.identityOf?.[method] ?? this.#options.identity;
  }

  /** Of a recovery request; undefined where it names no transaction clearly. */
  identityOf({ params }: InboundRequest): Identity | undefined {
    const identity = identify(params, this.#options.identity);
    return typeof identity === 'string' ? undefined : identity;
  }

  /** Takes in a request that moves money. */
  start(request: InboundRequest, attachment: Attachment): void {
    const { desk } = this.#options;
    const { caseless } = this.#options.rules;
    const read = identify(request.params, this.#identityOf(request.method), caseless);
    const identity = typeof read === 'string' ? undefined : read;
    if (read === 'ambiguous') {
      this.#requests.refuse(request, 'JSONRPC_INVALID_PARAMS', 'a member of params comes twice');
    } else if (desk === undefined) {
      this.#startUnrecorded(request, attachment, identity);
    } else if (identity === undefined) {
      this.#requests.refuse(request, 'JSONRPC_INVALID_PARAMS', this.#identityRule);
    } else {
      const open = this.#open(request, { attachment, identity, state: 'undecided' });
      if (this.#accepting >= MAX_ACCEPTING) {
        // It may be a repetition of one that is running, so it is not refused.
        this.#requests.endUnknown(open, `${MAX_ACCEPTING} transactions wait to be recorded already`);
        return;
      }
      const own = { ...request, params: Buffer.from(request.params) };
      this.#requests.holdOpen(this.#accept(open, identity, own, attachment, desk));
    }
  }

  /** Answers a recovery request from the journal. False: there is none, the application is asked as usual. */
  check(request: InboundRequest, identity: Identity | undefined): boolean {
    const { desk } = this.#options;
    if (desk === undefined) return false;
    if (identity === undefined) {
      this.#requests.refuse(request, 'JSONRPC_INVALID_PARAMS', this.#identityRule);
      return true;
    }
    const open = this.#requests.add(request, { attachment: undefined, identity });
    const carried = this.#carriedBy(request.params);
    const answered = desk
      .check(identity, (question) => this.#askOnce(question, carried))
      .then((answer) => {
        this.#requests.finishWith(open, answer);
      });
    this.#requests.holdOpen(answered);
    return true;
  }

  /**
   * What an application says to a recovery request that was passed on, for there is no journal. That it does not find a transaction which another
   * request still waits for proves nothing; undefined: the answer is given as it is.
   */
  overruled(open: OpenRequest, answer: Answer): Promise<Answer> | undefined {
    const { desk, judge, lock } = this.#options;
    const { identity } = open;
    if (desk !== undefined || identity === undefined || !this.#requests.isRecovery(open.method))
      return undefined;
    if (judge.answer(answer).says !== 'not-found') return undefined;
    const active: Answer = {
      kind: 'error',
      text: errorText('TRANSACTION_ACTIVE', 'its request is not answered yet; ask again in a few seconds'),
    };
    const name = this.#nameOf(identity);
    const isHere = [...this.#applications].some(({ text }) => runningNamed(`${text} ${name}`) !== undefined);
    if (isHere) return Promise.resolve(active);
    const attempt = lock.tryAcquire(this.#holder());
    if (attempt.acquired) {
      attempt.release();
      return undefined;
    }
    const own: Answer = { kind: answer.kind, text: Buffer.from(answer.text) };
    // A holder that cannot be told may be at this very transaction.
    const isOther = (holder: LockHolder | undefined) => holder !== undefined && holder.transaction !== name;
    return attempt.holder().then((holder) => (isOther(holder) ? own : active));
  }

  /** The application that has it is gone. */
  applicationGone(open: OpenRequest): void {
    const { transaction, attachment } = open;
    if (transaction?.state !== 'handed-over' || attachment === undefined) return;
    if (transaction.recovery?.isLost) return;
    this.#options.log.warn('the application went away during a transaction', {
      method: open.method,
      endpoint: attachment.text,
    });
    if (transaction.recovery === undefined) {
      this.#requests.endUnsettled(open, 'CHANNEL_CLOSED', wordsForRefusal('CHANNEL_CLOSED', attachment.text));
    } else if (open.identity === undefined) {
      this.giveUp(open, 'the application went away and the request has no identifiers');
    } else if (!this.#applications.canHear(attachment)) {
      this.giveUp(open, 'the application went away and cannot come back');
    } else {
      this.limit(open);
      transaction.recovery.lost();
    }
  }

  applicationThere(open: OpenRequest): void {
    open.transaction?.recovery?.applicationBack();
  }

  /** An answer could not be taken that may have been for it. */
  misheard(open: OpenRequest): void {
    const { transaction } = open;
    if (transaction?.state !== 'handed-over' || transaction.recovery === undefined) return;
    this.limit(open);
    if (open.identity !== undefined) transaction.recovery.misheard();
  }

  /** From now on the outcome is waited for, but not for ever. */
  limit(open: OpenRequest): void {
    const { transaction } = open;
    if (transaction === undefined || transaction.limit !== undefined) return;
    const { clock, outcomeWaitMs } = this.#options;
    transaction.limit = clock.after(outcomeWaitMs, () =>
      this.giveUp(open, 'no outcome could be found in time'),
    );
  }

  /** Nobody waits at the wire any more. */
  abandoned(open: OpenRequest): void {
    const { transaction } = open;
    if (transaction === undefined) return;
    if (transaction.state === 'queued' || transaction.state === 'undecided') {
      this.#requests.drop(open);
    } else if (this.#options.rules.recovery !== undefined) {
      this.limit(open);
    } else {
      transaction.limit?.cancel();
      transaction.limit = this.#options.clock.after(LATE_MS, () => {
        if (transaction.state !== 'settled')
          this.#requests.endUnsettled(open, 'CHANNEL_CLOSED', 'the peer went away');
      });
    }
  }

  /** Ends it without an outcome: refused where it was not handed over, else without an answer. */
  giveUp(open: OpenRequest, why: string): void {
    const { transaction } = open;
    if (!this.#requests.has(open) || transaction === undefined || transaction.state === 'settled') return;
    if (transaction.state === 'queued') {
      open.line?.withdraw();
      this.#requests.settleRefused(open, 'CHANNEL_UNAVAILABLE', why);
      return;
    }
    this.#leaveUnderWay(open, transaction);
    this.#requests.endUnknown(open, why);
  }

  /** The peer waits no longer: whatever the application says from now on, the peer has to ask or to send it again. */
  #pastDeadline(open: OpenRequest, { state }: OpenTransaction): void {
    const why = 'the application has not answered as long as the peer waits';
    if (state === 'handed-over' && this.#options.rules.recovery === undefined) {
      this.#requests.endUnsettled(open, 'TIMEOUT', why);
    } else this.giveUp(open, why);
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

  /** The application that took it may still end it: then "not found" proves nothing to whoever asks next. */
  #leaveUnderWay({ identity, attachment }: OpenRequest, { state, recovery, said }: OpenTransaction): void {
    if (state !== 'handed-over' || recovery?.isLost !== false || said !== undefined) return;
    if (identity === undefined || attachment === undefined) return;
    const { epoch } = attachment;
    this.#options.desk?.leaveUnderWay(identity, () => attachment.isThere && attachment.epoch === epoch);
  }

  // Without a journal.

  #startUnrecorded(request: InboundRequest, attachment: Attachment, identity: Identity | undefined): void {
    const name = identity === undefined ? undefined : this.#nameOf(identity);
    const compared = this.#comparedOf(request);
    // Where nobody can be asked for an outcome, the application itself knows a repeated request: it must not wait for the first.
    const isJoined = name !== undefined && this.#options.rules.recovery !== undefined;
    const place = isJoined ? `${attachment.text} ${name}` : undefined;
    const twin = place === undefined ? undefined : runningNamed(place);
    if (twin !== undefined) {
      this.#join(
        this.#open(request, { attachment: undefined, identity, state: 'undecided' }),
        twin,
        compared,
      );
      return;
    }
    const attempt = this.#options.lock.tryAcquire({
      ...this.#holder(),
      ...(name !== undefined && { transaction: name }),
    });
    if (!attempt.acquired) {
      const open = this.#open(request, { attachment, identity, state: 'undecided' });
      this.#requests.holdOpen(this.#refuseBusy(open, attempt, name));
    } else if (this.#connection.isStopping) {
      attempt.release();
      this.#requests.refuse(request, 'CHANNEL_UNAVAILABLE', STOPPING);
    } else {
      const open = this.#open(request, { attachment, identity, state: 'queued', release: attempt.release });
      if (open.transaction !== undefined && place !== undefined) {
        open.transaction.ended = beginRunning(place, compared);
      }
      this.#forward(open, this.#applications.lineOf(open, request));
    }
  }

  /** Waits for the first request of the same transaction, and gets the same answer. */
  #join(open: OpenRequest, running: Running, compared: string): void {
    if (running.compared !== compared) {
      const details = 'another request with these identifiers is running';
      this.#requests.settleRefused(open, 'DUPLICATE_TRANSACTION', details);
      return;
    }
    open.timer?.cancel();
    running.waiting.push((end) => {
      if (!this.#requests.has(open)) return;
      if (end.kind === 'refused') this.#requests.settleRefused(open, end.code, end.details);
      else if (end.kind === 'answer') this.#requests.finishWith(open, end.answer);
      else this.#requests.endUnknown(open, 'the first request for this transaction has no outcome');
    });
  }

  async #refuseBusy(
    open: OpenRequest,
    attempt: Extract<LockAttempt, { acquired: false }>,
    name: string | undefined,
  ): Promise<void> {
    const holder = await attempt.holder();
    if (name !== undefined && holder === undefined) {
      this.#requests.endUnknown(open, 'another process has the terminal, perhaps for the same transaction');
    } else if (name !== undefined && holder?.transaction === name) {
      this.#requests.endUnknown(open, 'the same transaction is running in another process');
    } else this.#requests.settleRefused(open, 'BUSY', wordsForBusy(holder));
  }

  // With the application.

  #forward(open: OpenRequest, bytes: Buffer): void {
    if (open.transaction?.entry !== undefined) this.#requests.startTimer(open); // recording has taken its time
    this.#applications.forward(open, bytes, new RequestFate(this.#requests, open));
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
      this.giveUp(open, `the application answered ${said.code}, and the request has no identifiers`);
      return;
    }
    this.limit(open);
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
      desk.outcomes.record(entry, rules.kept?.(own) ?? own).then(() => {
        faultPoint('after-done');
        this.#requests.finish(open, own, prepared);
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

  // With a journal.

  async #accept(
    open: OpenRequest,
    identity: Identity,
    request: InboundRequest,
    attachment: Attachment,
    desk: JournalDesk,
  ): Promise<void> {
    const bytes = ownLine(this.#applications.lineOf(open, request));
    const letGo = this.#applications.holdBack(attachment);
    const carried = this.#carriedBy(request.params);
    this.#accepting += 1;
    const acceptance = await desk.accept({
      identity,
      record: this.#recordOf(request),
      place: () => placeAt(attachment),
      compared: this.#comparedOf(request),
      acquire: (transaction) => this.#options.lock.tryAcquire({ ...this.#holder(), transaction }),
      isRepeatable: this.#options.rules.recovery === undefined,
      repeated: (outcome) => this.#options.rules.repeated?.(request.method, outcome),
      mayBegin: () => !this.#connection.isStopping,
      ask: (question) => this.#askOnce(question, carried),
      delayed: () => {
        open.timer?.cancel(); // waiting for the holder of the same transaction has a limit of its own
        letGo();
      },
      isAbandoned: () => !this.#requests.has(open),
    });
    this.#accepting -= 1;
    this.#accepted(open, bytes, acceptance);
    letGo();
  }

  #accepted(open: OpenRequest, bytes: Buffer, acceptance: Acceptance): void {
    const { transaction } = open;
    if (!this.#requests.has(open) || transaction === undefined) {
      if (acceptance.kind !== 'begun') return;
      acceptance.release();
      this.#requests.holdOpen(this.#requests.withdraw(acceptance.entry));
      return;
    }
    switch (acceptance.kind) {
      case 'begun':
        transaction.entry = acceptance.entry;
        transaction.release = acceptance.release;
        transaction.state = 'queued';
        if (this.#connection.isStopping) {
          this.giveUp(open, STOPPING);
          return;
        }
        faultPoint('after-sent');
        this.#forward(open, bytes);
        faultPoint('after-hand-over');
        return;
      case 'answer':
        this.#requests.finishWith(open, acceptance.answer);
        return;
      case 'duplicate':
        this.#requests.finishWith(open, { kind: 'error', text: acceptance.text });
        return;
      case 'refused':
        this.#requests.settleRefused(open, acceptance.code, acceptance.details);
        return;
      case 'busy':
        this.#requests.holdOpen(this.#refuseBusy(open, acceptance.attempt, undefined));
        return;
      case 'unknown':
        this.#requests.endUnknown(open, acceptance.details);
    }
  }

  #open(
    request: InboundRequest,
    {
      attachment,
      identity,
      state,
      release = () => {},
    }: {
      attachment: Attachment | undefined;
      identity: Identity | undefined;
      state: OpenTransaction['state'];
      release?: () => void;
    },
  ): OpenRequest {
    const transaction: OpenTransaction = {
      state,
      recovery: this.#recoveryOf(request, identity, () => open),
      said: undefined,
      release,
      ended: undefined,
      entry: undefined,
      limit: undefined,
      deadline: undefined,
    };
    const open: OpenRequest = this.#requests.add(request, { attachment, identity, transaction });
    const { clock, rules } = this.#options;
    if (rules.deadlineMs !== undefined) {
      transaction.deadline = clock.after(rules.deadlineMs, () => this.#pastDeadline(open, transaction));
    }
    return open;
  }

  #recoveryOf(
    { params }: InboundRequest,
    identity: Identity | undefined,
    openOf: () => OpenRequest,
  ): Recovery | undefined {
    const { rules, judge, desk, clock, notFoundAfterMs } = this.#options;
    if (rules.recovery === undefined) return undefined;
    const question =
      identity === undefined ? undefined : withMembers(identity.params, this.#carriedBy(params));
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
        this.#applications.questions.ask(attachment, question, 'transaction', (answer) => {
          if (answer === undefined) recovery.refused();
          else if (!isPrepared(this.#requests.prepare(open, answer))) recovery.misheard();
          else {
            const { said } = transaction ?? {};
            const directCode = said?.says === 'other' ? said.code : undefined;
            recovery.answered(number, answer, judge.check(answer, asked), directCode);
          }
        });
      },
      running: () => this.#stillRunning(openOf()),
      found: (answer, meaning) => {
        const open = openOf();
        if (open.transaction?.said?.says === 'duplicate') this.#tellDuplicate(open, answer, meaning);
        else {
          const prepared = this.#requests.prepare(open, answer);
          if (isPrepared(prepared)) this.#conclude(open, answer, prepared);
          else this.giveUp(open, "the outcome cannot be said on the peer's wire");
        }
      },
    });
    return recovery;
  }

  /** The wait for an outcome begins anew, or is over where the application that runs it was never lost. */
  #stillRunning(open: OpenRequest): void {
    const { transaction } = open;
    if (transaction?.limit === undefined || !this.#connection.isOpen) return;
    transaction.limit.cancel();
    transaction.limit = undefined;
    if (transaction.recovery?.isLost || transaction.said !== undefined) this.limit(open);
  }

  /** Asks the place where a transaction went, and no other; where it is new, the one that recovery requests go to. */
  async #askOnce({ params, sent }: Question, carried: readonly string[]): Promise<Answer | undefined> {
    const { recovery } = this.#options.rules;
    if (recovery === undefined) return undefined;
    const usual = this.#applications.attachmentOf(sent?.channel, recovery);
    const attachment = sent?.place === undefined ? usual : await this.#attachmentAt(sent.place, usual);
    if (attachment === undefined) return undefined;
    const question = withMembers(params, carried);
    return new Promise((resolve) => this.#applications.questions.ask(attachment, question, 'peer', resolve));
  }

  /** Whatever the channels are called that lead there now. */
  async #attachmentAt(place: string, usual: Attachment | undefined): Promise<Attachment | undefined> {
    const all = [...this.#applications].filter(({ canWrite }) => canWrite);
    for (const attachment of usual === undefined ? all : [usual, ...all]) {
      if ((await placeAt(attachment)) === place) return attachment;
    }
    return undefined;
  }

  /** Members that a recovery request carries beside the identifiers, from the peer's own request, else as they were given to us. */
  #carriedBy(params: Buffer): string[] {
    const { rules, carried } = this.#options;
    const names = rules.carried ?? [];
    const { values } = scanObject(params, names);
    return names.flatMap((name, index) => {
      const literal = values[index]?.toString() ?? carried[name];
      return literal === undefined ? [] : [`${JSON.stringify(name)}:${literal}`];
    });
  }

  get #identityRule(): string {
    const [first = '', ...others] = this.#options.identity;
    const optional = others.length === 0 ? '' : ` and may have ${others.join(' and ')}`;
    return `params must have ${first}${optional}, once each, a string or an integer`;
  }

  /** What stands for a transaction in a lock file. */
  #nameOf({ key }: Identity): string {
    const text = JSON.stringify([this.#options.scope, key]);
    return createHash('sha256').update(text).digest('hex');
  }

  #holder() {
    const { pid, clock } = this.#options;
    return { connection: this.#connection.name, pid, since: isoTime(clock) };
  }

  /** What has to be the same in a repeated request. */
  #comparedOf({ method, params }: InboundRequest): string {
    const { amount, currency, isCompared, refusesRepeats } = this.#options.rules;
    if (refusesRepeats === true) return randomBytes(16).toString('hex'); // equal to no other
    return comparedText(
      method,
      params,
      (name) => name === amount || name === currency || isCompared?.(name) === true,
    );
  }

  #recordOf({ method, params }: InboundRequest): TransactionRequest['record'] {
    const { amount: amountName, currency: currencyName } = this.#options.rules;
    const [amount, currency] = membersIn(params, [amountName, currencyName]).map(textOf);
    return {
      method,
      channel: this.#applications.channelOf(method),
      pid: this.#options.pid,
      // Whatever a register writes there.
      ...(amountName !== undefined && amount !== undefined && { amount: maskField(amountName, amount) }),
      ...(currencyName !== undefined &&
        currency !== undefined && { currency: maskField(currencyName, currency) }),
    };
  }
}

/** Where an application is, for records: undefined where nobody is. */
async function placeAt({ endpoint }: Attachment): Promise<string | undefined> {
  return endpoint === undefined ? undefined : placeOf(endpoint);
}

/** A JSON object that is not empty, with more members at its end. */
function withMembers(object: Buffer, members: readonly string[]): Buffer {
  if (members.length === 0) return object;
  return Buffer.from(`${object.toString('utf8', 0, object.length - 1)},${members.join(',')}}`);
}

function textOf(value: Buffer | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = value.toString();
  return kindOf(value) === 'string' ? decodeString(text) : text.slice(0, 256);
}

function wordsForBusy(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'another transaction is running';
  return `a transaction of ${holder.connection} (process ${holder.pid}) is running since ${holder.since}`;
}

const DUPLICATE: Readonly<Record<'charged' | 'not-charged' | 'not-found', [string]>> = {
  charged: ['these identifiers were used: already paid, as the application tells by Check'],
  'not-charged': [
    'these identifiers were used: that sale was not charged, as the application tells by Check',
  ],
  'not-found': ['the application refuses these identifiers, and knows no sale with them'],
};
