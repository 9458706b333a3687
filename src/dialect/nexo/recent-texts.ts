/** The texts that came last, at most `limit` of them. */
export class RecentTexts {
  readonly #limit: number;
  readonly #texts = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  has(text: string): boolean {
    return this.#texts.has(text);
  }

  /** False, and nothing happens, where it is there already. */
  add(text: string): boolean {
    if (this.#texts.has(text)) return false;
    const [oldest] = this.#texts;
    if (this.#texts.size >= this.#limit && oldest !== undefined) this.#texts.delete(oldest);
    this.#texts.add(text);
    return true;
  }
}
