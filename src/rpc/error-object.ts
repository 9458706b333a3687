import { shorten } from '../base/printable.ts';
import { decodeString, kindOf, scanObject } from './scan.ts';

/**
 * Builds a JSON-RPC error object: `{"code":…,"message":…,"data":{"string_code":…,"details":…}}`.
 * Texts over the limits (`LIMITS`) are cut between characters.
 *
 * @param more.message instead of the sentence that belongs to the code.
 * @param more.id becomes `data.id`: the request that this is about.
 * @param more.displayMessage becomes `data.display_message`: for the cashier.
 */
export function errorText(
  stringCode: string,
  details: string,
  more: { readonly message?: string; readonly id?: string; readonly displayMessage?: string } = {},
): Buffer {
  const code = NUMERIC_CODES.get(stringCode) ?? OTHER_CODE;
  const message = shorten(more.message ?? MESSAGES.get(stringCode) ?? UNKNOWN_MESSAGE, LIMITS.message);
  const data = {
    string_code: shorten(stringCode, LIMITS.stringCode),
    details: shorten(details, LIMITS.details),
    ...(more.id !== undefined && { id: more.id }),
    ...(more.displayMessage !== undefined && { display_message: more.displayMessage }),
  };
  return Buffer.from(JSON.stringify({ code, message, data }));
}

/**
 * Makes an application's error object complete for the wire: adds `data`, `string_code` and `details` where
 * they are missing or of the wrong type. Every other byte stays as it is.
 *
 * @param error a valid JSON object without space around it.
 * @returns nothing when it is no JSON-RPC error: `code` is no integer, `message` no string, a member is given twice.
 */
export function completeError(error: Buffer): Buffer | undefined {
  const scan = scanObject(error, ['code', 'message', 'data']);
  const [code, message, data] = scan.values;
  if (!scan.ok || code === undefined || message === undefined) return undefined;
  if (!isInteger(code) || kindOf(message) !== 'string') return undefined;

  const stringCode = JSON.stringify(stringCodeFor(code));
  if (data === undefined) {
    const added = `,"data":{"string_code":${stringCode},"details":${detailsFrom(message)}}`;
    return splice(error, [{ from: error.length - 1, to: error.length - 1, text: added }]);
  }
  if (kindOf(data) !== 'object') {
    const details = detailsFrom(kindOf(data) === 'string' ? data : message);
    const edit = { ...rangeIn(error, data), text: `{"string_code":${stringCode},"details":${details}}` };
    return splice(error, [edit]);
  }

  const inside = scanObject(data, ['string_code', 'details']);
  if (!inside.ok) return undefined;
  const [writtenCode, details] = inside.values;
  const missing: string[] = [];
  const edits: Edit[] = [];
  if (writtenCode === undefined) missing.push(`"string_code":${stringCode}`);
  else if (kindOf(writtenCode) !== 'string') edits.push({ ...rangeIn(error, writtenCode), text: stringCode });
  if (details === undefined) missing.push(`"details":${detailsFrom(message)}`);
  else if (kindOf(details) !== 'string') {
    edits.push({ ...rangeIn(error, details), text: detailsFrom(message) });
  }
  if (missing.length > 0) {
    const from = rangeIn(error, data).from + 1;
    edits.push({ from, to: from, text: missing.join(',') + (isEmptyObject(data) ? '' : ',') });
  }
  return edits.length === 0 ? error : splice(error, edits);
}

/**
 * The programmatic identifier of an error object: its `data.string_code`, else, also where that is empty, what
 * `completeError` would put there; UNKNOWN when there is nothing to tell it by.
 */
export function stringCodeOf(error: Buffer): string {
  const [code, data] = scanObject(error, ['code', 'data']).values;
  if (data !== undefined && kindOf(data) === 'object') {
    const [written] = scanObject(data, ['string_code']).values;
    if (written !== undefined && kindOf(written) === 'string') {
      const stringCode = shorten(decodeString(written.toString()), LIMITS.stringCode);
      if (stringCode !== '') return stringCode;
    }
  }
  return code === undefined ? UNKNOWN : stringCodeFor(code);
}

/** What existing registers take, UTF-16 code units. */
const LIMITS = { stringCode: 256, message: 1024, details: 8192 } as const;

const UNKNOWN = 'UNKNOWN';
const OTHER_CODE = 1;
const NUMERIC_CODES = new Map(
  Object.entries({
    JSONRPC_PARSE_ERROR: -32700,
    JSONRPC_INVALID_REQUEST: -32600,
    JSONRPC_METHOD_NOT_FOUND: -32601,
    JSONRPC_INVALID_PARAMS: -32602,
    INTERNAL_ERROR: -32603,
    KEEPALIVE: -32000,
  }),
);
const STRING_CODES = new Map([...NUMERIC_CODES].map(([name, code]) => [String(code), name]));

const UNKNOWN_MESSAGE = 'The request failed.';
const MESSAGES = new Map(
  Object.entries({
    JSONRPC_PARSE_ERROR: 'The message is not valid.',
    JSONRPC_INVALID_REQUEST: 'The message is not a valid JSON-RPC message.',
    JSONRPC_METHOD_NOT_FOUND: 'The method does not exist here.',
    JSONRPC_INVALID_PARAMS: 'The parameters are not valid.',
    INTERNAL_ERROR: 'Something went wrong inside.',
    KEEPALIVE: 'The other side has not answered a keepalive.',
    CHANNEL_UNAVAILABLE: 'The payment application cannot be reached.',
    CHANNEL_CLOSED: 'The payment application has gone away.',
    BUSY: 'The terminal is busy.',
    TIMEOUT: 'The payment application has not answered in time.',
    RESPONSE_TOO_LARGE: 'The answer is too large to be sent.',
    TRANSACTION_NOT_FOUND: 'There is no such transaction.',
    TRANSACTION_ACTIVE: 'The transaction is still running.',
    DUPLICATE_TRANSACTION: 'This transaction has been made before.',
    OUTCOME_UNKNOWN: 'The outcome of the transaction is not known.',
    JOURNAL_UNAVAILABLE: 'The transaction cannot be recorded.',
    CONNECTION_CLOSED: 'The connection is closed.',
    WIRE_WRITE_TIMEOUT: 'The other side has stopped reading.',
    LINE_ECHOES: 'What is sent on this line comes back.',
    SYNC_FAILED: 'The other side could not be synchronised with.',
  }),
);

interface Range {
  readonly from: number;
  readonly to: number;
}

interface Edit extends Range {
  readonly text: string;
}

/** Where a slice lies in the buffer that it was taken from. */
function rangeIn(whole: Buffer, slice: Buffer): Range {
  const from = slice.byteOffset - whole.byteOffset;
  return { from, to: from + slice.length };
}

/** Applies edits that do not overlap. */
function splice(whole: Buffer, edits: readonly Edit[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const { from, to, text } of edits.toSorted((a, b) => a.from - b.from)) {
    parts.push(whole.subarray(at, from), Buffer.from(text));
    at = to;
  }
  parts.push(whole.subarray(at));
  return Buffer.concat(parts);
}

function stringCodeFor(code: Buffer): string {
  return (code.length <= MAX_CODE_BYTES && STRING_CODES.get(code.toString('latin1'))) || UNKNOWN;
}

/** Written as an integer that every receiver can hold. */
function isInteger(code: Buffer): boolean {
  return code.length <= MAX_CODE_BYTES && /^-?\d+$/.test(code.toString('latin1'));
}

/** A sign and as many digits as a double always keeps. */
const MAX_CODE_BYTES = 16;

/** A string literal for `details`: the one given, as written if it is within the limit for certain. */
function detailsFrom(literal: Buffer): string {
  const text = literal.toString();
  return text.length <= LIMITS.details ? text : JSON.stringify(shorten(decodeString(text), LIMITS.details));
}

function isEmptyObject(object: Buffer): boolean {
  return /^\{\s*\}$/.test(object.toString('latin1'));
}
