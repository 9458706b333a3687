import { MASK } from './rules.ts';

/** Shorter ones are words of every text; of digits alone, shorter ones are amounts and receipt numbers. */
const MIN_LENGTH = 6;
const MIN_DIGITS = 12;
const MAX_LITERALS = 256;
const MAX_OF_A_SCOPE = 64;

/** Each text, as it is and as JSON writes it, with the number of those who want it hidden. */
const literals = new Map<string, number>();
/** Those of digits alone: they are found in groups, too. */
let numbers: readonly string[] = [];
/** Finds any of them, the longest first; made when it is wanted. */
let pattern: RegExp | undefined;

/**
 * Hides a secret that is known, an api key for instance, wherever it stands in what is masked, until the answer is
 * called: a peer may repeat it where no name tells what it is. Texts under 6 characters, or 12 digits, are not hidden.
 *
 * Limits: 256 texts at a time; beyond, those that came first are forgotten
 */
export function hideLiteral(secret: string): () => void {
  if (secret.length < MIN_LENGTH || (/^\d+$/.test(secret) && secret.length < MIN_DIGITS)) return () => {};
  const forms = [...new Set([secret, JSON.stringify(secret).slice(1, -1)])];
  for (const form of forms) literals.set(form, (literals.get(form) ?? 0) + 1);
  for (const form of literals.keys()) {
    if (literals.size <= MAX_LITERALS) break;
    literals.delete(form);
  }
  changed();
  let isHidden = true;
  return () => {
    if (!isHidden) return;
    isHidden = false;
    for (const form of forms) {
      const count = literals.get(form) ?? 0;
      if (count > 1) literals.set(form, count - 1);
      else literals.delete(form);
    }
    changed();
  };
}

/** What one connection has told that is secret, hidden for its life: each once, the last 64. */
export class HiddenLiterals {
  readonly #shows = new Map<string, () => void>();

  hide(secret: string): void {
    if (this.#shows.has(secret)) return;
    this.#shows.set(secret, hideLiteral(secret));
    const [oldest] = this.#shows;
    if (this.#shows.size <= MAX_OF_A_SCOPE || oldest === undefined) return;
    oldest[1]();
    this.#shows.delete(oldest[0]);
  }

  /** Safe to repeat. */
  release(): void {
    for (const show of this.#shows.values()) show();
    this.#shows.clear();
  }
}

export function maskLiterals(text: string): string {
  if (literals.size === 0) return text;
  pattern ??= new RegExp(
    [...literals.keys()]
      .sort((a, b) => b.length - a.length)
      .map((literal) => literal.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
      .join('|'),
    'g',
  );
  return text.replace(pattern, MASK);
}

export function knownNumbers(): readonly string[] {
  return numbers;
}

function changed(): void {
  pattern = undefined;
  numbers = [...literals.keys()].filter((literal) => /^\d+$/.test(literal));
}
