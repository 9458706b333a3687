/** How a request is answered: the JSON text of `result` or `error`. */
export interface Answer {
  readonly kind: 'result' | 'error';
  readonly text: Buffer;
}

/** What a transaction that moved no money says about itself; each has a line in docs/terminal.md. */
export const OUTCOME_CODES = [
  'DECLINED',
  'CANCELLED',
  'ABORTED',
  'CARD_REMOVED',
  'CARD_TIMEOUT',
  'CARD_EXPIRED',
  'PIN_TIMEOUT',
  'PIN_TRIES_EXCEEDED',
  'SIGNATURE_REFUSED',
  'REVERSAL_REFUSED',
  'TRANSACTION_INTERRUPTED',
] as const;

/** Why a request was refused; none of them is an outcome. */
export const REFUSAL_CODES = [
  'BUSY',
  'DUPLICATE_TRANSACTION',
  'TRANSACTION_ACTIVE',
  'TRANSACTION_NOT_FOUND',
  'OUTCOME_UNKNOWN',
  'NOTHING_TO_ABORT',
  'ABORT_REFUSED',
  'INPUT_TIMEOUT',
  'TEST_UNAVAILABLE',
  'TEST_FAILED',
  'JSONRPC_METHOD_NOT_FOUND',
  'JSONRPC_INVALID_PARAMS',
  'INTERNAL_ERROR',
] as const;

export type OutcomeCode = (typeof OUTCOME_CODES)[number];
export type AnswerCode = OutcomeCode | (typeof REFUSAL_CODES)[number];

export function resultAnswer(value: object): Answer {
  return { kind: 'result', text: Buffer.from(JSON.stringify(value)) };
}

/** `display` is a text for the cashier. An outcome says of itself that it is one, whoever knows its code or not. */
export function errorAnswer(code: AnswerCode, details: string, display?: string): Answer {
  const data = {
    string_code: code,
    details,
    ...(OUTCOMES.has(code) && { outcome: 'not-charged' }),
    ...(display !== undefined && { display_message: display }),
  };
  const error = { code: NUMBERS[code] ?? 1, message: details, data };
  return { kind: 'error', text: Buffer.from(JSON.stringify(error)) };
}

const OUTCOMES: ReadonlySet<AnswerCode> = new Set(OUTCOME_CODES);

const NUMBERS: Readonly<Partial<Record<AnswerCode, number>>> = {
  JSONRPC_METHOD_NOT_FOUND: -32601,
  JSONRPC_INVALID_PARAMS: -32602,
  INTERNAL_ERROR: -32603,
};
