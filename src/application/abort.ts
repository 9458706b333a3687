import { type AbortOrder, type Identifiers, mayMean } from './identifiers.ts';
import { type Caller, isSame, isSameRegister, type Register, type Registers } from './registers.ts';

/** A transaction that an Abort may mean. */
export interface Abortable {
  readonly caller: Caller;
  /** Whose it is, where a bridge has told. */
  readonly register: Register | undefined;
  /** Undefined where it has none. */
  readonly identifiers: Identifiers | undefined;
  readonly apiKey: string | undefined;
}

/** Why an order to abort is refused. */
export interface AbortRefusal {
  readonly code: 'NOTHING_TO_ABORT' | 'ABORT_REFUSED';
  readonly details: string;
}

export const NOTHING_TO_ABORT: AbortRefusal = {
  code: 'NOTHING_TO_ABORT',
  details: 'no such transaction is running',
};

/**
 * Why an order to abort does not mean the running transaction; undefined where it does. A register that has lost its
 * connection, or opens one for each request, aborts by another one.
 */
export function whyNotAborted(
  running: Abortable,
  by: Caller,
  { identifiers, apiKey }: AbortOrder,
  registers: Registers,
): AbortRefusal | undefined {
  const isMeant =
    identifiers === undefined ||
    (running.identifiers !== undefined && mayMean(identifiers, running.identifiers));
  if (!isMeant) return NOTHING_TO_ABORT;
  if (isSame(running.caller, by)) return undefined;
  const isSameKey = apiKey === undefined || apiKey === running.apiKey;
  if (isSameKey && isSameRegister(running.register, registers.find(by))) return undefined;
  return { code: 'ABORT_REFUSED', details: 'the transaction that is running belongs to another register' };
}
