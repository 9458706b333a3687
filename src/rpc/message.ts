import { type Literal, LiteralCache, readLiteral } from './literal-cache.ts';
import { MemberScanner } from './scan.ts';

/**
 * One JSON-RPC 2.0 message. Buffers are slices of the input, or an empty object of all; ids and methods are decoded and
 * as written.
 */
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
 * then the number as written) and name a `connection`, or an `identity` instead.
 */
export type MessageRules = 'wire' | 'line';

export type ParsedMessage =
  | { readonly ok: true; readonly message: Message; readonly connection?: string; readonly identity?: string }
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
  const fault = members.scan(text);
  if (fault !== undefined && fault.fault !== 'duplicate') {
    return { ok: false, code: 'JSONRPC_PARSE_ERROR', why: fault.why };
  }
  if (fault !== undefined) return invalid(fault.why, text, rules);
  if (readName(text, VERSION)?.value !== '2.0') return invalid('jsonrpc is not "2.0"', text, rules);

  let connection: string | undefined;
  if (rules === 'line' && members.has(CONNECTION)) {
    connection = readName(text, CONNECTION)?.value;
    if (connection === undefined) return invalid('connection is no string, or too long', text, rules);
  }

  const message = members.has(METHOD) ? readCall(text, rules) : readResponse(text, rules);
  if (typeof message === 'string') return invalid(message, text, rules);
  if (message === undefined) {
    return { ...invalid('an error without an id', text, rules), isErrorWithoutId: true };
  }
  if (connection !== undefined) return { ok: true, message, connection };
  const identity = rules === 'line' && members.has(IDENTITY) ? readName(text, IDENTITY)?.value : undefined;
  return identity === undefined ? { ok: true, message } : { ok: true, message, identity };
}

const VERSION = 0;
const ID = 1;
const METHOD = 2;
const PARAMS = 3;
const RESULT = 4;
const ERROR = 5;
const CONNECTION = 6;
const IDENTITY = 7;
/** `response_to` is not used; listed, it costs nothing to check for duplicates. */
const members = new MemberScanner([
  'jsonrpc',
  'id',
  'method',
  'params',
  'result',
  'error',
  'connection',
  'identity',
  'response_to',
]);
const names = new LiteralCache();

const EMPTY_OBJECT = Buffer.from('{}');

/** A request or notification, or why it is none. */
function readCall(source: Buffer, rules: MessageRules): Message | string {
  if (members.has(RESULT) || members.has(ERROR)) return 'result or error beside method';
  const name = readName(source, METHOD);
  if (name === undefined) return `method is no string, or longer than ${MAX_NAME_CHARACTERS} characters`;
  const isObject = members.has(PARAMS) ? members.kindOf(source, PARAMS) === 'object' : rules === 'line';
  if (!isObject) return 'params is no object';
  const { value: method, text: methodText } = name;
  const params = objectAt(source, PARAMS);
  const { depth } = members;
  if (!members.has(ID)) return { kind: 'notification', method, methodText, params, depth };
  const id = readId(source, rules);
  if (id === undefined) return idFault(rules);
  return { kind: 'request', id: id.value, idText: id.text, method, methodText, params, depth };
}

/** A result or error, or why it is none; nothing at all for an application's error without an id. */
function readResponse(source: Buffer, rules: MessageRules): Message | string | undefined {
  const kind = members.has(RESULT) ? 'result' : 'error';
  const member = kind === 'result' ? RESULT : ERROR;
  if (!members.has(member)) return 'neither method nor result nor error';
  if (kind === 'result' && members.has(ERROR)) return 'result and error in one message';
  if (members.has(PARAMS)) return 'params beside result or error';
  const isEmpty = rules === 'line' && kind === 'result' && isNull(source, member);
  if (!isEmpty && members.kindOf(source, member) !== 'object') return `${kind} is no object`;
  if (rules === 'line' && kind === 'error' && (!members.has(ID) || isNull(source, ID))) return undefined;
  const id = members.has(ID) ? readId(source, rules) : undefined;
  if (id === undefined) return idFault(rules);
  return {
    kind,
    id: id.value,
    idText: id.text,
    text: isEmpty ? EMPTY_OBJECT : objectAt(source, member),
    depth: members.depth,
  };
}

/** Absent or written without a space, an empty object needs no slice: so it is in every keepalive and in its answer. */
function objectAt(source: Buffer, member: number): Buffer {
  const begin = members.begin(member);
  const end = members.end(member);
  return members.has(member) && end - begin > EMPTY_OBJECT.length
    ? source.subarray(begin, end)
    : EMPTY_OBJECT;
}

function invalid(why: string, source: Buffer, rules: MessageRules): RefusedMessage {
  const known = members.has(ID) ? readId(source, rules) : undefined;
  const refused = { ok: false, code: 'JSONRPC_INVALID_REQUEST', why } as const;
  return known === undefined ? refused : { ...refused, idText: known.text };
}

function idFault(rules: MessageRules): string {
  const allowed = rules === 'wire' ? 'no string' : 'neither a string nor a number';
  return `id is ${allowed}, or longer than ${MAX_NAME_CHARACTERS} characters`;
}

function readId(source: Buffer, rules: MessageRules): Literal | undefined {
  const kind = members.kindOf(source, ID);
  if (kind === 'string') return readName(source, ID);
  const [begin, end] = [members.begin(ID), members.end(ID)];
  if (kind !== 'number' || rules === 'wire' || end - begin > MAX_NAME_CHARACTERS) return undefined;
  const text = source.toString('latin1', begin, end);
  return { value: text, text };
}

/** A string of bounded length. Ids are not looked up: they do not come again. */
function readName(source: Buffer, member: number): Literal | undefined {
  const begin = members.begin(member);
  const end = members.end(member);
  if (end - begin > MAX_LITERAL_BYTES || members.kindOf(source, member) !== 'string') return undefined;
  const literal = member === ID ? readLiteral(source, begin, end) : names.read(source, begin, end);
  return literal.value.length > MAX_NAME_CHARACTERS ? undefined : literal;
}

/** A character takes six bytes at most, written as an escape. */
const MAX_LITERAL_BYTES = 6 * MAX_NAME_CHARACTERS + 2;

function isNull(source: Buffer, member: number): boolean {
  return source[members.begin(member)] === 0x6e;
}
