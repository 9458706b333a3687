/** Repeatable random numbers in [0, 1): mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Changes, inserts, removes, doubles or cuts bytes in a few places. `alphabet`: what is likely to matter. */
export function mutated(bytes: Buffer, random: () => number, alphabet: Buffer): Buffer {
  let result = Buffer.from(bytes);
  const anyByte = () => {
    const byte = random() < 0.8 ? alphabet[Math.floor(random() * alphabet.length)] : undefined;
    return byte ?? Math.floor(random() * 256);
  };
  for (let count = 1 + Math.floor(random() * 3); count > 0; count -= 1) {
    const at = Math.floor(random() * (result.length + 1));
    const head = result.subarray(0, at);
    const choice = random();
    if (choice < 0.35 && at < result.length) result[at] = anyByte();
    else if (choice < 0.6) result = Buffer.concat([head, Buffer.from([anyByte()]), result.subarray(at)]);
    else if (choice < 0.85) result = Buffer.concat([head, result.subarray(at + 1)]);
    else if (choice < 0.95) result = Buffer.concat([head, result.subarray(Math.max(0, at - 8))]);
    else result = Buffer.from(head);
  }
  return result;
}
