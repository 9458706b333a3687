import { createHash } from 'node:crypto';

/** Who said and did what, with simulated times: for people, and, as a hash, for comparing two runs. */
export class Story {
  readonly #hash = createHash('sha256');
  readonly #lines: string[] | undefined;
  readonly #nowMs: () => number;
  #length = 0;

  /** @param isKept whether the lines are wanted, or their hash alone */
  constructor(nowMs: () => number, isKept: boolean) {
    this.#nowMs = nowMs;
    this.#lines = isKept ? [] : undefined;
  }

  tell(who: string, what: string): void {
    const line = `${this.#nowMs().toFixed(3).padStart(12)} ${who}: ${what}`;
    this.#hash.update(line);
    this.#length += 1;
    this.#lines?.push(line);
  }

  get length(): number {
    return this.#length;
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  /** Of everything so far. */
  get digest(): string {
    return this.#hash.copy().digest('hex');
  }
}
