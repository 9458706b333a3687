import { stringCodeOf } from '../rpc/error-object.ts';
import { NO_OUTCOME_CODES } from '../rpc/no-outcome.ts';

/** An answer of an application: a result, or an error in its complete form. */
export interface Answer {
  readonly kind: 'result' | 'error';
  readonly text: Buffer;
}

/**
 * What an answer to a recovery request says: `outcome` (believe it), `active` (ask later), `not-found` (perhaps never
 * arrived), `unsupported` (the application knows no recovery), `nothing` (about the way, not about the money).
 */
export function judgeAnswer({
  kind,
  text,
}: Answer): 'outcome' | 'active' | 'not-found' | 'unsupported' | 'nothing' {
  if (kind === 'result') return 'outcome';
  const code = stringCodeOf(text);
  if (code === 'TRANSACTION_NOT_FOUND') return 'not-found';
  if (code === 'TRANSACTION_ACTIVE') return 'active';
  if (code === 'JSONRPC_METHOD_NOT_FOUND') return 'unsupported';
  return code.startsWith('JSONRPC_') || NO_OUTCOME_CODES.has(code) ? 'nothing' : 'outcome';
}
