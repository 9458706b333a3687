import { fitsArgument } from './methods.ts';

const MAX_LINES = 32;
const MAX_CHARACTERS = 256;

export type ReadReceipt =
  | { readonly ok: true; readonly lines: readonly (readonly string[])[] }
  | { readonly ok: false; readonly why: string };

/**
 * Reads the `receiptInfo` of a cleared transaction: `[{"key":…,"value":…}]`, words both, may be missing.
 *
 * @returns the arguments of a RECEIPTINFO line for each entry, or what is wrong; quotes no value
 */
export function readReceipt(fscTransactionId: string, result: Buffer): ReadReceipt {
  const { receiptInfo } = JSON.parse(result.toString()) as { receiptInfo?: unknown };
  if (receiptInfo === undefined || receiptInfo === null) return { ok: true, lines: [] };
  if (!Array.isArray(receiptInfo)) return { ok: false, why: 'receiptInfo is no array' };
  if (receiptInfo.length > MAX_LINES) {
    return { ok: false, why: `receiptInfo has more than ${MAX_LINES} entries` };
  }
  const lines: string[][] = [];
  for (const [index, entry] of receiptInfo.entries()) {
    const { key, value } = (entry ?? {}) as { key?: unknown; value?: unknown };
    if (!isWord(key) || !isWord(value)) {
      const why = `receiptInfo[${index}]: key and value have to be strings, each one word of printable ASCII characters`;
      return { ok: false, why };
    }
    lines.push([fscTransactionId, key, value]);
  }
  return { ok: true, lines };
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_CHARACTERS && fitsArgument('token', value);
}
