import type { CloseReason } from '../base/close-reason.ts';
import { memberOf } from '../base/member.ts';
import { shorten } from '../base/printable.ts';
import type { PeerAnswer } from '../dialect/dialect.ts';
import { stringCodeOf } from '../rpc/error-object.ts';

export type JsonObject = { readonly [name: string]: unknown };

/** An answer of the terminal, kept. */
export interface Answer {
  readonly kind: 'result' | 'error';
  /** The object as the terminal wrote it: numbers that a double cannot hold are exact here. */
  readonly text: string;
  /** Set when nobody answered: the connection ended first, for this reason. */
  readonly lost?: CloseReason;
}

/** Deeper answers are not taken apart. */
export const MAX_DEPTH = 100;

/** An error object in parts. What is missing or of the wrong type is empty. */
export interface ErrorReason {
  readonly code: string;
  readonly message: string;
  readonly details: string;
  readonly displayMessage?: string;
}

/** A copy that outlives the call that brought the answer. */
export function keepAnswer({ kind, text, depth, lost }: PeerAnswer): Answer {
  const kept = depth > MAX_DEPTH ? '{}' : text.toString();
  return { kind, text: kept, ...(lost !== undefined && { lost }) };
}

/** The object. Its text is valid JSON, for the conversation has read it. */
export function parseObject(text: string): JsonObject {
  return JSON.parse(text) as JsonObject;
}

export function readReason({ text }: Pick<Answer, 'text'>): ErrorReason {
  const error = parseObject(text);
  const data = memberOf(error, 'data');
  const displayMessage = textOf(data, 'display_message', 1024);
  return {
    code: stringCodeOf(Buffer.from(text)),
    message: textOf(error, 'message', 1024) ?? '',
    details: textOf(data, 'details', 8192) ?? '',
    ...(displayMessage !== undefined && displayMessage !== '' && { displayMessage }),
  };
}

function textOf(object: unknown, name: string, maxLength: number): string | undefined {
  const value = memberOf(object, name);
  return typeof value === 'string' ? shorten(value, maxLength) : undefined;
}
