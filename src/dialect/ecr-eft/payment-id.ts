import { createHash } from 'node:crypto';

/** Longest id that the protocol carries. */
export const MAX_ID = 20;
/** Stands between `receipt_id` and `sequence_id` in a payment id. */
const SEPARATOR = '/';
/** Stands in front of a digest, whose letters are these. */
const MARK = 'H';
const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUV';
const DIGEST = /^H[0-9A-V]{19}$/;
const SAYABLE = /^[\x20-\x7e]{1,20}$/;

/**
 * The id that a terminal knows a sale by: as the register says it where the protocol can, else a digest, which is the
 * same for the same identifiers, always. Two sales never have the same id: what looks like a digest is one, and what
 * could be read as `receipt_id/sequence_id` is no other sale's `receipt_id`.
 *
 * @param isOwn the register speaks this protocol itself: `receipt_id` is its own payment id, whatever characters it
 *   has.
 */
export function paymentIdOf(receiptId: string, sequenceId: string | null, isOwn: boolean): string {
  const parts = sequenceId === null ? [receiptId] : [receiptId, sequenceId];
  const said = parts.join(SEPARATOR);
  const isClear =
    (isOwn && sequenceId === null) || parts.every((part) => part !== '' && !part.includes(SEPARATOR));
  return isClear && SAYABLE.test(said) && !DIGEST.test(said) ? said : digestOf(receiptId, sequenceId);
}

/** 95 bits: no two of a thousand million sales meet. */
function digestOf(receiptId: string, sequenceId: string | null): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([receiptId, sequenceId]))
    .digest();
  const letters = [...hash.subarray(0, MAX_ID - MARK.length)].map((byte) => LETTERS[byte % LETTERS.length]);
  return `${MARK}${letters.join('')}`;
}
