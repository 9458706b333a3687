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
}

/** The result of an approved transaction, as a terminal gives it. */
export interface Approval {
  readonly timestamp: string;
  readonly amount: number;
  readonly currency: string;
  readonly transaction_id: string;
  readonly trace_number: string;
  readonly authorization_code: string;
  readonly masked_card_number: string;
  readonly card_scheme: string;
  readonly entry_mode: EntryMode;
  readonly verification_method: Verification;
  readonly merchant_receipt: readonly string[];
  readonly customer_receipt: readonly string[];
}

export function approval(details: ApprovalDetails): Approval {
  const { purchase, card, entryMode, verification, trace, transactionId, timestamp } = details;
  const traceNumber = String(trace % 1_000_000).padStart(6, '0');
  const authorizationCode = String((trace * 7919) % 1_000_000).padStart(6, '0');
  const receipt = [
    'SIMULATED TERMINAL',
    'NOT A REAL PAYMENT',
    timestamp,
    `${purchase.method.toUpperCase()} ${formatAmount(purchase.amountMinor, purchase.currency)}`,
    `${card.scheme} ${card.maskedNumber}`,
    `${entryMode} ${VERIFIED_BY[verification]}`,
    `AUTH ${authorizationCode} TRACE ${traceNumber}`,
    'APPROVED',
  ];
  const signature = verification === 'SIGNATURE' ? ['', 'Signature: ____________________'] : [];
  return {
    timestamp,
    amount: purchase.amountMinor,
    currency: purchase.currency,
    transaction_id: transactionId,
    trace_number: traceNumber,
    authorization_code: authorizationCode,
    masked_card_number: card.maskedNumber,
    card_scheme: card.scheme,
    entry_mode: entryMode,
    verification_method: verification,
    merchant_receipt: [...receipt, ...signature, 'MERCHANT COPY'],
    customer_receipt: [...receipt, 'CUSTOMER COPY'],
  };
}

const VERIFIED_BY: Readonly<Record<Verification, string>> = {
  PIN: 'PIN VERIFIED',
  SIGNATURE: 'SIGNED',
  NONE: 'NO VERIFICATION',
};
