/**
 * Makes request ids, `<prefix>-<random>-<counter>`, at most 64 characters.
 *
 * @param prefix says whose they are, for people who read the wire; cut where too long.
 * @param random 1 to 32 characters, different for every call of this function, over restarts too: it alone
 *   keeps the ids of different connections apart.
 */
export function createIds(prefix: string, random: string): () => string {
  if (random.length < 1 || random.length > MAX_RANDOM) {
    throw new RangeError(`random: ${random.length} characters, not 1 to ${MAX_RANDOM}`);
  }
  const start = `${prefix.slice(0, MAX_ID - MAX_COUNTER - random.length - 2)}-${random}-`;
  let count = 0;
  return () => {
    count += 1;
    return `${start}${count}`;
  };
}

const MAX_ID = 64;
const MAX_RANDOM = 32;
/** Decimal digits of the largest safe integer. */
const MAX_COUNTER = 16;
