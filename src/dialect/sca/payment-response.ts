import {
  isObject,
  type Json,
  JsonNumber,
  type JsonObject,
  memberAt,
  objectAt,
  readTree,
  textAt,
} from '../../rpc/json-tree.ts';
import { CANCELLED_CODES, DECLINED_CODES, readStatement } from '../../rpc/outcome.ts';
import { writeAmount } from './amount.ts';
import type { Assumptions } from './assumptions.ts';
import { type Element, field, type ScaDocument } from './document.ts';
import { fieldsIn } from './json-fields.ts';
import type { LastPayment } from './memory.ts';
import {
  APPROVED,
  BUSY,
  CANCELLED,
  DECLINED,
  DUPLICATE,
  OK,
  rejected,
  responseOf,
  TIMED_OUT,
  type Verdict,
  VOIDED,
} from './responses.ts';

export interface ResponseContext {
  readonly currency: string;
  readonly assumed: Assumptions;
}

export type BuiltResponse =
  | { readonly ok: true; readonly document: ScaDocument }
  /** An application says what cannot be said to a register without telling it something untrue. */
  | { readonly ok: false; readonly why: string };

/** Builds the response to a payment from the result or the error that the vocabulary has for it. */
export function paymentResponse(
  kind: 'result' | 'error',
  text: Buffer,
  payment: LastPayment,
  context: ResponseContext,
): BuiltResponse {
  const echo = { counter: payment.counter, posRecon: payment.posRecon };
  const read = readTree(text);
  if (!read.ok) return { ok: false, why: read.why };
  if (kind === 'error') {
    const { verdict, fields } = refusalIn(read.value, context);
    return { ok: true, document: responseOf(verdict, fields, echo) };
  }
  const fields = resultFields(read.value, payment, context);
  if (typeof fields === 'string') return { ok: false, why: fields };
  const verdict = payment.method === 'VOID' ? VOIDED : APPROVED;
  return { ok: true, document: responseOf(verdict, fields, echo) };
}

/** The verdict on an error, and the fields that the application has added to it (`data.sca`). */
export function refusalIn(
  error: JsonObject,
  { assumed }: Pick<ResponseContext, 'assumed'>,
): { readonly verdict: Verdict; readonly fields: readonly Element[] } {
  const code = textAt(error, 'data', 'string_code') ?? '';
  const read = fieldsIn(objectAt(error, 'data', 'sca') ?? {});
  const own = read.ok ? read.fields : [];
  // An error means that nothing was charged; fields that say otherwise are not passed on.
  const fields = saysCharged(own) ? own.filter(({ name }) => !VERDICT_FIELDS.has(name)) : own;
  return { verdict: verdictOn(code, textAt(error, 'data', 'details') ?? '', assumed), fields };
}

function verdictOn(code: string, details: string, assumed: Assumptions): Verdict {
  if (TIMEOUTS.has(code)) return TIMED_OUT;
  if (CANCELLED_CODES.has(code)) return CANCELLED;
  if (DECLINED_CODES.has(code)) return DECLINED;
  if (code === 'BUSY') return BUSY;
  if (code === 'DUPLICATE_TRANSACTION') return DUPLICATE;
  if (code === 'JSONRPC_METHOD_NOT_FOUND') return rejected(assumed, 'Unsupported command');
  if (code === 'JSONRPC_INVALID_PARAMS') return rejected(assumed, details, 'FIELD_ERROR');
  return rejected(assumed, details === '' ? code : details);
}

const TIMEOUTS: ReadonlySet<string> = new Set(['CARD_TIMEOUT', 'INPUT_TIMEOUT', 'PIN_TIMEOUT']);
const VERDICT_FIELDS: ReadonlySet<string> = new Set([
  'RESULT',
  'RESULT_CODE',
  'RESPONSE_TEXT',
  'TERMINATION_STATUS',
]);
const CHARGED: ReadonlySet<string> = new Set(['APPROVED', 'CAPTURED', 'VOIDED', 'OK']);

/** Whether RESULT is one of those that stand for success. */
export function isSuccess(result: string | undefined): boolean {
  return result !== undefined && CHARGED.has(result.trim().toUpperCase());
}

function saysCharged(fields: readonly Element[]): boolean {
  return isSuccess(fields.find(({ name }) => name === 'RESULT')?.text);
}

/** What a register is told beside the verdict of an approval; a text: why it cannot be. */
function resultFields(
  result: JsonObject,
  { paymentType, amount }: LastPayment,
  { currency }: ResponseContext,
): Element[] | string {
  const theirs = textAt(result, 'currency');
  if (theirs !== undefined && theirs !== currency)
    return 'the result has another currency, and SCA names none';
  const minor = scalar(memberAt(result, 'amount'));
  const approved = minor === undefined ? amount : writeAmount(minor, currency);
  if (minor !== undefined && approved === undefined) return 'amount is no integer';
  const read = fieldsIn(objectAt(result, 'sca') ?? result, isScaName);
  if (!read.ok) return read.why;
  const own = saysOtherwise(read.fields)
    ? read.fields.filter(({ name }) => !VERDICT_FIELDS.has(name))
    : read.fields;
  const names = new Set(own.map(({ name }) => name));
  const ours = [
    ['AUTH_CODE', scalar(memberAt(result, 'authorization_code'))],
    ['CTROUTD', handleIn(result)],
    ['TRANS_SEQ_NUM', scalar(memberAt(result, 'trace_number'))],
    ['PAYMENT_TYPE', paymentType ?? (amount === undefined ? undefined : 'CREDIT')],
    ['PAYMENT_MEDIA', textAt(result, 'card_scheme')?.toUpperCase()],
    ['APPROVED_AMOUNT', approved],
    ['ACCT_NUM', textAt(result, 'masked_card_number')],
    ['CARD_ENTRY_MODE', ENTRY_MODES[textAt(result, 'entry_mode') ?? '']],
    ...localTime(textAt(result, 'timestamp')),
  ] as const;
  return [
    ...ours.flatMap(([name, text]) => (text === undefined || names.has(name) ? [] : [field(name, text)])),
    ...own,
  ];
}

/** A result means that it is charged: an application that adds a RESULT of another kind to it contradicts itself. */
function saysOtherwise(fields: readonly Element[]): boolean {
  return (
    fields.some(({ name }) => name === 'RESULT' || name === 'TERMINATION_STATUS') && !saysCharged(fields)
  );
}

/** Fields are in capital letters; members of the vocabulary are not. */
function isScaName(name: string): boolean {
  return /^[A-Z][A-Z0-9_]*$/.test(name);
}

/** CTROUTD has 1 to 16 digits. */
function handleIn(result: JsonObject): string | undefined {
  return ['transaction_id', 'trace_number']
    .map((name) => scalar(memberAt(result, name)))
    .find((text) => text !== undefined && /^\d{1,16}$/.test(text));
}

function scalar(value: Json | undefined): string | undefined {
  if (value instanceof JsonNumber) return value.text;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

const ENTRY_MODES: Readonly<Record<string, string>> = {
  CHIP: 'Insert',
  CONTACTLESS: 'Contactless',
  MAGSTRIPE: 'Swiped',
  MANUAL: 'Keyed',
};

/** The time of the place where it was written. */
function localTime(timestamp: string | undefined): [string, string][] {
  const [, year, month, day, time] = /^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)/.exec(timestamp ?? '') ?? [];
  if (time === undefined) return [];
  return [
    ['TRANS_DATE', `${year}.${month}.${day}`],
    ['TRANS_TIME', time],
  ];
}

/** Builds the response to a command without a word in the vocabulary: the members of the result are its fields. */
export function plainResponse(
  kind: 'result' | 'error',
  text: Buffer,
  echo: { readonly counter?: string | undefined; readonly posRecon?: string | undefined },
  context: Pick<ResponseContext, 'assumed'>,
): BuiltResponse {
  const read = readTree(text);
  if (!read.ok) return { ok: false, why: read.why };
  if (kind === 'error') {
    const { verdict, fields } = refusalIn(read.value, context);
    return { ok: true, document: responseOf(verdict, fields, echo) };
  }
  const own = objectAt(read.value, 'sca');
  const fields = fieldsIn(own !== undefined && isObject(own) ? own : read.value, isScaName);
  return fields.ok
    ? { ok: true, document: responseOf(OK, fields.fields, echo) }
    : { ok: false, why: fields.why };
}

/** Builds the response to LAST_TRAN from what `Check` says about the last payment: its outcome and what names it. */
export function lastResponse(
  kind: 'result' | 'error',
  text: Buffer,
  last: LastPayment,
  context: ResponseContext,
): BuiltResponse {
  const { says } = readStatement({ kind, text });
  const named = [
    field('COMMAND', last.method),
    ...(last.invoice === '' ? [] : [field('INVOICE', last.invoice)]),
    ...(last.amount === undefined ? [] : [field('TRANS_AMOUNT', last.amount)]),
  ];
  if (says === 'not-found')
    return { ok: true, document: responseOf(rejected(context.assumed, 'No transaction'), [], {}) };
  if (says !== 'charged' && says !== 'not-charged') return { ok: true, document: responseOf(BUSY, [], {}) };
  const outcome = paymentResponse(kind, text, last, context);
  if (!outcome.ok) return outcome;
  const known = new Set(outcome.document.fields.map(({ name }) => name));
  const fields = [...outcome.document.fields, ...named.filter(({ name }) => !known.has(name))];
  return { ok: true, document: { ...outcome.document, fields } };
}
