import { afterSilence, type Clock, type Timer } from '../../base/clock.ts';
import type { Arguments } from './methods.ts';

/** How long the server may take to answer. No source names a time. */
const ANSWER_MS = 30_000;
/** Requests of one session that may wait for the server. */
const MAX_PENDING = 256;

/** `gone`: the session ended before the answer. */
export type ServerAnswer =
  | { readonly kind: 'ok' }
  | { readonly kind: 'error'; readonly code: number; readonly text: string }
  | { readonly kind: 'gone' | 'late' };

interface Pending {
  readonly settle: (answer: ServerAnswer) => void;
  readonly timer: Timer;
}

/** Our own requests on one session, by tag: `C0`, `C1`, … Each is settled exactly once. */
export class ServerQuestions {
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isFull(): boolean {
    return this.#pending.size >= MAX_PENDING;
  }

  /** The tag to ask under. */
  add(settle: (answer: ServerAnswer) => void): string {
    const tag = `C${this.#count}`;
    this.#count += 1;
    const timer = afterSilence(this.#clock, ANSWER_MS, () => this.#settle(tag, { kind: 'late' }));
    this.#pending.set(tag, { settle, timer });
    return tag;
  }

  /** False: nothing of ours has this tag. */
  ok(tag: string): boolean {
    return this.#settle(tag, { kind: 'ok' });
  }

  error(tag: string, { values }: Arguments): boolean {
    return this.#settle(tag, {
      kind: 'error',
      code: Number(values['code']),
      text: values['reason'] ?? '',
    });
  }

  close(): void {
    for (const tag of [...this.#pending.keys()]) this.#settle(tag, { kind: 'gone' });
  }

  #settle(tag: string, answer: ServerAnswer): boolean {
    const pending = this.#pending.get(tag);
    if (pending === undefined) return false;
    this.#pending.delete(tag);
    pending.timer.cancel();
    pending.settle(answer);
    return true;
  }
}
