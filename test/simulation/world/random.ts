/** A repeatable stream of numbers (sfc32): the same seed and label give the same stream on every machine. */
export class Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    this.#seed = seed;
    const mix = mixer(seed);
    this.#a = mix();
    this.#b = mix();
    this.#c = mix();
    for (let turn = 0; turn < 12; turn += 1) this.next();
  }

  /** A stream of its own: what is drawn from it changes nothing for others. */
  fork(label: string): Random {
    return new Random(`${this.#seed}/${label}`);
  }

  /** 32 random bits. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** From 0 to 1, 1 left out. */
  fraction(): number {
    return this.next() / 2 ** 32;
  }

  /** A whole number below a limit. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  oneOf<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('one of nothing');
    return list[this.below(list.length)] as T;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

/** Numbers that depend on every letter of a text (MurmurHash3's mixing). */
function mixer(text: string): () => number {
  let hash = 1779033703 ^ text.length;
  for (const letter of text) {
    hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 3432918353);
    hash = (hash << 13) | (hash >>> 19);
  }
  return () => {
    hash = Math.imul(hash ^ (hash >>> 16), 2246822507);
    hash = Math.imul(hash ^ (hash >>> 13), 3266489909);
    hash ^= hash >>> 16;
    return hash >>> 0;
  };
}
