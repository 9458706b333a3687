import { JsonCursor } from './json-cursor.ts';

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
  readonly #cursor: JsonCursor;
  readonly #isDropped: (name: string) => boolean;

  constructor(text: string, isDropped: (name: string) => boolean) {
    this.#cursor = new JsonCursor(text);
    this.#isDropped = isDropped;
  }

  /** The value at the cursor without what is dropped, white space around it left out. */
  value(): string {
    const first = this.#cursor.peek();
    if (first === '{') return this.#object();
    if (first === '[') return this.#array();
    return first === '"' ? this.#cursor.string() : this.#cursor.word();
  }

  #object(): string {
    const kept: string[] = [];
    this.#cursor.each('}', () => {
      const name = this.#cursor.name();
      const value = this.value();
      if (this.#isDropped(JSON.parse(name) as string)) this.hasDropped = true;
      else kept.push(`${name}:${value}`);
    });
    return `{${kept.join(',')}}`;
  }

  #array(): string {
    const kept: string[] = [];
    this.#cursor.each(']', () => kept.push(this.value()));
    return `[${kept.join(',')}]`;
  }
}
