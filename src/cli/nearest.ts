/** How far a word may be from what was meant: two slips, and fewer than half of its letters. */
const MAX_SLIPS = 2;

/**
 * ` (did you mean NAME?)` where one of the names is close to what was typed, else nothing; both stand behind `prefix`.
 */
export function didYouMean(typed: string, names: readonly string[], prefix = ''): string {
  if (typed.length > 64) return '';
  const near = names
    .map((name) => ({ name, slips: name.startsWith(typed) && typed.length > 2 ? 0.5 : slips(typed, name) }))
    .filter(({ name, slips }) => slips <= MAX_SLIPS && slips * 2 < name.length)
    .sort((a, b) => a.slips - b.slips);
  const [best] = near;
  return best === undefined ? '' : ` (did you mean ${prefix}${best.name}?)`;
}

/** Letters to add, leave out, change or swap with their neighbour, until one text is the other. */
function slips(a: string, b: string): number {
  let [beforeLast, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let row = 1; row <= a.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      next[column] = Math.min(
        (last[column] ?? 0) + 1,
        (next[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped && row > 1 && column > 1 ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [beforeLast, last] = [last, next];
  }
  return last[b.length] ?? 0;
}
