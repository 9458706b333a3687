import type { Disconnection } from '../pos/keeper.ts';

/** Of attempts that fail in the same way, every such one is worth a line. */
const WORTH_EVERY = 12;

/**
 * Tells which failed attempts are worth a line: the first, one that fails in another way, and now and then one of the
 * others.
 */
export class RepeatedFailures {
  #why = '';

  isWorthALine({ reason, failures }: Disconnection): boolean {
    const isOther = reason.text !== this.#why;
    this.#why = reason.text;
    return isOther || failures <= 1 || failures % WORTH_EVERY === 0;
  }
}
