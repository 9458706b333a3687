import { integerText } from '../../rpc/integer-text.ts';
import { type Json, JsonNumber, type JsonObject, memberAt, objectAt, textAt } from '../../rpc/json-tree.ts';
import { readAmount, writeAmount } from './amount.ts';
import type { ErrorCondition } from './conditions.ts';
import type { MessageHeader } from './header.ts';
import { merged, without } from './rest.ts';

/** What of nexo's own fields the vocabulary says in words of its own. */
const SAID = [
  'SaleData.OperatorLanguage',
  'PaymentTransaction.AmountsReq.Currency',
  'PaymentTransaction.AmountsReq.RequestedAmount',
  'PaymentTransaction.AmountsReq.CashBackAmount',
  'PaymentTransaction.TransactionConditions.ForceOnlineFlag',
  'PaymentData.PaymentType',
];

const AMOUNTS = ['PaymentTransaction', 'AmountsReq'] as const;

export type ReadPayment =
  | { readonly ok: true; readonly method: 'Purchase' | 'Refund'; readonly params: JsonObject }
  | { readonly ok: false; readonly condition: ErrorCondition; readonly why: string };

/** How a register's payment is identified for ever: by the request that began it. */
export function identityOf(ServiceID: string, SaleID: string): { receipt_id: string; sequence_id: string } {
  return { receipt_id: ServiceID, sequence_id: SaleID };
}

/** A `PaymentRequest` as a Purchase or Refund. What only nexo knows stays in `params.nexo`. */
export function readPayment({ ServiceID = '', SaleID }: MessageHeader, body: JsonObject): ReadPayment {
  const type = textAt(body, 'PaymentData', 'PaymentType') ?? 'Normal';
  const method = METHODS.get(type.toLowerCase());
  if (method === undefined) {
    return { ok: false, condition: 'UnavailableService', why: 'this PaymentType is not supported' };
  }
  const currency = textAt(body, ...AMOUNTS, 'Currency');
  if (currency === undefined) return malformed('Currency is missing');
  const amount = readAmount(memberAt(body, ...AMOUNTS, 'RequestedAmount'), currency);
  if (!amount.ok) return malformed(`RequestedAmount: ${amount.why}`);
  if (amount.minor === 0) return malformed('RequestedAmount: nothing is to be paid');
  const cashBack = memberAt(body, ...AMOUNTS, 'CashBackAmount');
  const cashback = cashBack === undefined ? undefined : readAmount(cashBack, currency);
  if (cashback?.ok === false) return malformed(`CashBackAmount: ${cashback.why}`);
  if (cashback !== undefined && cashback.minor > amount.minor) {
    return malformed('CashBackAmount is more than RequestedAmount, of which it is a part');
  }
  const language = textAt(body, 'SaleData', 'OperatorLanguage');
  const isOnline = memberAt(body, 'PaymentTransaction', 'TransactionConditions', 'ForceOnlineFlag') === true;
  return {
    ok: true,
    method,
    params: {
      ...identityOf(ServiceID, SaleID),
      amount: new JsonNumber(amount.minor),
      currency,
      ...(cashback !== undefined &&
        cashback.minor > 0 && { cashback_amount: new JsonNumber(cashback.minor) }),
      ...(language !== undefined && { cashier_language: language }),
      ...(isOnline && { forced_authorization: true }),
      nexo: without(body, SAID),
    },
  };
}

const METHODS: ReadonlyMap<string, 'Purchase' | 'Refund'> = new Map([
  ['normal', 'Purchase'],
  ['refund', 'Refund'],
]);

function malformed(why: string): ReadPayment {
  return { ok: false, condition: 'MessageFormat', why };
}

export type WrittenPayment =
  | { readonly ok: true; readonly body: JsonObject; readonly amount: number; readonly currency: string }
  | { readonly ok: false; readonly why: string };

/** `SaleTransactionID`: the register's own name for the payment. */
export interface SaleTransaction {
  readonly TransactionID: string;
  readonly TimeStamp: string;
}

/** A Purchase or Refund as a `PaymentRequest`; `params.nexo` adds what only nexo knows. */
export function writePayment(
  method: 'Purchase' | 'Refund',
  params: JsonObject,
  sale: SaleTransaction,
): WrittenPayment {
  const currency = textAt(params, 'currency') ?? '';
  const amount = minorAt(params, 'amount');
  if (amount === undefined || amount <= 0) return { ok: false, why: 'amount: a positive integer is wanted' };
  const RequestedAmount = writeAmount(amount, currency);
  if (RequestedAmount === undefined) {
    return { ok: false, why: 'amount: nexo has no way to say it in this currency' };
  }
  const cashback = minorAt(params, 'cashback_amount') ?? 0;
  const language = /^[a-z]{2}/.exec(textAt(params, 'cashier_language') ?? '')?.[0];
  const isOnline = memberAt(params, 'forced_authorization') === true;
  const body: JsonObject = {
    SaleData: {
      ...(language !== undefined && { OperatorLanguage: language }),
      SaleTransactionID: { ...sale },
    },
    PaymentTransaction: {
      AmountsReq: {
        Currency: currency,
        RequestedAmount,
        // A zero would open a dialogue on some terminals.
        ...(cashback > 0 && { CashBackAmount: writeAmount(cashback, currency) }),
      },
      ...(isOnline && { TransactionConditions: { ForceOnlineFlag: true } }),
    },
    PaymentData: { PaymentType: method === 'Refund' ? 'Refund' : 'Normal' },
  };
  return { ok: true, body: merged(body, objectAt(params, 'nexo')), amount, currency };
}

/** A member that is an amount in minor units, as a number or its text. */
export function minorAt(object: JsonObject | undefined, name: string): number | undefined {
  return minorOf(memberAt(object, name));
}

function minorOf(value: Json | undefined): number | undefined {
  const literal = value instanceof JsonNumber ? value.text : value;
  const digits = typeof literal === 'string' ? integerText(literal, MAX_DIGITS) : undefined;
  return digits === undefined ? undefined : Number(digits);
}

/** All of them are safe integers. */
const MAX_DIGITS = 15;
