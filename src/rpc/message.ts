import { decodeString, kindOf, scanObject } from './scan.ts';

/** One JSON-RPC 2.0 message. Buffers are slices of the input; ids and methods are decoded and as written. */
export type Message =
  | {
      readonly kind: 'request';
      readonly id: string;
      readonly idText: string;
      readonly method: string;
      readonly methodText: string;
      readonly params: Buffer;
      readonly depth: number;
    }
  | {
      readonly kind: 'notification';
      readonly method: string;
      readonly methodText: string;
      readonly params: Buffer;
      readonly depth: number;
    }
  | {
      readonly kind: 'result' | 'error';
      readonly id: string;
      readonly idText: string;
      readonly text: Buffer;
      readonly depth: number;
    };

/**
 * `wire`: the strict rules of JSONPOS (ids are strings; `params`, `result`, `error` are objects).
 * `line`: from an application, which may also leave `params` out, answer `null`, use numbers as ids (`id` is
 * then the number as written) and name a `connection`.
 */
export type MessageRules = 'wire' | 'line';

export type ParsedMessage =
  | { readonly ok: true; readonly message: Message; readonly connection?: string }
  | RefusedMessage;

export interface RefusedMessage {
  readonly ok: false;
  readonly code: 'JSONRPC_PARSE_ERROR' | 'JSONRPC_INVALID_REQUEST';
  /** A plain sentence that quotes nothing of the message. */
  readonly why: string;
  /** The id as written, where it could be found and is a usable string or number. */
  readonly idText?: string;
  /** An application's error that answers no request in particular (`id` null or missing): worth a log line only. */
  readonly isErrorWithoutId?: true;
}

/** Longest `id`, `method` and `connection`, UTF-16 code units. */
export const MAX_NAME_CHARACTERS = 256;

/** Reads one JSON text as a message. Bad input is an answer; nothing is thrown. */
export function parseMessage(text: Buffer, rules: MessageRules): ParsedMessage {
  const scan = scanObject(text, MEMBERS);
  const [version, id, method, params, result, error, connection] = scan.values;
  if (!scan.ok) {
    if (scan.fault === 'duplicate') return invalid(scan.why, id, rules);
    return { ok: false, code: 'JSONRPC_PARSE_ERROR', why: scan.why };
  }
  if (version === undefined || !isVersion2(version)) return invalid('jsonrpc is not "2.0"', id, rules);

  let connectionName: string | undefined;
  if (rules === 'line' && connection !== undefined) {
    connectionName = readName(connection)?.value;
    if (connectionName === undefined) return invalid('connection is no string, or too long', id, rules);
  }

  const message =
    method === undefined
      ? parseResponse(rules, id, params, result, error, scan.depth)
      : parseCall(rules, id, method, params, result ?? error, scan.depth);
  if (typeof message === 'string') return invalid(message, id, rules);
  if (message === undefined)
    return { ...invalid('an error without an id', id, rules), isErrorWithoutId: true };
  return connectionName === undefined
    ? { ok: true, message }
    : { ok: true, message, connection: connectionName };
}

/** `response_to` is not used; listed, it costs nothing to check for duplicates. */
const MEMBERS = ['jsonrpc', 'id', 'method', 'params', 'result', 'error', 'connection', 'response_to'];

const EMPTY_OBJECT = Buffer.from('{}');
const VERSION_2 = Buffer.from('"2.0"');

/** A request or notification, or why it is none. */
function parseCall(
  rules: MessageRules,
  id: Buffer | undefined,
  method: Buffer,
  params: Buffer | undefined,
  outcome: Buffer | undefined,
  depth: number,
): Message | string {
  if (outcome !== undefined) return 'result or error beside method';
  const name = readName(method);
  if (name === undefined) return `method is no string, or longer than ${MAX_NAME_CHARACTERS} characters`;
  const object = params ?? (rules === 'line' ? EMPTY_OBJECT : undefined);
  if (object === undefined || kindOf(object) !== 'object') return 'params is no object';
  const call = { method: name.value, methodText: name.text, params: object, depth };
  if (id === undefined) return { kind: 'notification', ...call };
  const requestId = readId(id, rules);
  if (requestId === undefined) return idFault(rules);
  return { kind: 'request', id: requestId.value, idText: requestId.text, ...call };
}

/** A result or error, or why it is none; nothing at all for an application's error without an id. */
function parseResponse(
  rules: MessageRules,
  id: Buffer | undefined,
  params: Buffer | undefined,
  result: Buffer | undefined,
  error: Buffer | undefined,
  depth: number,
): Message | string | undefined {
  const text = result ?? error;
  if (text === undefined) return 'neither method nor result nor error';
  if (result !== undefined && error !== undefined) return 'result and error in one message';
  if (params !== undefined) return 'params beside result or error';
  const kind = result === undefined ? 'error' : 'result';
  const isEmpty = rules === 'line' && kind === 'result' && isNull(text);
  if (!isEmpty && kindOf(text) !== 'object') return `${kind} is no object`;
  if (rules === 'line' && kind === 'error' && (id === undefined || isNull(id))) return undefined;
  const responseId = id === undefined ? undefined : readId(id, rules);
  if (responseId === undefined) return idFault(rules);
  const { value, text: idText } = responseId;
  return { kind, id: value, idText, text: isEmpty ? EMPTY_OBJECT : text, depth };
}

function invalid(why: string, id: Buffer | undefined, rules: MessageRules): RefusedMessage {
  const known = id === undefined ? undefined : readId(id, rules);
  const refused = { ok: false, code: 'JSONRPC_INVALID_REQUEST', why } as const;
  return known === undefined ? refused : { ...refused, idText: known.text };
}

function idFault(rules: MessageRules): string {
  const allowed = rules === 'wire' ? 'no string' : 'neither a string nor a number';
  return `id is ${allowed}, or longer than ${MAX_NAME_CHARACTERS} characters`;
}

/** A value decoded, and as it was written. */
interface Written {
  readonly value: string;
  readonly text: string;
}

function readId(id: Buffer, rules: MessageRules): Written | undefined {
  const kind = kindOf(id);
  if (kind === 'string') return readName(id);
  if (kind !== 'number' || rules === 'wire' || id.length > MAX_NAME_CHARACTERS) return undefined;
  const text = id.toString('latin1');
  return { value: text, text };
}

/** A string literal of bounded length. */
function readName(literal: Buffer): Written | undefined {
  if (literal.length > MAX_LITERAL_BYTES || kindOf(literal) !== 'string') return undefined;
  const text = literal.toString('utf8');
  const value = decodeString(text);
  return value.length > MAX_NAME_CHARACTERS ? undefined : { value, text };
}

/** A character takes six bytes at most, written as an escape. */
const MAX_LITERAL_BYTES = 6 * MAX_NAME_CHARACTERS + 2;

function isVersion2(literal: Buffer): boolean {
  return literal.equals(VERSION_2) || readName(literal)?.value === '2.0';
}

function isNull(value: Buffer): boolean {
  return value[0] === 0x6e;
}
