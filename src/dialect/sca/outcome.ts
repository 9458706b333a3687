import { errorText } from '../../rpc/error-object.ts';
import { JsonNumber, type JsonObject, writeTree } from '../../rpc/json-tree.ts';
import { readAmount } from './amount.ts';
import { type ScaDocument, textOf } from './document.ts';
import { membersOf } from './json-fields.ts';

/** An answer of the vocabulary. */
export interface Answer {
  readonly kind: 'result' | 'error';
  readonly text: Buffer;
}

/**
 * What a response says about a payment. `charged` and `not charged` are final; `refused`: nothing has begun;
 * `duplicate`: the terminal knows a payment like it; `unknown`: it says neither.
 */
export type Meaning = 'charged' | 'not charged' | 'refused' | 'duplicate' | 'unknown';

const CHARGED: ReadonlySet<string> = new Set(['APPROVED', 'CAPTURED', 'VOIDED']);
/** The terminal could not say what became of it: the response could not be encoded or encrypted. */
const UNSAID: ReadonlySet<string> = new Set(['40001', '40002', '40006']);
/** The request was not taken. */
const REFUSED: ReadonlySet<string> = new Set(['59002', '59003', '59004', '19', '40007']);

/** Reads the response to a payment. Words are compared in either case, codes decide where they can. */
export function meaningOf(response: ScaDocument): Meaning {
  const status = textOf(response, 'TERMINATION_STATUS')?.trim().toUpperCase();
  const result = textOf(response, 'RESULT')?.trim().toUpperCase() ?? '';
  const code = textOf(response, 'RESULT_CODE')?.trim() ?? '';
  if (status === 'SUCCESS') {
    if (CHARGED.has(result)) return code === '6' ? 'unknown' : 'charged';
    return result === 'DECLINED' ? 'not charged' : 'unknown';
  }
  if (status !== 'FAILURE' || CHARGED.has(result) || UNSAID.has(code)) return 'unknown';
  if (code === '56783' || code === '56023') return 'duplicate';
  return REFUSED.has(code) ? 'refused' : 'not charged';
}

/** The answer to a payment: its own fields stand beside it in `sca`. */
export function paymentAnswer(
  response: ScaDocument,
  asked: { readonly amount: number | undefined; readonly currency: string; readonly command?: string },
): Answer {
  switch (meaningOf(response)) {
    case 'charged':
      return { kind: 'result', text: Buffer.from(approvalText(response, asked)) };
    case 'not charged':
      return failure(response, refusalCode(response, asked.command), 'not-charged');
    case 'refused':
      return failure(response, 'BUSY');
    case 'duplicate':
      return failure(response, 'DUPLICATE_TRANSACTION');
    default:
      return failure(response, 'OUTCOME_UNKNOWN', 'unknown');
  }
}

/** The answer to a command that moves no money. */
export function commandAnswer(response: ScaDocument): Answer {
  const status = textOf(response, 'TERMINATION_STATUS')?.trim().toUpperCase();
  if (status === 'SUCCESS') return { kind: 'result', text: Buffer.from(`{${membersOf(response.fields)}}`) };
  return failure(response, codeFor(response));
}

/** A reversal that the terminal does not carry out has one code, unless somebody has cancelled it. */
function refusalCode(response: ScaDocument, command: string | undefined): string {
  const code = codeFor(response);
  if (command === 'VOID' && code !== 'CANCELLED') return 'REVERSAL_REFUSED';
  return isDecline(response) ? 'DECLINED' : code;
}

function isDecline(response: ScaDocument): boolean {
  return textOf(response, 'RESULT')?.trim().toUpperCase() === 'DECLINED';
}

const CODES: Readonly<Record<string, string>> = {
  '59001': 'CANCELLED',
  '59002': 'BUSY',
  '59003': 'BUSY',
  '56783': 'DUPLICATE_TRANSACTION',
};

/** What a terminal has no other word for is named after its code. */
function codeFor(response: ScaDocument): string {
  const code = textOf(response, 'RESULT_CODE')?.trim() ?? '';
  return CODES[code] ?? (/^-?\d{1,8}$/.test(code) ? `SCA_${code}` : 'SCA_ERROR');
}

function failure(response: ScaDocument, code: string, outcome?: 'not-charged' | 'unknown'): Answer {
  const details = textOf(response, 'RESPONSE_TEXT')?.trim() || 'the terminal has refused it';
  const base = errorText(code, details).toString();
  // `data` is the last member of an error object, and not empty.
  const more = `${outcome === undefined ? '' : `,"outcome":"${outcome}"`},"sca":{${membersOf(response.fields)}}`;
  return { kind: 'error', text: Buffer.from(`${base.slice(0, -2)}${more}}}`) };
}

function approvalText(
  response: ScaDocument,
  { amount, currency }: { readonly amount: number | undefined; readonly currency: string },
): string {
  const text = (name: string) => textOf(response, name)?.trim() || undefined;
  const approved = text('APPROVED_AMOUNT') ?? text('TRANS_AMOUNT');
  const read = approved === undefined ? undefined : readAmount('APPROVED_AMOUNT', approved, currency);
  const minor = read === undefined ? amount : read.ok ? read.minor : undefined;
  const members: JsonObject = {
    amount: minor === undefined ? undefined : new JsonNumber(minor),
    currency: currency === '' ? undefined : currency,
    authorization_code: text('AUTH_CODE'),
    transaction_id: text('CTROUTD'),
    trace_number: text('TRANS_SEQ_NUM'),
    masked_card_number: text('ACCT_NUM'),
    card_scheme: text('PAYMENT_MEDIA'),
    entry_mode: ENTRY_MODES[text('CARD_ENTRY_MODE')?.toUpperCase() ?? ''],
    response_text: text('RESPONSE_TEXT'),
  };
  const own = writeTree(members);
  return `${own.slice(0, -1)}${own === '{}' ? '' : ','}"sca":{${membersOf(response.fields)}}}`;
}

const ENTRY_MODES: Readonly<Record<string, string>> = {
  INSERT: 'CHIP',
  CONTACTLESS: 'CONTACTLESS',
  SWIPED: 'MAGSTRIPE',
  FSWIPE: 'MAGSTRIPE',
  KEYED: 'MANUAL',
};
