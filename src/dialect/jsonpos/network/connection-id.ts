import { decodeString, kindOf } from '../../../rpc/scan.ts';

/** What a proxied connection is called on the wire. */
export interface ConnectionId {
  /** The number in decimal digits: equal numbers have equal keys, however they were written. */
  readonly key: string;
  /** The JSON text, as it was written first. */
  readonly text: string;
}

/**
 * Reads a `connection_id`, or the `id` of `Data`, from its JSON text: a whole number of 64 bits, or a string that
 * holds one. It is never turned into a double, which has no room for it. Undefined: it is none.
 */
export function readConnectionId(written: Buffer | undefined): ConnectionId | undefined {
  const digits = wholeNumberIn(written);
  if (written === undefined || digits === undefined) return undefined;
  const value = BigInt(digits);
  return BigInt.asIntN(64, value) === value ? { key: String(value), text: written.toString() } : undefined;
}

/** Reads a `port` in the same manner. */
export function readPort(written: Buffer | undefined): number | undefined {
  const port = Number(wholeNumberIn(written) ?? Number.NaN);
  return port >= 1 && port <= MAX_PORT ? port : undefined;
}

function wholeNumberIn(written: Buffer | undefined): string | undefined {
  if (written === undefined || written.length > MAX_WRITTEN_BYTES) return undefined;
  const text = written.toString();
  const digits = kindOf(written) === 'string' ? decodeString(text) : text;
  return WHOLE_NUMBER.test(digits) ? digits : undefined;
}

const MAX_PORT = 65_535;
/** Twenty characters, each of them escaped, in quotes. */
const MAX_WRITTEN_BYTES = 122;
const WHOLE_NUMBER = /^-?(0|[1-9]\d{0,18})$/;
