import {
  type Json,
  JsonNumber,
  type JsonObject,
  listAt,
  memberAt,
  objectAt,
  textAt,
} from '../../rpc/json-tree.ts';
import { readAmount, writeAmount } from './amount.ts';
import { minorAt } from './purchase.ts';
import { readReceipts, writeReceipts } from './receipts.ts';
import { merged, without } from './rest.ts';
import type { Vendor } from './vendors.ts';

/** What was asked for; after a restart it may not be known. */
export interface Asked {
  readonly type: 'Normal' | 'Refund' | undefined;
  readonly amount: number | undefined;
  readonly currency: string | undefined;
}

export type WrittenApproval =
  | { readonly ok: true; readonly body: JsonObject }
  | { readonly ok: false; readonly why: string };

/**
 * A result as the rest of a `PaymentResponse`: `Response`, `POIData` and `PaymentResult`. `result.nexo` adds what only
 * nexo knows.
 *
 * @param fallback names the transaction where the result does not.
 */
export function writeApproval(
  result: JsonObject,
  asked: Asked,
  fallback: { readonly transactionId: string; readonly time: string },
  vendor: Vendor,
): WrittenApproval {
  const { amount, currency } = approvedMoney(result, asked);
  if (currency === undefined || amount === undefined)
    return { ok: false, why: 'amount or currency is missing' };
  const AuthorizedAmount = writeAmount(amount, currency);
  if (AuthorizedAmount === undefined) return { ok: false, why: 'nexo has no way to say this amount' };
  const cashback = minorAt(result, 'cashback_amount') ?? 0;
  const isPartial = asked.amount !== undefined && currency === asked.currency && amount < asked.amount;
  const receipts = writeReceipts(result);
  const approval = textAt(result, 'authorization_code');
  const body: JsonObject = {
    Response: { Result: isPartial ? 'Partial' : 'Success' },
    POIData: {
      POITransactionID: {
        TransactionID: idAt(result, 'transaction_id') ?? fallback.transactionId,
        TimeStamp: textAt(result, 'timestamp') ?? fallback.time,
      },
    },
    PaymentResult: {
      PaymentType: asked.type,
      PaymentInstrumentData: instrumentOf(result, vendor),
      AmountsResp: {
        Currency: currency,
        AuthorizedAmount,
        ...(cashback > 0 && { CashBackAmount: writeAmount(cashback, currency) }),
      },
      AuthenticationMethod: listOf(AUTHENTICATION.get(textAt(result, 'verification_method') ?? '')),
      ...(approval !== undefined && { PaymentAcquirerData: { ApprovalCode: approval } }),
    },
    ...(receipts.length > 0 && { PaymentReceipt: receipts }),
  };
  return { ok: true, body: merged(body, objectAt(result, 'nexo')) };
}

/** A result of a Reversal as the rest of a `ReversalResponse`. */
export function writeReversal(
  result: JsonObject,
  asked: Asked,
  fallback: { readonly transactionId: string; readonly time: string },
  vendor: Vendor,
): WrittenApproval {
  const written = writeApproval(result, asked, fallback, vendor);
  if (!written.ok) return written;
  const { PaymentResult, ...body } = written.body;
  return {
    ok: true,
    body: { ...body, ReversedAmount: memberAt(PaymentResult, 'AmountsResp', 'AuthorizedAmount') },
  };
}

/** How much was moved, in minor units; what a result leaves out is as it was asked for. */
export function approvedMoney(
  result: JsonObject,
  asked?: Asked,
): { readonly amount: number | undefined; readonly currency: string | undefined } {
  const currency = textAt(result, 'currency') ?? asked?.currency;
  const amount = memberAt(result, 'amount') === undefined ? asked?.amount : minorAt(result, 'amount');
  return { amount, currency };
}

function instrumentOf(result: JsonObject, { maskedPan }: Vendor): JsonObject | undefined {
  const card: JsonObject = {
    [maskedPan]: textAt(result, 'masked_card_number'),
    PaymentBrand: textAt(result, 'card_scheme'),
    EntryMode: listOf(ENTRY_MODES.get(textAt(result, 'entry_mode') ?? '')),
  };
  const hasCard = Object.values(card).some((member) => member !== undefined);
  return hasCard ? { PaymentInstrumentType: 'Card', CardData: card } : undefined;
}

function listOf(word: string | undefined): readonly string[] | undefined {
  return word === undefined ? undefined : [word];
}

function idAt(result: JsonObject, name: string): string | undefined {
  const id = memberAt(result, name);
  return id instanceof JsonNumber ? id.text : typeof id === 'string' && id !== '' ? id : undefined;
}

const ENTRY_MODES: ReadonlyMap<string, string> = new Map([
  ['CHIP', 'ICC'],
  ['CONTACTLESS', 'Contactless'],
  ['MAGSTRIPE', 'MagStripe'],
  ['MANUAL', 'Keyed'],
]);

/** A PIN may have been checked by the card or by the host, which the vocabulary does not tell. */
const AUTHENTICATION: ReadonlyMap<string, string> = new Map([
  ['PIN', 'UnknownMethod'],
  ['SIGNATURE', 'PaperSignature'],
  ['NONE', 'Bypass'],
]);

export type ReadApproval =
  | { readonly ok: true; readonly result: JsonObject }
  | { readonly ok: false; readonly why: string };

const RESP = ['PaymentResult', 'AmountsResp'] as const;
const CARD = ['PaymentResult', 'PaymentInstrumentData', 'CardData'] as const;

/** What of a `PaymentResponse` the result says in words of its own; the rest stays in `result.nexo`. */
const SAID = [
  'Response.Result',
  'SaleData.SaleTransactionID',
  'POIData.POITransactionID',
  'PaymentResult.PaymentType',
  'PaymentResult.PaymentInstrumentData.PaymentInstrumentType',
  ...['MaskedPan', 'MaskedPAN', 'PaymentBrand', 'EntryMode'].map((name) => `${CARD.join('.')}.${name}`),
  ...['Currency', 'AuthorizedAmount', 'TipAmount', 'CashBackAmount'].map(
    (name) => `${RESP.join('.')}.${name}`,
  ),
  'PaymentResult.PaymentAcquirerData.ApprovalCode',
  'PaymentReceipt',
];

/**
 * A `PaymentResponse` that says Success or Partial, as a result. It fails where the amount cannot be told: then nobody
 * knows how much was charged.
 *
 * @param asked the identifiers, and the currency of the request, which the response may leave out.
 */
export function readApproval(
  response: JsonObject,
  asked: { readonly ids: JsonObject; readonly currency: string | undefined },
): ReadApproval {
  const currency = textAt(response, ...RESP, 'Currency') ?? asked.currency;
  if (currency === undefined) return { ok: false, why: 'AmountsResp.Currency is missing' };
  const amount = readAmount(memberAt(response, ...RESP, 'AuthorizedAmount'), currency);
  if (!amount.ok) return { ok: false, why: `AuthorizedAmount: ${amount.why}` };
  const { read, others } = readReceipts(listAt(response, 'PaymentReceipt'));
  const [entry] = listAt(response, ...CARD, 'EntryMode');
  const rest = without(response, SAID);
  return {
    ok: true,
    result: {
      amount: new JsonNumber(amount.minor),
      currency,
      ...asked.ids,
      cashback_amount: partOf(response, 'CashBackAmount', currency),
      tip_amount: partOf(response, 'TipAmount', currency),
      ...(textAt(response, 'Response', 'Result') === 'Partial' && { partial: true }),
      transaction_id: textAt(response, 'POIData', 'POITransactionID', 'TransactionID'),
      timestamp: textAt(response, 'POIData', 'POITransactionID', 'TimeStamp'),
      authorization_code: textAt(response, 'PaymentResult', 'PaymentAcquirerData', 'ApprovalCode'),
      masked_card_number: textAt(response, ...CARD, 'MaskedPan') ?? textAt(response, ...CARD, 'MaskedPAN'),
      card_scheme: textAt(response, ...CARD, 'PaymentBrand'),
      entry_mode: typeof entry === 'string' ? (ENTRIES.get(entry) ?? entry) : undefined,
      ...read,
      nexo: others.length > 0 ? { ...rest, PaymentReceipt: others } : rest,
    },
  };
}

function partOf(response: JsonObject, name: string, currency: string): Json | undefined {
  const part = memberAt(response, ...RESP, name);
  const read = part === undefined ? undefined : readAmount(part, currency);
  return read?.ok && read.minor > 0 ? new JsonNumber(read.minor) : undefined;
}

const ENTRIES: ReadonlyMap<string, string> = new Map([
  ['ICC', 'CHIP'],
  ['SynchronousICC', 'CHIP'],
  ['Contactless', 'CONTACTLESS'],
  ['Tapped', 'CONTACTLESS'],
  ['RFID', 'CONTACTLESS'],
  ['MagStripe', 'MAGSTRIPE'],
  ['Keyed', 'MANUAL'],
  ['Manual', 'MANUAL'],
]);
