import { afterSilence, type Clock, type Timer } from '../../base/clock.ts';
import { type Action, actionRow } from './actions.ts';
import type { Payload } from './frame.ts';

/** What became of a call to the charge point. */
export type CallOutcome =
  | { readonly kind: 'result'; readonly payload: Payload }
  | {
      readonly kind: 'error';
      readonly code: string;
      readonly description: string;
      readonly details: Payload;
    }
  | { readonly kind: 'no answer'; readonly wasSent: boolean }
  | { readonly kind: 'lost'; readonly wasSent: boolean };

interface Call {
  readonly id: string;
  readonly action: Action;
  readonly payload: string;
  readonly settle: (outcome: CallOutcome) => void;
  readonly deadline: Timer;
}

export interface OutboundHost {
  readonly clock: Clock;
  /** At most 36 characters, never the same twice. */
  newId(): string;
  send(id: string, action: Action, payload: string): void;
}

/** Calls that may wait for one charge point. */
const MAX_WAITING = 50;
/** From the moment that a call is asked for, so that a silent charge point holds up nobody for longer. */
const CALL_MS = 30_000;

/**
 * The CALLs to one charge point: one at a time, as the protocol wants it. Those that are urgent overtake what waits. A
 * call whose deadline has passed is given up; its answer, should it come, fits nothing any more.
 */
export class OutboundCalls {
  readonly #host: OutboundHost;
  readonly #urgent: Call[] = [];
  readonly #waiting: Call[] = [];
  #current: Call | undefined;
  #isClosed = false;

  constructor(host: OutboundHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#urgent.length + this.#waiting.length + (this.#current === undefined ? 0 : 1);
  }

  /** `settle` is called once, unless the answer is `full` or `closed`. */
  add(action: Action, payload: string, settle: (outcome: CallOutcome) => void): 'added' | 'full' | 'closed' {
    if (this.#isClosed) return 'closed';
    if (this.size > MAX_WAITING) return 'full';
    const deadline = afterSilence(this.#host.clock, CALL_MS, () => this.#late(call));
    const call: Call = { id: this.#host.newId(), action, payload, settle, deadline };
    (actionRow(action).isUrgent ? this.#urgent : this.#waiting).push(call);
    this.#next();
    return 'added';
  }

  /** The action that this answer of the charge point belongs to; undefined: to none. */
  actionOf(id: string): Action | undefined {
    return this.#current?.id === id ? this.#current.action : undefined;
  }

  /** False: nothing of that id is awaited. */
  answered(id: string, outcome: CallOutcome): boolean {
    const call = this.#current;
    if (call?.id !== id) return false;
    this.#current = undefined;
    call.deadline.cancel();
    // First the next one, in case that whoever asked asks again at once.
    this.#next();
    call.settle(outcome);
    return true;
  }

  /** The connection is over. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const current = this.#current;
    this.#current = undefined;
    for (const call of [current, ...this.#urgent.splice(0), ...this.#waiting.splice(0)]) {
      if (call === undefined) continue;
      call.deadline.cancel();
      call.settle({ kind: 'lost', wasSent: call === current });
    }
  }

  #late(call: Call): void {
    const wasSent = this.#current === call;
    if (wasSent) this.#current = undefined;
    else
      for (const queue of [this.#urgent, this.#waiting]) {
        const at = queue.indexOf(call);
        if (at !== -1) queue.splice(at, 1);
      }
    this.#next();
    call.settle({ kind: 'no answer', wasSent });
  }

  #next(): void {
    if (this.#current !== undefined || this.#isClosed) return;
    const call = this.#urgent.shift() ?? this.#waiting.shift();
    if (call === undefined) return;
    this.#current = call;
    this.#host.send(call.id, call.action, call.payload);
  }
}
