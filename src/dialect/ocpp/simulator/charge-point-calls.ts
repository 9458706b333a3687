import { afterSilence, type Clock, type Timer } from '../../../base/clock.ts';
import type { Action } from '../actions.ts';

/**
 * What became of a CALL: the payload of its answer, a refusal, or nothing, because the connection went away or nobody
 * answered.
 */
export type Answer =
  | { readonly kind: 'result'; readonly payload: Readonly<Record<string, unknown>> }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'none' };

interface Call {
  readonly action: Action;
  /** Made when it is sent: a number that an earlier answer brings may be in it. */
  readonly payload: () => object;
  readonly settle: (answer: Answer) => void;
  /** About a transaction: kept until it is answered, also without a connection. */
  readonly isKept: boolean;
  attempts: number;
}

export interface CallsHost {
  readonly clock: Clock;
  newId(): string;
  send(id: string, action: Action, payload: object): void;
}

const ANSWER_MS = 30_000;
/** As the protocol's configuration keys TransactionMessageAttempts and TransactionMessageRetryInterval say. */
const ATTEMPTS = 3;
const RETRY_MS = 5000;

/**
 * The CALLs of a charge point: one at a time, those about transactions in their order and kept while there is no
 * connection. One that is refused is tried three times and then given up, as the protocol says.
 */
export class ChargePointCalls {
  readonly #host: CallsHost;
  #waiting: Call[] = [];
  #current: { readonly id: string; readonly call: Call; readonly deadline: Timer } | undefined;
  #isOnline = false;
  #pause: Timer | undefined;

  constructor(host: CallsHost) {
    this.#host = host;
  }

  /** Nothing waits for an answer, or to be sent. */
  get isIdle(): boolean {
    return this.#current === undefined && this.#waiting.length === 0;
  }

  ask(action: Action, payload: () => object, isKept = false): Promise<Answer> {
    return new Promise((settle) => {
      const call = { action, payload, settle, isKept, attempts: 0 };
      if (!this.#isOnline && !isKept) {
        settle({ kind: 'none' });
        return;
      }
      this.#waiting.push(call);
      this.#next();
    });
  }

  /** There is a connection: what was kept goes out. */
  online(): void {
    this.#isOnline = true;
    this.#next();
  }

  offline(): void {
    this.#isOnline = false;
    this.#pause?.cancel();
    this.#pause = undefined;
    const current = this.#current;
    this.#current = undefined;
    current?.deadline.cancel();
    const lost = [...(current === undefined ? [] : [current.call]), ...this.#waiting];
    this.#waiting = lost.filter(({ isKept }) => isKept);
    for (const { isKept, settle } of lost) if (!isKept) settle({ kind: 'none' });
  }

  answered(id: string, answer: Exclude<Answer, { kind: 'none' }>): void {
    if (this.#current?.id !== id) return;
    const { call, deadline } = this.#current;
    deadline.cancel();
    this.#current = undefined;
    if (answer.kind === 'error' && call.isKept && call.attempts < ATTEMPTS) this.#retry(call);
    else call.settle(answer);
    // Whoever asked may learn something from the answer that belongs into the next call.
    this.#host.clock.after(0, () => this.#next());
  }

  #retry(call: Call): void {
    this.#waiting.unshift(call);
    this.#pause = this.#host.clock.after(RETRY_MS * call.attempts, () => {
      this.#pause = undefined;
      this.#next();
    });
  }

  #next(): void {
    if (!this.#isOnline || this.#current !== undefined) return;
    // While a message about a transaction waits for its next attempt, the others may go.
    const at = this.#pause === undefined ? 0 : this.#waiting.findIndex(({ isKept }) => !isKept);
    const [call] = at === -1 ? [] : this.#waiting.splice(at, 1);
    if (call === undefined) return;
    const id = this.#host.newId();
    call.attempts += 1;
    const deadline = afterSilence(this.#host.clock, ANSWER_MS, () =>
      this.answered(id, { kind: 'error', code: 'Timeout' }),
    );
    this.#current = { id, call, deadline };
    this.#host.send(id, call.action, call.payload());
  }
}
