import { formatAmount } from '../base/currency.ts';
import type { Card, EntryMode, Verification } from './cards.ts';
import type { Purchase } from './purchase.ts';

export interface ApprovalDetails {
  readonly purchase: Purchase;
  readonly card: Card;
  readonly entryMode: EntryMode;
  readonly verification: Verification;
  /** Counts the approved transactions of this terminal. */
  readonly trace: number;
  readonly transactionId: string;
  readonly timestamp: string;
  readonly form: ReceiptForm;
}

/** `text`: `{"text": …}`, as public registers of the protocol read it. `lines`: an array of lines. */
export type ReceiptForm = 'text' | 'lines';

/** The result of an approved transaction, as a terminal gives it. */
export interface Approval {
  readonly timestamp: string;
  readonly amount: number;
  readonly cashback_amount?: number;
  readonly currency: string;
  readonly response_text: string;
  readonly transaction_id: string;
  readonly trace_number: string;
  readonly authorization_code: string;
  readonly masked_card_number: string;
  readonly card_scheme: string;
  readonly entry_mode: EntryMode;
  readonly verification_method: Verification;
  readonly merchant_receipt: Receipt;
  readonly customer_receipt: Receipt;
}

type Receipt = readonly string[] | { readonly text: string };

/** A result, and the lines of the paper for the customer. */
export function approval(details: ApprovalDetails): { result: Approval; paper: readonly string[] } {
  const { purchase, card, entryMode, verification, trace, transactionId, timestamp } = details;
  const traceNumber = String(trace % 1_000_000).padStart(6, '0');
  const authorizationCode = String((trace * 7919) % 1_000_000).padStart(6, '0');
  const { amountMinor, cashbackMinor, currency } = purchase;
  const receipt = [
    'SIMULATED TERMINAL',
    'NOT A REAL PAYMENT',
    timestamp,
    `${purchase.method.toUpperCase()} ${formatAmount(amountMinor, currency)}`,
    ...(cashbackMinor > 0 ? [`OF WHICH CASH ${formatAmount(cashbackMinor, currency)}`] : []),
    `${card.scheme} ${card.maskedNumber}`,
    `${entryMode} ${VERIFIED_BY[verification]}`,
    `AUTH ${authorizationCode} TRACE ${traceNumber}`,
    'APPROVED',
  ];
  const signature = verification === 'SIGNATURE' ? ['', 'Signature: ____________________'] : [];
  const paper = [...receipt, 'CUSTOMER COPY'];
  const inForm = (lines: readonly string[]): Receipt =>
    details.form === 'text' ? { text: lines.join('\n') } : lines;
  const result: Approval = {
    timestamp,
    amount: amountMinor,
    ...(cashbackMinor > 0 && { cashback_amount: cashbackMinor }),
    currency,
    response_text: APPROVED,
    transaction_id: transactionId,
    trace_number: traceNumber,
    authorization_code: authorizationCode,
    masked_card_number: card.maskedNumber,
    card_scheme: card.scheme,
    entry_mode: entryMode,
    verification_method: verification,
    merchant_receipt: inForm([...receipt, ...signature, 'MERCHANT COPY']),
    customer_receipt: inForm(paper),
  };
  return { result, paper };
}

/** Public registers compare it to the letter. */
const APPROVED = 'Approved';

const VERIFIED_BY: Readonly<Record<Verification, string>> = {
  PIN: 'PIN VERIFIED',
  SIGNATURE: 'SIGNED',
  NONE: 'NO VERIFICATION',
};
