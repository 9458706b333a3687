import type { Clock } from '../../base/clock.ts';
import { CATALOGUE } from './catalogue.ts';
import type { EcrMessage } from './frame.ts';

/** How long an answered frame is known again. */
const REMEMBERED_MS = 30_000;
const MAX_REMEMBERED = 256;

/** A frame of the peer that was taken. */
export interface Taken {
  readonly type: string;
  /** What it was answered with, the whole frame. */
  answer: Buffer | undefined;
  /** Undefined while it is not answered. */
  answeredMs: number | undefined;
  readonly key: string;
}

/** Knows the frames that the peer sends again because our ACK or our answer was lost. */
export class Repeats {
  readonly #clock: Clock;
  /** In the order in which they came. */
  readonly #taken = new Map<string, Taken>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `isNew`: act upon it. Otherwise the first one with the same token, type and body. */
  take(message: EcrMessage): { readonly isNew: boolean; readonly taken: Taken } {
    const { type } = message;
    const key = keyOf(message);
    const known = this.#taken.get(key);
    if (known !== undefined && !this.#isOver(known)) return { isNew: false, taken: known };
    const taken: Taken = { type, answer: undefined, answeredMs: undefined, key };
    const { repeats, answer } = CATALOGUE.get(type) ?? { repeats: 'remembered' };
    if (repeats === undefined) return { isNew: true, taken };
    if (answer === undefined) taken.answeredMs = this.#clock.nowMs();
    this.#taken.delete(key);
    this.#taken.set(key, taken);
    if (this.#taken.size > MAX_REMEMBERED) this.#forgetOne();
    return { isNew: true, taken };
  }

  answered(taken: Taken, answer: Buffer): void {
    taken.answer = answer;
    taken.answeredMs = this.#clock.nowMs();
  }

  /** The peer has the answer: of a conversation's step it will not send the same again for want of it. */
  acknowledged(taken: Taken): void {
    if (CATALOGUE.get(taken.type)?.repeats === 'step') this.#forget(taken);
  }

  #isOver({ answeredMs }: Taken): boolean {
    return answeredMs !== undefined && this.#clock.nowMs() - answeredMs > REMEMBERED_MS;
  }

  /** The oldest answered one, else the oldest. */
  #forgetOne(): void {
    const all = [...this.#taken.values()];
    const oldest = all.find(({ answeredMs }) => answeredMs !== undefined) ?? all[0];
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(taken: Taken): void {
    if (this.#taken.get(taken.key) === taken) this.#taken.delete(taken.key);
  }
}

/** Fields cannot hold FS. */
function keyOf({ token, type, fields }: EcrMessage): string {
  return [token, type, ...fields.map((field) => field.toString('latin1'))].join('\x1c');
}
