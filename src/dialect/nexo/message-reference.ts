import { type JsonObject, objectAt, textAt } from '../../rpc/json-tree.ts';
import type { MessageHeader } from './header.ts';

/** `MessageReference`: which earlier request a TransactionStatus or an Abort is about. */
export interface Reference {
  /** As it was written; default: Payment. */
  readonly category: string;
  readonly ServiceID: string;
  readonly SaleID: string;
  readonly POIID: string;
}

export type TransactionCategory = 'Payment' | 'Reversal';

/** Undefined: none is named. */
export function referenceOf(header: MessageHeader, body: JsonObject): Reference | undefined {
  const reference = objectAt(body, 'MessageReference');
  if (reference === undefined) return undefined;
  return {
    category: textAt(reference, 'MessageCategory') ?? 'Payment',
    ServiceID: textAt(reference, 'ServiceID') ?? '',
    SaleID: textAt(reference, 'SaleID') ?? header.SaleID,
    POIID: textAt(reference, 'POIID') ?? header.POIID,
  };
}

/** Which kind of transaction a reference names, or why it names none. */
export function categoryOf(
  { category, ServiceID, POIID }: Reference,
  header: MessageHeader,
): TransactionCategory | { readonly why: string } {
  if (ServiceID === '') return { why: 'MessageReference.ServiceID is missing' };
  if (POIID !== header.POIID) return { why: 'MessageReference.POIID is not the one of this terminal' };
  const named = TRANSACTIONS.find((one) => one.toLowerCase() === category.toLowerCase());
  return named ?? { why: 'MessageReference.MessageCategory: only Payment and Reversal are kept' };
}

const TRANSACTIONS: readonly TransactionCategory[] = ['Payment', 'Reversal'];
