import { afterSilence, type Clock, type Timer } from '../base/clock.ts';
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
  /** Called exactly once. */
  settle(end: CallEnd): void;
}

/** The peer's answer, or why there is none. */
export type CallEnd =
  | { readonly kind: 'answered'; readonly answer: PeerAnswer }
  | { readonly kind: 'unanswered'; readonly code: CallFault; readonly why: string };

export type CallFault = 'BUSY' | 'TIMEOUT' | 'JSONRPC_INVALID_PARAMS' | 'CONNECTION_CLOSED';

interface Asked {
  readonly call: Call;
  isOver: boolean;
  deadline: Timer | undefined;
}

/**
 * The calls of applications to one peer: each has a deadline from the moment that the application asks. An answer that
 * comes after it is dropped and counted. How many the peer takes at one time, and in which order, is the conversation's
 * business.
 */
export class PeerCalls {
  readonly #options: PeerCallsOptions;

  constructor(options: PeerCallsOptions) {
    this.#options = options;
  }

  ask(call: Call): void {
    const { peer, rules, timeoutMs, clock } = this.#options;
    const asked: Asked = { call, isOver: false, deadline: undefined };
    if (rules.deadlineMs !== 'own') {
      asked.deadline = afterSilence(clock, rules.deadlineMs ?? timeoutMs(call.method), () =>
        this.#timedOut(asked),
      );
    }
    const outcome = peer.request(call.methodText, call.params, (answer) => this.#answered(asked, answer));
    if (outcome !== 'sent') this.#end(asked, NOT_SENT[outcome]);
  }

  #answered(asked: Asked, answer: PeerAnswer): void {
    if (!asked.isOver) this.#end(asked, { kind: 'answered', answer });
    else if (answer.lost === undefined) this.#options.statistics.count('late answers of the peer');
  }

  #timedOut(asked: Asked): void {
    this.#options.statistics.count('calls that the peer did not answer in time');
    this.#end(
      asked,
      unanswered(
        'TIMEOUT',
        'the peer has not answered within the time that its protocol or --timeout allows',
      ),
    );
  }

  #end(asked: Asked, end: CallEnd): void {
    asked.isOver = true;
    asked.deadline?.cancel();
    asked.call.settle(end);
  }
}

function unanswered(code: CallFault, why: string): CallEnd {
  return { kind: 'unanswered', code, why };
}

const NOT_SENT = {
  'too-large': unanswered('JSONRPC_INVALID_PARAMS', 'the message does not fit a frame'),
  full: unanswered('BUSY', 'the peer has yet to answer as many requests as its protocol allows'),
  closed: unanswered('CONNECTION_CLOSED', 'the peer is gone'),
};
