import type { ChannelName } from '../base/channel-name.ts';
import { type Clock, isoTime } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import { faultPoint } from '../base/fault-point.ts';
import type { Logger } from '../base/log.ts';
import { ownLine } from '../channel/application-line.ts';
import type { Attachment } from '../channel/channel.ts';
import type { InboundRequest, TransactionRules } from '../dialect/dialect.ts';
import { placeOf } from '../endpoint/place.ts';
import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';
import type { LockAttempt, TransactionLock } from '../store/lock.ts';
import { comparedText, type Identity, identify } from './identity.ts';
import type { Acceptance, JournalDesk, Question, TransactionRequest } from './journal-desk.ts';
import type { Known, OpenRequest, OpenTransaction } from './open-request.ts';
import { type Answer, judgeAnswer } from './outcome.ts';
import { Recovery } from './recovery.ts';

/** Where nobody can be asked, an answer that comes so soon after the peer has gone is still recorded. */
const LATE_MS = 5000;
/** Transactions of one connection that may wait for the journal: each keeps its params. */
const MAX_ACCEPTING = 64;

export interface TransactionsOptions {
  readonly rules: TransactionRules;
  /** Members of `params` that identify a transaction. */
  readonly identity: readonly string[];
  readonly outcomeWaitMs: number;
  readonly lock: TransactionLock;
  readonly desk: JournalDesk | undefined;
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The session that the transactions belong to. */
export interface TransactionsHost {
  readonly connection: string;
  isOpen(open: OpenRequest): boolean;
  remember(request: InboundRequest, known: Known): OpenRequest;
  /** Refuses a request that was never open. */
  refuse(request: Pick<InboundRequest, 'method' | 'answer'>, code: string, details: string): void;
  /** The connection does not end before this work has. It must not reject. */
  holdOpen(work: Promise<void>): void;
  /** Ends an open request without its application; never one that was handed over. */
  settleRefused(open: OpenRequest, code: string, details: string): void;
  /** Gives the answer and forgets the request. */
  finish(open: OpenRequest, answer: Answer): void;
  /** Ends an open request whose application is gone, without asking for its outcome. */
  settleGone(open: OpenRequest): void;
  /** Ends an open request without an answer, and the connection with OUTCOME_UNKNOWN. */
  endUnknown(open: OpenRequest, why: string): void;
  /** The line that hands a request over. */
  lineOf(open: OpenRequest, request: InboundRequest): Buffer;
  /** Hands the line over in its order, or waits for its application. */
  forward(open: OpenRequest, bytes: Buffer): void;
  /** Keeps what comes later behind a line that is not sent yet; the answer lets it go. */
  holdBack(attachment: Attachment): () => void;
  attachmentOf(channel: string | undefined, method: string): Attachment | undefined;
  channelOf(method: string): ChannelName;
  ask(attachment: Attachment, params: Buffer, settle: (answer: Answer | undefined) => void): void;
  /** Whether an answer fits the wire, or nobody is there to read it. */
  canTake(open: OpenRequest, answer: Answer): boolean;
  /** Whether an application that went away can still say something, here or on another channel. */
  canHear(attachment: Attachment): boolean;
}

/**
 * The requests of one connection that move money, and the recovery requests about them: the lock, the journal, the search
 * for a lost outcome. What was handed over ends only with the application's own words, or without an answer.
 */
export class Transactions {
  readonly #host: TransactionsHost;
  readonly #options: TransactionsOptions;
  /** Requests that the journal has not decided yet. */
  #accepting = 0;

  constructor(host: TransactionsHost, options: TransactionsOptions) {
    this.#host = host;
    this.#options = options;
  }

  isTransaction(method: string): boolean {
    return this.#options.rules.methods.includes(method);
  }

  isRecovery(method: string): boolean {
    const { recovery } = this.#options.rules;
    return recovery !== undefined && method === recovery;
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
    const { desk, lock } = this.#options;
    const { caseless } = this.#options.rules;
    const read = identify(request.params, this.#identityOf(request.method), caseless);
    const identity = typeof read === 'string' ? undefined : read;
    if (read === 'ambiguous') {
      this.#host.refuse(request, 'JSONRPC_INVALID_PARAMS', 'a member of params comes twice');
    } else if (desk === undefined) {
      const attempt = lock.tryAcquire(this.#holder());
      if (attempt.acquired) {
        const open = this.#open(request, { attachment, identity, release: attempt.release });
        this.#host.forward(open, this.#host.lineOf(open, request));
      } else this.#refuseBusy(request, attempt);
    } else if (identity === undefined) {
      this.#host.refuse(request, 'JSONRPC_INVALID_PARAMS', this.#identityRule);
    } else if (this.#accepting >= MAX_ACCEPTING) {
      this.#host.refuse(request, 'BUSY', `${MAX_ACCEPTING} transactions wait to be recorded already`);
    } else {
      const open = this.#open(request, { attachment, identity, release: () => {} });
      const own = { ...request, params: Buffer.from(request.params) };
      this.#host.holdOpen(this.#accept(open, identity, own, attachment, desk));
    }
  }

  /** Answers a recovery request from the journal. False: there is none, the application is asked as usual. */
  check(request: InboundRequest, identity: Identity | undefined): boolean {
    const { desk } = this.#options;
    if (desk === undefined) return false;
    if (identity === undefined) {
      this.#host.refuse(request, 'JSONRPC_INVALID_PARAMS', this.#identityRule);
      return true;
    }
    const open = this.#host.remember(request, { attachment: undefined, identity });
    open.timer?.cancel(); // every question has its time
    const answered = desk
      .check(identity, (question) => this.#askOnce(question))
      .then((answer) => {
        if (this.#host.canTake(open, answer)) this.#host.finish(open, answer);
        else this.#host.settleRefused(open, 'RESPONSE_TOO_LARGE', 'the outcome does not fit a frame');
      });
    this.#host.holdOpen(answered);
    return true;
  }

  /** Its application is gone. */
  recover(open: OpenRequest): void {
    const { transaction, attachment } = open;
    if (transaction === undefined || attachment === undefined) return;
    if (transaction.isSettled || transaction.recovery.isAsking) return;
    this.#options.log.warn('the application went away during a transaction', {
      method: open.method,
      endpoint: attachment.text,
    });
    if (this.#options.rules.recovery === undefined) {
      this.#host.settleGone(open);
    } else if (open.identity === undefined) {
      this.giveUp(open, 'the application went away and the request has no identifiers');
    } else if (!this.#host.canHear(attachment)) {
      this.giveUp(open, 'the application went away and cannot come back');
    } else {
      this.limit(open);
      transaction.recovery.start();
    }
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
    if (this.#options.rules.recovery !== undefined || transaction === undefined) {
      this.limit(open);
      return;
    }
    transaction.limit?.cancel();
    transaction.limit = this.#options.clock.after(LATE_MS, () => {
      if (!transaction.isSettled) this.#host.settleGone(open);
    });
  }

  /** Ends it without an outcome: refused where it was not handed over, else without an answer. */
  giveUp(open: OpenRequest, why: string): void {
    const { transaction } = open;
    if (!this.#host.isOpen(open) || transaction === undefined || transaction.isSettled) return;
    if (transaction.isHandedOver || transaction.isUndecided) this.#host.endUnknown(open, why);
    else {
      open.line?.withdraw();
      this.#host.settleRefused(open, 'CHANNEL_UNAVAILABLE', why);
    }
  }

  /** The application's answer. */
  settle(open: OpenRequest, answer: Answer): void {
    const { judge } = this.#options.rules;
    if (judge === undefined) {
      this.#settleAs(open, answer, judgeAnswer(answer) === 'outcome' ? 'outcome' : 'words');
      return;
    }
    const judgement = judge(answer);
    const entry = open.transaction?.entry;
    if (judgement !== 'refused' || entry === undefined) {
      this.#settleAs(open, answer, judgement === 'outcome' ? 'outcome' : 'words');
      return;
    }
    // Nothing was done: a repeated request is a new one.
    const own: Answer = { kind: answer.kind, text: Buffer.from(answer.text) };
    if (open.transaction !== undefined) open.transaction.isSettled = true;
    this.#host.holdOpen(this.withdraw(entry).then(() => this.#host.finish(open, own)));
  }

  /** An outcome is recorded, then given. Mere words are given, and Check will ask the application again. */
  #settleAs(open: OpenRequest, answer: Answer, what: 'outcome' | 'words'): void {
    const { transaction } = open;
    const { desk } = this.#options;
    if (transaction === undefined || transaction.isSettled) return;
    const { entry } = transaction;
    if (entry === undefined || desk === undefined) {
      this.#host.finish(open, answer);
      return;
    }
    if (what === 'words') {
      this.#host.finish(open, answer);
      this.#host.holdOpen(entry.release());
      return;
    }
    transaction.isSettled = true;
    transaction.recovery.stop();
    transaction.limit?.cancel();
    const own: Answer = { kind: answer.kind, text: Buffer.from(answer.text) };
    faultPoint('before-done');
    this.#host.holdOpen(
      desk.record(entry, this.#options.rules.kept?.(own) ?? own).then(() => {
        faultPoint('after-done');
        this.#host.finish(open, own);
        faultPoint('after-answer');
      }),
    );
  }

  async #accept(
    open: OpenRequest,
    identity: Identity,
    request: InboundRequest,
    attachment: Attachment,
    desk: JournalDesk,
  ): Promise<void> {
    const bytes = ownLine(this.#host.lineOf(open, request));
    const letGo = this.#host.holdBack(attachment);
    this.#accepting += 1;
    if (open.transaction !== undefined) open.transaction.isUndecided = true;
    const acceptance = await desk.accept({
      identity,
      record: this.#recordOf(request),
      place: () => placeAt(attachment),
      compared: this.#comparedOf(request),
      acquire: (transaction) => this.#options.lock.tryAcquire({ ...this.#holder(), transaction }),
      isRepeatable: this.#options.rules.recovery === undefined,
      repeated: (outcome) => this.#options.rules.repeated?.(request.method, outcome),
      ask: (question) => this.#askOnce(question),
      delayed: () => {
        open.timer?.cancel(); // waiting for the holder of the same transaction has a limit of its own
        letGo();
      },
      isAbandoned: () => !this.#host.isOpen(open),
    });
    this.#accepting -= 1;
    this.#accepted(open, bytes, acceptance);
    letGo();
  }

  #accepted(open: OpenRequest, bytes: Buffer, acceptance: Acceptance): void {
    const { transaction } = open;
    if (!this.#host.isOpen(open) || transaction === undefined) {
      if (acceptance.kind !== 'begun') return;
      acceptance.release();
      this.#host.holdOpen(this.withdraw(acceptance.entry));
      return;
    }
    transaction.isUndecided = false;
    switch (acceptance.kind) {
      case 'begun':
        transaction.entry = acceptance.entry;
        transaction.release = acceptance.release;
        faultPoint('after-sent');
        this.#host.forward(open, bytes);
        faultPoint('after-hand-over');
        return;
      case 'answer':
        this.#host.finish(open, acceptance.answer);
        return;
      case 'refused':
        this.#host.settleRefused(open, acceptance.code, acceptance.details);
        return;
      case 'busy':
        this.#host.holdOpen(
          wordsForBusy(acceptance.attempt).then((details) => this.#host.settleRefused(open, 'BUSY', details)),
        );
        return;
      case 'unknown':
        this.#host.endUnknown(open, acceptance.details);
    }
  }

  /** Takes a refused transaction out of the journal. Never rejects. */
  async withdraw(entry: NonNullable<OpenTransaction['entry']>): Promise<void> {
    try {
      await entry.withdraw();
    } catch (fault) {
      this.#options.log.error('a refused transaction stays in the journal', { why: describeFault(fault) });
      await entry.release();
    }
  }

  #open(
    request: InboundRequest,
    {
      attachment,
      identity,
      release,
    }: { attachment: Attachment; identity: Identity | undefined; release: () => void },
  ): OpenRequest {
    const recovery = new Recovery({
      clock: this.#options.clock,
      ask: (question) => this.#askAgain(open, question),
      found: (answer) => this.#settleAs(open, answer, 'outcome'),
    });
    const transaction: OpenTransaction = {
      recovery,
      release,
      isUndecided: false,
      isHandedOver: false,
      isSettled: false,
    };
    const open = this.#host.remember(request, { attachment, identity, transaction });
    return open;
  }

  #askAgain(open: OpenRequest, question: number): void {
    const { identity, attachment, transaction } = open;
    if (identity === undefined || attachment === undefined || transaction === undefined) return;
    this.#host.ask(attachment, identity.params, (answer) => {
      if (answer === undefined) transaction.recovery.refused();
      else if (this.#host.canTake(open, answer)) transaction.recovery.answered(question, answer);
    });
  }

  /** Asks the place where a transaction went, and no other; where it is new, the one that recovery requests go to. */
  async #askOnce({ params, sent }: Question): Promise<Answer | undefined> {
    const { recovery } = this.#options.rules;
    if (recovery === undefined) return undefined;
    const attachment = this.#host.attachmentOf(sent?.channel, recovery);
    if (attachment === undefined) return undefined;
    if (sent?.place !== undefined && (await placeAt(attachment)) !== sent.place) return undefined;
    return new Promise((resolve) => this.#host.ask(attachment, params, resolve));
  }

  #refuseBusy({ method, answer }: InboundRequest, attempt: Extract<LockAttempt, { acquired: false }>): void {
    const request = { method, answer };
    this.#host.holdOpen(wordsForBusy(attempt).then((details) => this.#host.refuse(request, 'BUSY', details)));
  }

  get #identityRule(): string {
    const [first = '', ...others] = this.#options.identity;
    const optional = others.length === 0 ? '' : ` and may have ${others.join(' and ')}`;
    return `params must have ${first}${optional}, once each, a string or an integer`;
  }

  #holder() {
    const { pid, clock } = this.#options;
    return { connection: this.#host.connection, pid, since: isoTime(clock) };
  }

  /** What has to be the same in a repeated request. */
  #comparedOf({ method, params }: InboundRequest): string {
    const { amount, currency, isCompared } = this.#options.rules;
    return comparedText(
      method,
      params,
      (name) => name === amount || name === currency || isCompared?.(name) === true,
    );
  }

  #recordOf({ method, params }: InboundRequest): TransactionRequest['record'] {
    const { amount: amountName, currency: currencyName } = this.#options.rules;
    const { values } = scanObject(params, [amountName, currencyName]);
    const [amount, currency] = values.map(textOf);
    return {
      method,
      channel: this.#host.channelOf(method),
      pid: this.#options.pid,
      ...(amount !== undefined && { amount }),
      ...(currency !== undefined && { currency }),
    };
  }
}

/** Where an application is, for records: undefined where nobody is. */
async function placeAt({ endpoint }: Attachment): Promise<string | undefined> {
  return endpoint === undefined ? undefined : placeOf(endpoint);
}

function textOf(value: Buffer | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = value.toString();
  return kindOf(value) === 'string' ? decodeString(text) : text.slice(0, 256);
}

async function wordsForBusy(attempt: Extract<LockAttempt, { acquired: false }>): Promise<string> {
  const who = await attempt.holder();
  if (who === undefined) return 'another transaction is running';
  return `a transaction of ${who.connection} (process ${who.pid}) is running since ${who.since}`;
}
