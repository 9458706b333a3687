import { afterSilence, type Clock, type Timer } from '../base/clock.ts';
import { Queue } from '../base/queue.ts';
import type { Statistics } from '../base/statistics.ts';
import type { CallRules, PeerAnswer, PeerConnection } from '../dialect/dialect.ts';

export interface PeerCallsOptions {
  readonly peer: PeerConnection;
  readonly rules: CallRules;
  /** How long a call may take where the rules do not say. */
  readonly timeoutMs: (method: string) => number;
  readonly clock: Clock;
  readonly statistics: Statistics;
}

/** A request of an application to the peer. */
export interface Call {
  readonly method: string;
  readonly methodText: string;
  /** Valid only during `ask`. */
  readonly params: Buffer;
  /** False once nobody waits for the answer: the call is not sent any more. */
  isWanted(): boolean;
  /** Called exactly once. */
  settle(end: CallEnd): void;
}

/** The peer's answer, or why there is none. */
export type CallEnd =
  | { readonly kind: 'answered'; readonly answer: PeerAnswer }
  | { readonly kind: 'unanswered'; readonly code: CallFault; readonly why: string };

export type CallFault = 'BUSY' | 'TIMEOUT' | 'JSONRPC_INVALID_PARAMS' | 'CONNECTION_CLOSED';

interface Waiting {
  readonly call: Call;
  readonly dueMs: number;
  state: 'queued' | 'sent' | 'over';
  deadline: Timer | undefined;
}

/** Calls of one connection that may wait for their turn: each keeps its params. */
const MAX_QUEUED = 256;

/**
 * The calls of applications to one peer: each has a deadline from the moment that the application asks, and no more are under way
 * at one time than the dialect allows. A call that has run out of time makes room for the next one; an answer that comes
 * after that is dropped and counted.
 */
export class PeerCalls {
  readonly #options: PeerCallsOptions;
  readonly #urgent = new Queue<Waiting>();
  readonly #normal = new Queue<Waiting>();
  #inFlight = 0;

  constructor(options: PeerCallsOptions) {
    this.#options = options;
  }

  ask(call: Call): void {
    const { rules, timeoutMs, clock } = this.#options;
    const isQueued = this.#isFull;
    if (isQueued && this.#urgent.length + this.#normal.length >= MAX_QUEUED) {
      call.settle(unanswered('BUSY', `${MAX_QUEUED} calls wait for the peer already`));
      return;
    }
    const own = isQueued ? { ...call, params: Buffer.from(call.params) } : call;
    const deadlineMs = rules.deadlineMs ?? timeoutMs(call.method);
    const dueMs = clock.nowMs() + deadlineMs;
    const waiting: Waiting = { call: own, dueMs, state: 'queued', deadline: undefined };
    waiting.deadline = afterSilence(clock, deadlineMs, () => this.#timedOut(waiting));
    if (!isQueued) this.#send(waiting);
    else if (rules.isUrgent?.(call.method)) this.#urgent.push(waiting);
    else this.#normal.push(waiting);
  }

  /** Nobody is there to be asked any more. The calls under way are settled by the conversation. */
  close(why: string): void {
    for (const waiting of [...this.#urgent.drain(), ...this.#normal.drain()]) {
      this.#settle(waiting, unanswered('CONNECTION_CLOSED', why));
    }
  }

  get #isFull(): boolean {
    const { inFlight } = this.#options.rules;
    return inFlight !== undefined && this.#inFlight >= inFlight;
  }

  #send(waiting: Waiting): void {
    const { methodText, params } = waiting.call;
    waiting.state = 'sent';
    this.#inFlight += 1;
    const outcome = this.#options.peer.request(methodText, params, (answer) =>
      this.#answered(waiting, answer),
    );
    if (outcome === 'sent') return;
    this.#end(waiting, NOT_SENT[outcome]);
  }

  #answered(waiting: Waiting, answer: PeerAnswer): void {
    if (waiting.state !== 'over') this.#end(waiting, { kind: 'answered', answer });
    else if (answer.lost === undefined) this.#options.statistics.count('late answers of the peer');
  }

  #timedOut(waiting: Waiting): void {
    if (waiting.state === 'sent') {
      this.#options.statistics.count('calls that the peer did not answer in time');
      this.#end(waiting, unanswered('TIMEOUT', 'the peer does not answer'));
      return;
    }
    const others = (one: Waiting) => one !== waiting;
    this.#urgent.retain(others);
    this.#normal.retain(others);
    this.#settle(waiting, TOO_LATE);
  }

  /** One that was under way is over: the next one has its turn. */
  #end(waiting: Waiting, end: CallEnd): void {
    this.#inFlight -= 1;
    this.#settle(waiting, end);
    while (!this.#isFull) {
      const next = this.#urgent.shift() ?? this.#normal.shift();
      if (next === undefined) return;
      if (!next.call.isWanted()) this.#settle(next, UNWANTED);
      else if (this.#options.clock.nowMs() >= next.dueMs) this.#settle(next, TOO_LATE);
      else this.#send(next);
    }
  }

  #settle(waiting: Waiting, end: CallEnd): void {
    waiting.state = 'over';
    waiting.deadline?.cancel();
    waiting.call.settle(end);
  }
}

function unanswered(code: CallFault, why: string): CallEnd {
  return { kind: 'unanswered', code, why };
}

const TOO_LATE = unanswered('TIMEOUT', 'the peer was busy with earlier calls');
const UNWANTED = unanswered('CONNECTION_CLOSED', 'nobody waits for the answer');
const NOT_SENT = {
  'too-large': unanswered('JSONRPC_INVALID_PARAMS', 'the message does not fit a frame'),
  full: unanswered('BUSY', 'too many requests wait for the peer'),
  closed: unanswered('CONNECTION_CLOSED', 'the peer is gone'),
};
