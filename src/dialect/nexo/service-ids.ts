/** ServiceIDs and DeviceIDs have 10 characters at most. */
const MAX_ID = 10;
const RANDOM_CHARACTERS = 5;

/**
 * Makes ids for what we ask by ourselves: a random part, and a counter in base 36. Different connections have different
 * ids with some luck, which is enough where an id only pairs an answer with its request.
 */
export function createServiceIds(random: string): () => string {
  const start = random.replace(/[^A-Za-z0-9]/g, '').slice(0, RANDOM_CHARACTERS);
  const limit = 36 ** (MAX_ID - RANDOM_CHARACTERS);
  let count = 0;
  return () => {
    count = (count + 1) % limit;
    return `${start}${count.toString(36).toUpperCase()}`;
  };
}
