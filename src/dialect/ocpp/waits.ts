/** Waits that are over when their work says so, or all at one time when nobody is there any more. */
export class Waits {
  readonly #ends = new Set<() => void>();
  #isClosed = false;

  /** Runs what calls `end` once; resolves then, or when all are over. */
  until(run: (end: () => void) => void): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        this.#ends.delete(end);
        resolve();
      };
      this.#ends.add(end);
      run(end);
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const end of [...this.#ends]) end();
  }
}
