import type { Clock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import type { InboundRequest, PreparedAnswer, Reply } from '../dialect/dialect.ts';
import { isPrepared, reply } from '../dialect/reply.ts';
import { errorText } from '../rpc/error-object.ts';
import type { OutcomeText as Answer } from '../rpc/outcome.ts';
import type { OwnedEntry } from '../store/owned-entry.ts';
import type { Identity } from './identity.ts';
import type { Known, OpenRequest, TransactionEnd } from './open-request.ts';

export interface OpenRequestsOptions {
  /** The recovery method, where the dialect has one. */
  readonly recovery: string | undefined;
  /** Whether the protocol has such a method; others are counted together. */
  readonly isKnown: (method: string) => boolean;
  readonly timeoutMs: (method: string) => number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  readonly nextId: () => string;
  /** Whether nobody is there to read an answer. */
  readonly isPeerGone: () => boolean;
  /** The application has not answered in time. */
  readonly timedOut: (open: OpenRequest) => void;
  /** A transaction ends without an outcome, and nobody may be told anything: the connection has to end. */
  readonly endedUnknown: (why: string) => void;
  /** Something has ended. */
  readonly changed: () => void;
}

/**
 * The requests of one peer that are not answered yet: each is answered once, or, where its outcome is unknown, not at
 * all.
 */
export class OpenRequests implements Iterable<OpenRequest> {
  readonly #options: OpenRequestsOptions;
  readonly #table = new Map<string, OpenRequest>();
  /** Work that has to be finished before the end: refusals that are not given yet, records that are not written yet. */
  #working = 0;

  constructor(options: OpenRequestsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#table.size;
  }

  /** Whether anything is left to be done. */
  get isBusy(): boolean {
    return this.#table.size + this.#working > 0;
  }

  get load(): number {
    return this.#table.size + this.#working;
  }

  get ids(): string[] {
    return [...this.#table.keys()];
  }

  /** The requests of the moment: what ends meanwhile does no harm. */
  [Symbol.iterator](): Iterator<OpenRequest> {
    return [...this.#table.values()].values();
  }

  get(id: string): OpenRequest | undefined {
    return this.#table.get(id);
  }

  has(open: OpenRequest): boolean {
    return this.#table.get(open.id) === open;
  }

  isRecovery(method: string): boolean {
    return method === this.#options.recovery;
  }

  add({ method, prepare }: InboundRequest, { attachment, identity, transaction }: Known): OpenRequest {
    const open: OpenRequest = {
      id: this.#options.nextId(),
      method,
      begunMs: this.#options.clock.nowMs(),
      prepare,
      attachment,
      identity,
      transaction,
      line: undefined,
      timer: undefined,
    };
    this.#table.set(open.id, open);
    this.startTimer(open);
    return open;
  }

  /** From now on it has its whole time. */
  startTimer(open: OpenRequest): void {
    const { clock, timeoutMs, timedOut } = this.#options;
    open.timer?.cancel();
    open.timer = clock.after(timeoutMs(open.method), () => timedOut(open));
  }

  /** The connection does not end before this work has. It must not reject. */
  holdOpen(work: Promise<void>): void {
    this.#working += 1;
    void work.finally(() => {
      this.#working -= 1;
      this.#options.changed();
    });
  }

  /**
   * Puts an answer into the peer's own form. One that does not fit is as good as sent where nobody is there to read it.
   */
  prepare(open: OpenRequest, { kind, text }: Answer): ReturnType<Reply['prepare']> {
    const prepared = open.prepare(kind, text);
    return prepared === 'too-large' && this.#options.isPeerGone() ? UNREAD : prepared;
  }

  /** Gives the answer and forgets the request. */
  finish(open: OpenRequest, answer: Answer, prepared: PreparedAnswer): void {
    if (!this.has(open)) return;
    // Frees the terminal before the peer can ask for the next transaction.
    this.#forget(open);
    this.#said(open, answer.kind, prepared.send());
    this.#ended(open, { kind: 'answer', answer });
  }

  /** The same with an answer that is not prepared. One that cannot be sent is withheld: the register must ask. */
  finishWith(open: OpenRequest, answer: Answer): void {
    if (!this.has(open)) return;
    const prepared = this.prepare(open, answer);
    if (isPrepared(prepared)) this.finish(open, answer, prepared);
    else if (open.transaction !== undefined) this.endUnknown(open, NOT_SAYABLE);
    else this.settleRefused(open, 'RESPONSE_TOO_LARGE', NOT_SAYABLE);
  }

  /** Ends an open request without its application; never one that was handed over. */
  settleRefused(open: OpenRequest, code: string, details: string): void {
    if (!this.has(open)) return;
    this.#forget(open);
    const entry = open.transaction?.entry;
    const say = () => {
      this.refuse(open, code, details, open.identity);
      this.#ended(open, { kind: 'refused', code, details });
    };
    if (entry !== undefined) this.holdOpen(this.withdraw(entry).then(say));
    else say();
  }

  /** Ends a transaction whose outcome nobody can be asked for: the peer has to repeat it. */
  endUnsettled(open: OpenRequest, code: string, details: string): void {
    if (!this.has(open)) return;
    this.#forget(open);
    void open.transaction?.entry?.release();
    this.refuse(open, code, details);
    this.#ended(open, { kind: 'unknown' });
  }

  /** Never an answer: the register must ask. */
  endUnknown(open: OpenRequest, why: string): void {
    if (!this.has(open)) return;
    const said = open.transaction?.said;
    this.#options.log.error('the outcome of a transaction is unknown', {
      method: open.method,
      identity: open.identity?.values,
      why,
      ...(said?.says === 'other' && {
        code: said.code,
        hint: `where this code means that nothing was charged, say so: --outcome ${said.code}`,
      }),
    });
    this.#forget(open);
    void open.transaction?.entry?.release();
    this.#count(open, 'OUTCOME_UNKNOWN');
    this.#options.endedUnknown(why);
    this.#ended(open, { kind: 'unknown' });
  }

  /** The peer is gone before the application had it. */
  drop(open: OpenRequest): void {
    open.line?.withdraw();
    const details = 'the register of the first request is gone';
    this.#forget(open);
    if (open.transaction?.entry !== undefined) this.holdOpen(this.withdraw(open.transaction.entry));
    this.#count(open, 'dropped');
    this.#ended(open, { kind: 'refused', code: 'CHANNEL_UNAVAILABLE', details });
  }

  /**
   * An answer by the bridge itself. A register takes an error of the recovery method for the transaction's outcome, so
   * there the only words are TRANSACTION_ACTIVE and OUTCOME_UNKNOWN, and JSONRPC_INVALID_PARAMS where it names no
   * transaction.
   */
  refuse(
    to: Pick<InboundRequest, 'method' | 'prepare'> & Partial<Pick<OpenRequest, 'begunMs'>>,
    code: string,
    details: string,
    identity?: Identity,
  ): void {
    this.#count(to, code);
    const say = (said: string, why: string) => reply(to, 'error', errorText(said, why));
    if (!this.isRecovery(to.method)) say(code, details);
    else if (identity === undefined)
      say('JSONRPC_INVALID_PARAMS', `it names no transaction; ${code}: ${details}`);
    else {
      const isActive = this.transactionOf(identity) !== undefined;
      say(isActive ? 'TRANSACTION_ACTIVE' : 'OUTCOME_UNKNOWN', `${code}: ${details}`);
    }
  }

  /** The open request for the transaction that is identified so. */
  transactionOf(identity: Identity): OpenRequest | undefined {
    for (const open of this.#table.values()) {
      if (open.transaction !== undefined && isSame(open.identity, identity)) return open;
    }
    return undefined;
  }

  /** Takes a refused transaction out of the journal. Never rejects. */
  async withdraw(entry: OwnedEntry): Promise<void> {
    try {
      await entry.withdraw();
    } catch (fault) {
      this.#options.log.error('a refused transaction stays in the journal', { why: describeFault(fault) });
      await entry.release();
    }
  }

  #count(
    { method, begunMs }: Pick<InboundRequest, 'method'> & { readonly begunMs?: number },
    outcome: string,
  ): void {
    const { clock, isKnown, statistics } = this.#options;
    const seconds = begunMs === undefined ? undefined : (clock.nowMs() - begunMs) / 1000;
    statistics.requests.count(method, outcome, isKnown, seconds);
  }

  #said(open: OpenRequest, kind: Answer['kind'], outcome: 'sent' | 'closed'): void {
    if (outcome === 'closed') {
      this.#options.log.info('an answer came when the peer was gone', { method: open.method, kind });
    }
    this.#count(open, kind);
  }

  /** Last of all: whoever waits for the same ends with it, and then perhaps the connection. */
  #ended({ transaction }: OpenRequest, end: TransactionEnd): void {
    transaction?.ended?.(end);
    this.#options.changed();
  }

  #forget(open: OpenRequest): void {
    this.#table.delete(open.id);
    open.timer?.cancel();
    const { transaction } = open;
    if (transaction === undefined) return;
    transaction.limit?.cancel();
    transaction.deadline?.cancel();
    transaction.recovery?.stop();
    transaction.release();
  }
}

const UNREAD: PreparedAnswer = { send: () => 'closed' };
const NOT_SAYABLE = "the outcome cannot be said on the peer's wire";

/** Where one of them leaves out what is beside the first identifier, that one alone counts. */
function isSame(one: Identity | undefined, other: Identity): boolean {
  if (one?.first !== other.first) return false;
  return one.rest === undefined || other.rest === undefined || one.key === other.key;
}
