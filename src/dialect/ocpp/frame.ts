import { isUtf8 } from 'node:buffer';
import { shorten } from '../../base/printable.ts';
import type { ErrorCode } from './errors.ts';
import { MAX_DESCRIPTION } from './errors.ts';

/** Longest message id, characters. */
export const MAX_ID = 36;
/** What a CALLERROR names that cannot name the CALL. */
export const NO_ID = '-1';

/** One message. A payload is an object's own JSON text, and the same as a value. */
export type Frame =
  | { readonly kind: 'call'; readonly id: string; readonly action: string; readonly payload: Payload }
  | { readonly kind: 'result'; readonly id: string; readonly payload: Payload }
  | {
      readonly kind: 'error';
      readonly id: string;
      /** As the peer wrote it. */
      readonly code: string;
      readonly description: string;
      readonly details: Payload;
    }
  /** A message that breaks the protocol; a CALL of which an id is known is refused under it. */
  | {
      readonly kind: 'bad';
      readonly why: string;
      readonly refuse?: { readonly id: string; readonly code: ErrorCode };
    }
  /** Of a type that OCPP 1.6 says to ignore. */
  | { readonly kind: 'ignored'; readonly why: string };

export interface Payload {
  readonly text: string;
  /** What the text means; anything where the peer is wrong. */
  readonly value: unknown;
}

export const EMPTY: Payload = { text: '{}', value: {} };

const CALL = 2;
const RESULT = 3;
const ERROR = 4;

/**
 * Reads one message of OCPP-J.
 *
 * Shape: `[2,"<id>","<Action>",{…}]`, `[3,"<id>",{…}]` or `[4,"<id>","<code>","<description>",{…}]`; a payload may be
 * null or missing Errors: none thrown; `why` quotes nothing
 * Source: OCPP-J 1.6, sections 4.1 and 4.2, with the errata of 2025-04
 */
export function decodeFrame(bytes: Buffer): Frame {
  if (!isUtf8(bytes)) return { kind: 'bad', why: 'it is not UTF-8' };
  const text = bytes.toString();
  let elements: unknown;
  try {
    elements = JSON.parse(text);
  } catch {
    return { kind: 'bad', why: 'it is not JSON' };
  }
  try {
    return readFrame(text, elements);
  } catch {
    return { kind: 'bad', why: 'it is nested too deeply' };
  }
}

function readFrame(text: string, elements: unknown): Frame {
  if (!Array.isArray(elements) || elements.length === 0)
    return { kind: 'bad', why: 'it is no array with elements' };
  const [type, id] = elements as readonly unknown[];
  if (type !== CALL && type !== RESULT && type !== ERROR)
    return { kind: 'ignored', why: 'its type is not 2, 3 or 4' };
  if (typeof id !== 'string') {
    const why = 'its id is no string';
    return type === CALL
      ? { kind: 'bad', why, refuse: { id: NO_ID, code: 'FormationViolation' } }
      : { kind: 'bad', why };
  }
  if (type === CALL) return readCall(text, elements, id);
  if (type === RESULT) return { kind: 'result', id, payload: payloadAt(text, elements, 2) };
  const [, , code, description] = elements as readonly unknown[];
  // With three elements it is still known which CALL has failed.
  return {
    kind: 'error',
    id,
    code: typeof code === 'string' ? code : '',
    description: typeof description === 'string' ? description : '',
    details: payloadAt(text, elements, 4),
  };
}

function readCall(text: string, elements: readonly unknown[], id: string): Frame {
  const bad = (why: string): Frame => ({ kind: 'bad', why, refuse: { id, code: 'FormationViolation' } });
  if (id === '' || id.length > MAX_ID) return bad(`its id has not 1 to ${MAX_ID} characters`);
  const action = elements[2];
  if (typeof action !== 'string') return bad('its action is no string');
  return { kind: 'call', id, action, payload: payloadAt(text, elements, 3) };
}

/** The element with its own text; absent and null are an empty object. */
function payloadAt(text: string, elements: readonly unknown[], index: number): Payload {
  const value = elements[index];
  if (value === undefined || value === null) return EMPTY;
  const from = elements.length === index + 1 ? startOfLast(text, elements) : undefined;
  // A peer that adds elements, or writes very long ids, is rare enough for its payload to lose its own text.
  if (from === undefined) return { text: JSON.stringify(value), value };
  return { text: text.slice(from, text.lastIndexOf(']')).trim(), value };
}

/** Where the last element begins, if those before it are the type and short strings. */
function startOfLast(text: string, elements: readonly unknown[]): number | undefined {
  const strings = elements.slice(1, -1);
  if (strings.some((element) => typeof element !== 'string' || element.length > MAX_HEAD)) return undefined;
  let at = text.indexOf(',') + 1;
  for (const _ of strings) {
    STRING_AND_COMMA.lastIndex = at;
    if (!STRING_AND_COMMA.test(text)) return undefined;
    at = STRING_AND_COMMA.lastIndex;
  }
  return at;
}

const MAX_HEAD = 1024;
const STRING_AND_COMMA = /\s*"(?:[^"\\]|\\.)*"\s*,/y;

/** `payload` is an object's JSON text. */
export function encodeCall(id: string, action: string, payload: string): Buffer {
  return Buffer.from(`[2,${JSON.stringify(id)},"${action}",${payload}]`);
}

export function encodeResult(id: string, payload: string): Buffer {
  return Buffer.from(`[3,${JSON.stringify(id)},${payload}]`);
}

/** Always five elements: some charge points drop anything else. */
export function encodeError(id: string, code: ErrorCode, description: string, details = '{}'): Buffer {
  const words = JSON.stringify(shorten(description, MAX_DESCRIPTION));
  return Buffer.from(`[4,${JSON.stringify(id)},"${code}",${words},${details}]`);
}
