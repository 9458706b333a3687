import { errorText } from '../../rpc/error-object.ts';

/** What an OpenFSC `ERR` says. */
export interface FscError {
  readonly code: number;
  readonly text: string;
}

const CODES: ReadonlyMap<number, number> = new Map([
  [-32601, 405],
  [-32602, 400],
]);
/** Errors of the bridge that have an OpenFSC code of their own; every other one is 500. */
const OWN: ReadonlyMap<string, number> = new Map([
  ['JSONRPC_INVALID_REQUEST', 400],
  ['DUPLICATE_TRANSACTION', 412],
]);
const OTHER = 500;
const MAX_TEXT = 200;

/**
 * An error object, complete, as an `ERR`: `data.fscCode` if it is from 400 to 599, else by its JSON-RPC code, else 500.
 * The text is its message, on one line.
 */
export function fscErrorOf(error: Buffer): FscError {
  const { code, message, data } = readError(error);
  const fscCode = data?.['fscCode'];
  const own = data?.['string_code'];
  return {
    code: isFscCode(fscCode) ? fscCode : (CODES.get(code) ?? OWN.get(String(own)) ?? OTHER),
    text: oneLine(message),
  };
}

/** Our own word to the server about an error of the application that has one: its OpenFSC code, if it gave one. */
export function fscCodeIn(error: Buffer): number | undefined {
  const fscCode = readError(error).data?.['fscCode'];
  return isFscCode(fscCode) ? fscCode : undefined;
}

/** An `ERR` as an error object: `{"code":1,"message":…,"data":{"string_code":"FSC_404","details":…,"fscCode":404}}`. */
export function errorObjectOf({ code, text }: FscError): Buffer {
  const error = {
    code: 1,
    message: text,
    data: { string_code: `FSC_${code}`, details: text, fscCode: code },
  };
  return Buffer.from(JSON.stringify(error));
}

/** A refusal of our own to an application. */
export function refusalOf(code: string, details: string): Buffer {
  return errorText(code, details);
}

/** One line of bounded length, without control characters. */
export function oneLine(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length <= MAX_TEXT ? line : `${[...line].slice(0, MAX_TEXT).join('')}...`;
}

function isFscCode(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 400 && Number(value) <= 599;
}

function readError(error: Buffer): {
  code: number;
  message: string;
  data: Record<string, unknown> | undefined;
} {
  const { code, message, data } = JSON.parse(error.toString()) as Record<string, unknown>;
  const isObject = typeof data === 'object' && data !== null;
  return {
    code: Number(code),
    message: String(message),
    data: isObject ? (data as Record<string, unknown>) : undefined,
  };
}
