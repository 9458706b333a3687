import { fitsArgument } from './methods.ts';

const MAX_LINES = 32;

/** The arguments of the RECEIPTINFO lines in the result of a CLEAR; what is no word for a line is left out. */
export function receiptLines(fscTransactionId: string, result: Buffer): string[][] {
  const { receiptInfo } = JSON.parse(result.toString()) as { receiptInfo?: unknown };
  if (!Array.isArray(receiptInfo)) return [];
  return receiptInfo.slice(0, MAX_LINES).flatMap((entry: unknown) => {
    const { key, value } = (entry ?? {}) as { key?: unknown; value?: unknown };
    return isWord(key) && isWord(value) ? [[fscTransactionId, key, value]] : [];
  });
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 256 && fitsArgument('token', value);
}
