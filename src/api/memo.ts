import { createHash } from 'node:crypto';
import { memberOf } from '../base/member.ts';
import type { JsonObject } from '../pos/answer.ts';

/** What the service stores with a sale, beside what every register stores. */
export interface Memo {
  /** Name of the terminal that was asked for. */
  readonly terminal: string;
  /** Name of the token that it was made with; undefined: there are no tokens. */
  readonly by: string | undefined;
  /** The caller's own name for it. */
  readonly reference: string | undefined;
  /** Digest of the idempotency key and of whose it is. */
  readonly idempotency: string;
  /** Digest of what was asked for: the same key with another one is refused. */
  readonly request: string;
  /** When it was asked for, ISO 8601. */
  readonly at: string;
}

/** As it lies in the store. */
export function writeMemo({ terminal, by, reference, idempotency, request, at }: Memo): JsonObject {
  return { api: VERSION, terminal, by, reference, idempotency, request, at };
}

/** Undefined where it is none of ours. */
export function readMemo(stored: unknown): Memo | undefined {
  const texts = ['terminal', 'idempotency', 'request', 'at'].map((name) => textIn(stored, name));
  const [terminal, idempotency, request, at] = texts;
  if (memberOf(stored, 'api') !== VERSION || terminal === undefined || idempotency === undefined)
    return undefined;
  if (request === undefined || at === undefined) return undefined;
  return {
    terminal,
    by: textIn(stored, 'by'),
    reference: textIn(stored, 'reference'),
    idempotency,
    request,
    at,
  };
}

const VERSION = 1;

function textIn(object: unknown, name: string): string | undefined {
  const value = memberOf(object, name);
  return typeof value === 'string' ? value : undefined;
}

/** In letters alone: nothing in it is ever taken for a card number, and masked in the store. */
export function digest(...parts: readonly (string | undefined)[]): string {
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return hex.replace(/\d/g, (figure) => 'ghijklmnop'[Number(figure)] ?? '');
}
