/** Whose requests they are. */
export type Side = 'register' | 'terminal';

/** The two sides draw from ranges of their own, so that simultaneous requests cannot have the same token. */
const RANGES: Readonly<Record<Side, { readonly first: number; readonly count: number }>> = {
  register: { first: 10_000, count: 10_000 },
  terminal: { first: 20_000, count: 20_000 },
};

/**
 * Makes a source of tokens for one side. It begins anywhere in the side's range, so that a process that starts anew
 * does not begin with the tokens of the last one.
 *
 * @param seed random letters and digits.
 */
export function tokensOf(side: Side, seed: string): () => number {
  const { first, count } = RANGES[side];
  let next = 0;
  for (const letter of seed) next = (next * 31 + letter.charCodeAt(0)) % count;
  return () => {
    const token = first + next;
    next = (next + 1) % count;
    return token;
  };
}
