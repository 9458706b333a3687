/** Requests that await their answers, oldest first, at most `limit` of them. */
export class Pending<T> {
  readonly #limit: number;
  #entries = new Map<string, T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  get isFull(): boolean {
    return this.#entries.size >= this.#limit;
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** Oldest first. */
  ids(): string[] {
    return [...this.#entries.keys()];
  }

  /** False, and nothing happens, when it is full or the id is taken. */
  add(id: string, value: T): boolean {
    if (this.isFull || this.#entries.has(id)) return false;
    this.#entries.set(id, value);
    return true;
  }

  /** Takes it out: the second time there is nothing. */
  take(id: string): T | undefined {
    const value = this.#entries.get(id);
    this.#entries.delete(id);
    return value;
  }

  /** Takes all out, then hands them over, oldest first; what is added meanwhile stays. */
  settleAll(settle: (value: T, id: string) => void): void {
    const entries = this.#entries;
    this.#entries = new Map();
    for (const [id, value] of entries) settle(value, id);
  }
}
