/** Goes through a JSON text that is known to be valid, a token at a time. */
export class JsonCursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The first character of what comes next, white space skipped. */
  peek(): string | undefined {
    this.#skipSpace();
    return this.#text[this.#at];
  }

  /** Goes through an array or object up to its closing bracket; `item` reads one of its elements or members. */
  each(close: string, item: () => void): void {
    this.#at += 1;
    for (this.#skipSpace(); this.#text[this.#at] !== close; this.#skipSpace()) {
      if (this.#text[this.#at] === ',') {
        this.#at += 1;
        this.#skipSpace();
      }
      item();
    }
    this.#at += 1;
  }

  /** The literal of a member's name, and the colon behind it. */
  name(): string {
    const name = this.string();
    this.#skipSpace();
    this.#at += 1;
    return name;
  }

  /** The literal of a string, with its quotes. */
  string(): string {
    const start = this.#at;
    for (this.#at += 1; this.#text[this.#at] !== '"'; this.#at += 1)
      if (this.#text[this.#at] === '\\') this.#at += 1;
    this.#at += 1;
    return this.#text.slice(start, this.#at);
  }

  /** A number, `true`, `false` or `null`. */
  word(): string {
    WORD.lastIndex = this.#at;
    const [word = ''] = WORD.exec(this.#text) ?? [];
    this.#at += word.length;
    return word;
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    this.#at += SPACE.exec(this.#text)?.[0].length ?? 0;
  }
}

const WORD = /[^\s,\]}]*/y;
const SPACE = /[ \t\r\n]*/y;
