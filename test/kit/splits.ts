/** Every way to cut bytes into two pieces, the whole with an empty piece on either side included. */
export function* everySplit(bytes: Buffer): Generator<Buffer[]> {
  for (let at = 0; at <= bytes.length; at += 1) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

/** Pieces of the same size; the last one may be shorter. */
export function inPieces(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}

export function byteByByte(bytes: Buffer): Buffer[] {
  return inPieces(bytes, 1);
}
