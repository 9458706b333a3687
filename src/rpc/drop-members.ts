/**
 * A valid JSON text without the members, at any depth, whose decoded name `isDropped` names; everything else
 * keeps its own text. The same string when there are none. Nesting is the caller's to bound.
 */
export function dropMembers(text: string, isDropped: (name: string) => boolean): string {
  const walk = new Walk(text, isDropped);
  const kept = walk.value();
  return walk.hasDropped ? kept : text;
}

class Walk {
  hasDropped = false;
  readonly #text: string;
  readonly #isDropped: (name: string) => boolean;
  #at = 0;

  constructor(text: string, isDropped: (name: string) => boolean) {
    this.#text = text;
    this.#isDropped = isDropped;
  }

  /** The value at the cursor without what is dropped, white space around it left out. */
  value(): string {
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === '{') return this.#object();
    if (first === '[') return this.#array();
    return first === '"' ? this.#string() : this.#word();
  }

  #object(): string {
    const kept: string[] = [];
    this.#each('}', () => {
      const name = this.#string();
      this.#skipSpace();
      this.#at += 1; // the colon
      const value = this.value();
      if (this.#isDropped(JSON.parse(name) as string)) this.hasDropped = true;
      else kept.push(`${name}:${value}`);
    });
    return `{${kept.join(',')}}`;
  }

  #array(): string {
    const kept: string[] = [];
    this.#each(']', () => kept.push(this.value()));
    return `[${kept.join(',')}]`;
  }

  #each(close: string, item: () => void): void {
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

  #string(): string {
    const start = this.#at;
    for (this.#at += 1; this.#text[this.#at] !== '"'; this.#at += 1)
      if (this.#text[this.#at] === '\\') this.#at += 1;
    this.#at += 1;
    return this.#text.slice(start, this.#at);
  }

  #word(): string {
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
