import { BridgeError } from '../base/errors.ts';
import type { BridgeEnd } from '../bridge/bridge-options.ts';

/** Exit statuses, after the customs of daemontools and sysexits. */
export const EXIT = {
  /** Closed normally. */
  ok: 0,
  /**
   * Of `pos`: declined, cancelled, not started or not known to the terminal; an error as the terminal's answer. Nothing
   * was charged. Of `fsc-server`: the script was not kept.
   */
  declined: 1,
  /** Of `pos`: approved, but for another amount or currency than was asked for. */
  otherMoney: 2,
  /** Of `pos`: the outcome of a sale is not known yet. */
  unknown: 75,
  /** The peer broke its protocol. */
  protocol: 76,
  /** Wrong usage or configuration: trying again does not help. */
  usage: 100,
  /** Temporary failure: a wire, listener, descriptor, store or lock that cannot be had, or a silent peer. */
  temporary: 111,
} as const;

export function exitCodeOf(end: BridgeEnd): number {
  const { ok, protocol, temporary, usage } = EXIT;
  return { ended: ok, broken: protocol, failed: temporary, refused: usage, unknown: temporary }[end];
}

const STATUS_OF_CODE: ReadonlyMap<string, number> = new Map([
  ['USAGE', EXIT.usage],
  ['ENDPOINT_INVALID', EXIT.usage],
  ['FD_NOT_INHERITED', EXIT.usage],
  ['DUPLICATE_TRANSACTION', EXIT.usage],
  ['ABORTED', EXIT.declined],
  ['OUTCOME_UNKNOWN', EXIT.unknown],
  ['TRANSACTION_ACTIVE', EXIT.unknown],
]);

export function exitCodeOfFault(fault: unknown): number {
  const own = fault instanceof BridgeError ? STATUS_OF_CODE.get(fault.code) : undefined;
  return own ?? EXIT.temporary;
}
