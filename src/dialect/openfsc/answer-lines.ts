import type { Element } from './elements.ts';
import { fscErrorOf } from './errors.ts';
import type { Arguments, MethodName } from './methods.ts';
import { readReceipt } from './receipt.ts';
import { readAnswer, type ServerRequest } from './requests.ts';

/** An answer of an application, as lines for the server. */
export interface AnswerLines {
  readonly elements: readonly Element[];
  readonly receipt: readonly (readonly string[])[];
  /** OK, or ERR and why. */
  readonly end: readonly string[];
}

export function errorLines(error: Buffer): AnswerLines {
  const { code, text } = fscErrorOf(error);
  return { elements: [], receipt: [], end: ['ERR', String(code), ...(text === '' ? [] : [text])] };
}

/** `why`: the result is malformed. */
export function resultLines(
  spec: ServerRequest,
  method: MethodName,
  { values }: Arguments,
  result: Buffer,
): AnswerLines | { readonly why: string } {
  const read = readAnswer(spec, result);
  if (!read.ok) return read;
  const receipt = method === 'CLEAR' ? readReceipt(values['fscTransactionId'] ?? '', result) : NO_RECEIPT;
  if (!receipt.ok) return receipt;
  return { elements: read.elements, receipt: receipt.lines, end: ['OK'] };
}

const NO_RECEIPT = { ok: true, lines: [] } as const;
