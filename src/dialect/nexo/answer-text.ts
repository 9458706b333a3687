import { stringCodeOf } from '../../rpc/error-object.ts';
import { type JsonObject, readTree, textAt } from '../../rpc/json-tree.ts';

/** An answer of an application or of the bridge, taken apart. */
export type Answer =
  | { readonly kind: 'result'; readonly result: JsonObject; readonly text: Buffer }
  | { readonly kind: 'error'; readonly code: string; readonly details: string; readonly text: Buffer };

/** Undefined where a result cannot be read: a member comes twice. */
export function readAnswer(kind: 'result' | 'error', text: Buffer): Answer | undefined {
  const tree = readTree(text, MAX_DEPTH);
  if (kind === 'result') return tree.ok ? { kind, result: tree.value, text } : undefined;
  const code = stringCodeOf(text);
  const error = tree.ok ? tree.value : {};
  return { kind, code, details: textAt(error, 'data', 'details') ?? textAt(error, 'message') ?? '', text };
}

const MAX_DEPTH = 128;

/** What a person reads about an error. */
export function wordsOf({ code, details }: { readonly code: string; readonly details: string }): string {
  return details === '' ? code : `${code}: ${details}`;
}
