import type { PreparedAnswer, Refused } from '../dialect.ts';
import type { ScaDocument } from './document.ts';
import type { BuiltResponse } from './payment-response.ts';

/** An answer of an application in the form of a response, or why it has none. */
export function prepared(
  built: BuiltResponse,
  send: (response: ScaDocument) => 'sent' | 'closed',
): PreparedAnswer | Refused {
  if (!built.ok) return { code: 'JSONRPC_INVALID_PARAMS', why: built.why };
  return { send: () => send(built.document) };
}
