import { BridgeError } from '../base/errors.ts';
import type { BridgeEnd } from '../bridge/bridge.ts';

/** Exit statuses, after the customs of daemontools and sysexits. */
export const EXIT = {
  /** Closed normally. */
  ok: 0,
  /** The peer broke its protocol. */
  protocol: 76,
  /** Wrong usage or configuration: trying again does not help. */
  usage: 100,
  /** Temporary failure: a wire, listener, descriptor, store or lock that cannot be had, or a silent peer. */
  temporary: 111,
} as const;

export function exitCodeOf(end: BridgeEnd): number {
  return { ended: EXIT.ok, broken: EXIT.protocol, failed: EXIT.temporary, unknown: EXIT.temporary }[end];
}

const USAGE_CODES: ReadonlySet<string> = new Set(['USAGE', 'ENDPOINT_INVALID', 'FD_NOT_INHERITED']);

export function exitCodeOfFault(fault: unknown): number {
  return fault instanceof BridgeError && USAGE_CODES.has(fault.code) ? EXIT.usage : EXIT.temporary;
}
