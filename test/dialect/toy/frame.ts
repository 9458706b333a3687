/** A binary message: kind, number of the call, length of the method, method, JSON. */
export interface ToyFrame {
  readonly kind: 'call' | 'result' | 'error';
  readonly id: number;
  /** Empty in answers. */
  readonly method: string;
  readonly body: Buffer;
}

const KINDS = ['call', 'result', 'error'] as const;
const HEADER_BYTES = 4;

export function encodeToy({ kind, id, method, body }: ToyFrame): Buffer {
  const header = Buffer.from([KINDS.indexOf(kind), id >> 8, id & 0xff, method.length]);
  return Buffer.concat([header, Buffer.from(method, 'latin1'), body]);
}

/** Undefined: it is no frame. */
export function decodeToy(bytes: Buffer): ToyFrame | undefined {
  const kind = KINDS[bytes[0] ?? KINDS.length];
  const bodyAt = HEADER_BYTES + (bytes[HEADER_BYTES - 1] ?? 0);
  if (kind === undefined || bytes.length <= bodyAt) return undefined;
  const method = bytes.toString('latin1', HEADER_BYTES, bodyAt);
  return { kind, id: bytes.readUInt16BE(1), method, body: bytes.subarray(bodyAt) };
}
