import { decimalsOf, formatAmount } from '../base/currency.ts';
import { memberOf } from '../base/member.ts';
import { readReason } from '../pos/answer.ts';
import { outcomeOfStored } from '../pos/outcome.ts';
import { readApproved } from '../pos/result.ts';
import { dropMembers } from '../rpc/drop-members.ts';
import type { DoneRecord, SentRecord } from '../store/journal-record.ts';
import type { Memo } from './memo.ts';
import type { Card, Kind, Reason, Sale, SaleState } from './shown.ts';

export const SALE_STATES: readonly SaleState[] = [
  'pending',
  'approved',
  'declined',
  'cancelled',
  'not-started',
  'not-reached',
  'unknown',
];

/** What the store says of a sale. */
export interface StoredSale {
  readonly sent: SentRecord;
  readonly memo: Memo;
  /** The outcome; undefined: none yet. */
  readonly done: DoneRecord | undefined;
  /** A result came after "not charged" was told. */
  readonly isContradicted: boolean;
}

/** How a sale without an outcome stands. */
export interface OpenState {
  readonly state: 'pending' | 'unknown';
  readonly reason?: Reason | undefined;
}

/** What is told of a sale; the same of the same record, whenever it is asked for. */
export function saleOf(stored: StoredSale, open: OpenState): Sale {
  const { sent, memo, done } = stored;
  const { amount = '0', currency = '' } = sent;
  const known = {
    id: idOf(sent),
    terminal: memo.terminal,
    kind: kindOf(sent),
    state: done === undefined ? open.state : outcomeOfStored(done),
    amount: decimalText(Number(amount), currency),
    amountMinor: Number(amount),
    currency,
    reference: memo.reference ?? null,
    reason: null,
    card: null,
    receipts: { merchant: null, customer: null },
    createdAt: memo.at,
    endedAt: done?.time ?? null,
    ...(done?.by !== undefined && { settledBy: done.by }),
    ...(stored.isContradicted && { isContradicted: true as const }),
  };
  if (done === undefined) return { ...known, reason: open.reason ?? null };
  return done.kind === 'result'
    ? { ...known, ...resultOf(done.text, known) }
    : { ...known, ...errorOf(done) };
}

/** What was told of a sale when it had just been made. */
export function pendingOf({
  id,
  terminal,
  kind,
  amount,
  amountMinor,
  currency,
  reference,
  createdAt,
}: Sale): Sale {
  return {
    id,
    terminal,
    kind,
    state: 'pending',
    amount,
    amountMinor,
    currency,
    reference,
    reason: null,
    card: null,
    receipts: { merchant: null, customer: null },
    createdAt,
    endedAt: null,
  };
}

/** As JSON, with the terminal's own result as it wrote it: numbers that a double cannot hold are exact in it. */
export function saleText(sale: Sale, done: DoneRecord | undefined): string {
  const text = JSON.stringify(sale);
  if (done?.kind !== 'result') return text;
  return `${text.slice(0, -1)},"result":${dropMembers(done.text, (name) => RECEIPT_MEMBERS.has(name))}}`;
}

export function idOf({ identity }: SentRecord): string {
  return identity['receipt_id'] ?? '';
}

export function kindOf({ method }: Pick<SentRecord, 'method'>): Kind {
  return method === 'Refund' ? 'refund' : 'purchase';
}

/** `12.30`, without the currency. */
export function decimalText(amountMinor: number, currency: string): string {
  if (decimalsOf(currency) === undefined) return String(amountMinor);
  return formatAmount(amountMinor, currency).slice(0, -currency.length - 1);
}

type Asked = Pick<Sale, 'id' | 'amountMinor' | 'currency'>;

function resultOf(text: string, { id, amountMinor, currency }: Asked): Partial<Sale> {
  const result = JSON.parse(text) as unknown;
  const approved = readApproved(text, { receiptId: id, amountMinor, currency });
  const approvedCurrency = approved.currency ?? currency;
  const isOther = approved.money === 'other';
  return {
    card: cardOf(result),
    receipts: {
      merchant: receiptOf(memberOf(result, 'merchant_receipt')),
      customer: receiptOf(memberOf(result, 'customer_receipt')),
    },
    ...(isOther &&
      approved.amountMinor !== undefined && {
        approvedAmount: decimalText(approved.amountMinor, approvedCurrency),
        approvedAmountMinor: approved.amountMinor,
      }),
    ...(isOther && { approvedCurrency }),
    ...(approved.otherReceiptId !== undefined && { otherReceiptId: approved.otherReceiptId }),
  };
}

function errorOf(done: DoneRecord): Partial<Sale> {
  const { code, message, details, displayMessage } = readReason(done);
  const said = [message, details].filter((text) => text !== '').join(' ');
  const error = JSON.parse(done.text) as unknown;
  return {
    reason: { code, message: said, ...(displayMessage !== undefined && { displayMessage }) },
    receipts: {
      merchant: receiptOf(memberOf(memberOf(error, 'data'), 'merchant_receipt')),
      customer: receiptOf(memberOf(memberOf(error, 'data'), 'customer_receipt')),
    },
  };
}

function cardOf(result: unknown): Card | null {
  const members = Object.entries(CARD_MEMBERS).flatMap(([name, member]) => {
    const value = memberOf(result, member);
    return typeof value === 'string' && value !== '' ? [[name, value]] : [];
  });
  return members.length === 0 ? null : (Object.fromEntries(members) as Card);
}

const CARD_MEMBERS: Readonly<Record<keyof Card, string>> = {
  scheme: 'card_scheme',
  maskedNumber: 'masked_card_number',
  entryMode: 'entry_mode',
  verificationMethod: 'verification_method',
  authorizationCode: 'authorization_code',
};
const RECEIPT_MEMBERS: ReadonlySet<string> = new Set(['merchant_receipt', 'customer_receipt']);

/** Both forms that applications write: an array of lines, and an object with a text. */
function receiptOf(value: unknown): readonly string[] | null {
  if (Array.isArray(value)) return value.map(String);
  const text = memberOf(value, 'text');
  return typeof text === 'string' ? text.split('\n') : null;
}
