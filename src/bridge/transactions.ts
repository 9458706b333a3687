import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Attachment } from '../channel/channel.ts';
import type { InboundRequest } from '../dialect/dialect.ts';
import type { OutcomeText as Answer } from '../rpc/outcome.ts';
import type { TransactionLock } from '../store/lock.ts';
import type { Applications } from './applications.ts';
import type { BridgeContext } from './bridge-options.ts';
import type { Identity } from './identity.ts';
import type { JournalDesk } from './journal-desk.ts';
import type { Judge } from './judge.ts';
import type { OpenRequest, OpenTransaction } from './open-request.ts';
import type { OpenRequests } from './open-requests.ts';
import { OutcomeSearch } from './outcome-search.ts';
import { Recorded } from './recorded.ts';
import { RequestFate, wordsForRefusal } from './request-fate.ts';
import { Settlement } from './settlement.ts';
import { TerminalTurn } from './terminal-turn.ts';
import { TransactionReader, type TransactionReaderOptions } from './transaction-reader.ts';
import { type Beginning, Unrecorded } from './unrecorded.ts';

/** Where nobody can be asked, an answer that comes so soon after the peer has gone is still recorded. */
const LATE_MS = 5000;

export interface TransactionsOptions extends TransactionReaderOptions {
  readonly outcomeWaitMs: number;
  /** "Not found" counts only so long after the transaction was sent. */
  readonly notFoundAfterMs: number;
  readonly judge: Judge;
  readonly lock: TransactionLock;
  readonly desk: JournalDesk | undefined;
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly refused?: BridgeContext['refused'];
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
 * The requests of one connection that move money, and the recovery requests about them: the lock, the journal, the
 * search for a lost outcome. What was handed over ends only with the application's own words, or without an answer.
 */
export class Transactions {
  readonly #connection: Connection;
  readonly #requests: OpenRequests;
  readonly #applications: Applications;
  readonly #options: TransactionsOptions;
  readonly #reader: TransactionReader;
  readonly #settlement: Settlement;
  readonly #search: OutcomeSearch;
  readonly #unrecorded: Unrecorded;
  readonly #recorded: Recorded;

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
    this.#reader = new TransactionReader(options);
    const parts = { ...options, requests, applications, reader: this.#reader };
    const settlement = new Settlement({
      ...parts,
      limit: (open) => this.limit(open),
      giveUp: (open, why) => this.giveUp(open, why),
    });
    this.#settlement = settlement;
    this.#search = new OutcomeSearch({
      ...parts,
      running: (open) => this.#stillRunning(open),
      unheard: (open) => {
        if (requests.has(open)) this.limit(open);
      },
      found: (open, answer, meaning) => settlement.found(open, answer, meaning),
    });
    const ways = {
      ...parts,
      turn: new TerminalTurn({ ...parts, name: connection.name }),
      isStopping: () => connection.isStopping,
      open: (request: InboundRequest, beginning: Beginning) => this.#open(request, beginning),
      forward: (open: OpenRequest, bytes: Buffer) => this.#forward(open, bytes),
    };
    this.#unrecorded = new Unrecorded(ways);
    this.#recorded = new Recorded({
      ...ways,
      search: this.#search,
      giveUp: (open, why) => this.giveUp(open, why),
    });
  }

  /** What the rules say of a request. */
  get reader(): TransactionReader {
    return this.#reader;
  }

  /** What becomes of answers. */
  get settlement(): Settlement {
    return this.#settlement;
  }

  /** What is said instead of an application's answer to a recovery request; undefined: the answer as it is. */
  overruled(open: OpenRequest, answer: Answer): Promise<Answer> | undefined {
    return this.#options.desk === undefined ? this.#unrecorded.overruled(open, answer) : undefined;
  }

  /** Takes in a request that moves money. */
  start(request: InboundRequest, attachment: Attachment): void {
    const { desk } = this.#options;
    const read = this.#reader.identityOf(request);
    const identity = typeof read === 'string' ? undefined : read;
    if (read === 'ambiguous') {
      this.#requests.refuse(request, 'JSONRPC_INVALID_PARAMS', 'a member of params comes twice');
    } else if (read === 'unowned') {
      this.#requests.refuse(request, 'JSONRPC_INVALID_PARAMS', this.#reader.identityRule);
    } else if (desk === undefined) {
      this.#unrecorded.start(request, attachment, identity);
    } else if (identity === undefined) {
      this.#requests.refuse(request, 'JSONRPC_INVALID_PARAMS', this.#reader.identityRule);
    } else {
      this.#recorded.start(request, attachment, identity, desk);
    }
  }

  /** Answers a recovery request from the journal. False: there is none, the application is asked as usual. */
  check(request: InboundRequest, identity: Identity | undefined): boolean {
    const { desk } = this.#options;
    if (desk === undefined) return false;
    if (identity === undefined) {
      this.#requests.refuse(request, 'JSONRPC_INVALID_PARAMS', this.#reader.identityRule);
      return true;
    }
    const open = this.#requests.add(request, { attachment: undefined, identity });
    const carried = this.#reader.carriedBy(request.params);
    const answered = desk
      .check(identity, (question) => this.#search.askOnce(question, carried))
      .then((answer) => {
        this.#requests.finishWith(open, answer);
      });
    this.#requests.holdOpen(answered);
    return true;
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

  /** The application that took it may still end it: then "not found" proves nothing to whoever asks next. */
  #leaveUnderWay({ identity, attachment }: OpenRequest, { state, recovery, said }: OpenTransaction): void {
    if (state !== 'handed-over' || recovery?.isLost !== false || said !== undefined) return;
    if (identity === undefined || attachment === undefined) return;
    const { epoch } = attachment;
    this.#options.desk?.leaveUnderWay(identity, () => attachment.isThere && attachment.epoch === epoch);
  }

  // With the application.

  #forward(open: OpenRequest, bytes: Buffer): void {
    if (open.transaction?.entry !== undefined) this.#requests.startTimer(open); // recording has taken its time
    this.#applications.forward(open, bytes, new RequestFate(this.#requests, open));
  }

  #open(
    request: InboundRequest,
    { attachment, identity, state, release = () => {} }: Beginning,
  ): OpenRequest {
    const transaction: OpenTransaction = {
      state,
      recovery: this.#search.recoveryOf(request, identity, () => open),
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

  /** The wait for an outcome begins anew, or is over where the application that runs it was never lost. */
  #stillRunning(open: OpenRequest): void {
    const { transaction } = open;
    if (transaction?.limit === undefined || !this.#connection.isOpen) return;
    transaction.limit.cancel();
    transaction.limit = undefined;
    if (transaction.recovery?.isLost || transaction.said !== undefined) this.limit(open);
  }
}
