import type { Clock, Timer } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Applications } from './applications.ts';
import type { OpenRequest } from './open-request.ts';
import type { OpenRequests } from './open-requests.ts';
import { STOPPING, stopTimes } from './stopping.ts';
import type { Transactions } from './transactions.ts';

/** How long ordinary requests are still answered after the peer has ended its output. */
const INPUT_ENDED_MS = 5000;

export interface LastCallOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly drainMs?: number;
  readonly applications: Applications;
  readonly requests: OpenRequests;
  readonly transactions: Transactions;
}

/**
 * Ends the open requests of one connection when their time is over: the peer has ended its output, or the bridge is to
 * stop.
 */
export class LastCall {
  readonly #options: LastCallOptions;
  /** Runs when the peer has ended its output, until it is gone. */
  #inputEnded: Timer | undefined;
  /** Runs when the bridge is told to stop, whatever the peer does. */
  #stop: Timer | undefined;

  constructor(options: LastCallOptions) {
    this.#options = options;
  }

  inputEnded(): void {
    const giveUp = () => this.#giveUpWaiting('TIMEOUT', 'the peer has ended its output');
    this.#inputEnded ??= this.#options.clock.after(INPUT_ENDED_MS, giveUp);
  }

  peerGone(): void {
    this.#inputEnded?.cancel();
  }

  stop(): void {
    const { requestsMs, transactionsMs } = stopTimes(this.#options.drainMs);
    this.#stop = this.#options.clock.after(requestsMs, () => {
      if (transactionsMs === requestsMs) this.#endAll();
      else this.#awaitTransactions(transactionsMs - requestsMs);
    });
  }

  /** Nothing is open any more. */
  cancel(): void {
    this.#stop?.cancel();
  }

  /** Ordinary requests have had their time; transactions, and questions of the peer about them, have so much more. */
  #awaitTransactions(ms: number): void {
    const { clock, log, requests } = this.#options;
    this.#giveUpWaiting('CHANNEL_UNAVAILABLE', STOPPING, ({ method }) => !requests.isRecovery(method));
    const methods = [...requests].map(({ method }) => method);
    if (methods.length > 0) {
      log.info('stopping waits for transactions', { methods, 'at most s': Math.ceil(ms / 1000) });
    }
    this.#stop = clock.after(ms, () => this.#endAll());
  }

  #endAll(): void {
    const { applications, requests, transactions } = this.#options;
    applications.questions.close();
    this.#giveUpWaiting('CHANNEL_UNAVAILABLE', STOPPING);
    for (const open of requests) transactions.giveUp(open, STOPPING);
  }

  /** Ends all that may be ended: what is no transaction, or was not handed over. */
  #giveUpWaiting(code: string, why: string, concerns: (open: OpenRequest) => boolean = () => true): void {
    const { requests } = this.#options;
    for (const open of requests) {
      const isKept = open.transaction !== undefined && open.transaction.state !== 'queued';
      if (isKept || !concerns(open)) continue;
      open.line?.withdraw();
      requests.settleRefused(open, code, why);
    }
  }
}
