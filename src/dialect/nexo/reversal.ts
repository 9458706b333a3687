import { JsonNumber, type JsonObject, memberAt, textAt } from '../../rpc/json-tree.ts';
import { readAmount } from './amount.ts';
import type { MessageHeader } from './header.ts';
import type { Original, OriginalName } from './memory.ts';
import { identityOf } from './purchase.ts';
import { without } from './rest.ts';

const NAME = ['OriginalPOITransaction', 'POITransactionID'] as const;

/** The terminal's own name for what a `ReversalRequest` undoes. */
export function originalNamed(
  header: MessageHeader,
  body: JsonObject,
): OriginalName | { readonly why: string } {
  const TransactionID = textAt(body, ...NAME, 'TransactionID') ?? '';
  const TimeStamp = textAt(body, ...NAME, 'TimeStamp') ?? '';
  if (TransactionID === '' || TimeStamp === '') {
    return { why: `${NAME.join('.')}: TransactionID and TimeStamp are wanted` };
  }
  const POIID = textAt(body, 'OriginalPOITransaction', 'POIID') ?? header.POIID;
  if (POIID !== header.POIID) {
    return { why: 'OriginalPOITransaction.POIID is not the one of this terminal' };
  }
  const SaleID = textAt(body, 'OriginalPOITransaction', 'SaleID') ?? header.SaleID;
  return { TransactionID, TimeStamp, SaleID };
}

export type ReadReversal =
  | { readonly ok: true; readonly params: JsonObject }
  | { readonly ok: false; readonly why: string };

/** A `ReversalRequest` as a Reversal; without `ReversedAmount` everything is undone. */
export function readReversal(
  { ServiceID = '', SaleID }: MessageHeader,
  body: JsonObject,
  { asked, amount, currency }: Original,
): ReadReversal {
  const given = memberAt(body, 'ReversedAmount');
  const reversed = given === undefined ? { ok: true as const, minor: amount } : readAmount(given, currency);
  if (!reversed.ok) return { ok: false, why: `ReversedAmount: ${reversed.why}` };
  if (reversed.minor === 0 || reversed.minor > amount) {
    return { ok: false, why: 'ReversedAmount is none, or more than was paid' };
  }
  return {
    ok: true,
    params: {
      ...identityOf(ServiceID, SaleID),
      original_receipt_id: asked.ServiceID,
      original_sequence_id: asked.SaleID,
      amount: new JsonNumber(reversed.minor),
      currency,
      nexo: without(body, ['OriginalPOITransaction', 'ReversedAmount']),
    },
  };
}
