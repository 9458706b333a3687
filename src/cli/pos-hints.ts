import { BridgeError } from '../base/errors.ts';
import type { Disconnection } from '../pos/keeper.ts';

/**
 * Adds to a fault what else to try, where the last connection shows it: the terminal has said nothing on it that was
 * understood. `isSync`: `--sync` or `--no-sync` was given.
 */
export function withSyncHint(
  fault: unknown,
  { last, isSync }: { readonly last: Disconnection | undefined; readonly isSync: boolean | undefined },
): unknown {
  if (!(fault instanceof BridgeError) || last === undefined || last.failures === 0) return fault;
  const { code } = last.reason;
  const isUnanswered = code === 'SYNC_FAILED' || (isSync === true && code === 'CONNECTION_CLOSED');
  const hint = isUnanswered ? NO_SYNC : code === 'KEEPALIVE' && isSync !== true ? SYNC : undefined;
  return hint === undefined ? fault : new BridgeError(fault.code, `${fault.text}; ${hint}`, { cause: fault });
}

const NO_SYNC = 'if the terminal knows no _Sync, try --no-sync';
const SYNC = 'if the terminal waits for _Sync, try --sync';

/** What a person can do whose `abort` the terminal has refused. */
export const ABORT_HINT =
  'only the program that began a sale can abort it: press Ctrl-C where the purchase or refund runs';
