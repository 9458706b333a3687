import type { Clock } from '../../base/clock.ts';
import type { Element } from './elements.ts';

/** How long a server may ask to be kept up to date, seconds. */
export const MIN_TTL_S = 30;
export const MAX_TTL_S = 300;
/** Values of one session that are remembered; the oldest makes room. */
const MAX_VALUES = 4096;
const MAX_SUBSCRIPTIONS = 4096;

/** `always`: every change is told. `subscribed`: only where the server has asked, and as long as it asked for. */
export type Push = 'always' | 'subscribed';

/** What of a pump the server wants to hear about. */
export type UpdateKind = 'PUMP' | 'TRANSACTION';

/** What one session's server has been told, and what it wants to be told unasked. */
export class Updates {
  readonly #clock: Clock;
  readonly #push: Push;
  /** The last value by key, oldest first. */
  readonly #told = new Map<string, string>();
  /** Until when, by kind and pump. */
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock, push: Push) {
    this.#clock = clock;
    this.#push = push;
  }

  /** Begins when the answer is sent; a new one takes the place of an earlier one. */
  subscribe(kind: UpdateKind, pump: number, ttlS: number): void {
    const nowMs = this.#clock.nowMs();
    for (const [name, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(name);
    const [oldest] = this.#untilMs.keys();
    if (this.#untilMs.size >= MAX_SUBSCRIPTIONS && oldest !== undefined) this.#untilMs.delete(oldest);
    this.#untilMs.set(`${kind} ${pump}`, nowMs + ttlS * 1000);
  }

  /** Whether it is something else than what the server was told last. */
  isNews({ key, args }: Element): boolean {
    return this.#told.get(key) !== args.join(' ');
  }

  /** Whether this is news that the server wants. */
  wants(element: Element): boolean {
    const { name, pump } = element;
    if (!this.isNews(element)) return false;
    if (this.#push === 'always') return true;
    return (this.#untilMs.get(`${name} ${pump}`) ?? 0) > this.#clock.nowMs();
  }

  told({ key, args }: Element): void {
    this.#told.delete(key);
    this.#told.set(key, args.join(' '));
    const [oldest] = this.#told.keys();
    if (this.#told.size > MAX_VALUES && oldest !== undefined) this.#told.delete(oldest);
  }

  /** The server may have heard something else on another session since: everything is news. */
  forget(): void {
    this.#told.clear();
  }

  /** The server has changed something there: its next state is news, even if it is the old one. */
  touched(pump: number): void {
    this.#told.delete(`PUMP ${pump}`);
  }
}
