import { fitsArgument } from './methods.ts';

/** An application's word that a pump is locked again, ready to be written. */
export interface LockedPump {
  readonly pump: number;
  readonly fscTransactionId: string;
  readonly args: readonly string[];
}

/** Nothing was dispensed, or the customer took too long. */
const REASONS: ReadonlySet<string> = new Set(['aborted', 'timeout']);

/** Reads the params of `openfsc.lockedPump`; undefined where they cannot be used. */
export function readLockedPump(params: Buffer): LockedPump | undefined {
  const { pump, fscTransactionId, reason } = JSON.parse(params.toString()) as Record<string, unknown>;
  if (typeof pump !== 'number' || typeof fscTransactionId !== 'string' || typeof reason !== 'string') {
    return undefined;
  }
  const isGood =
    fitsArgument('pump', String(pump)) && fitsArgument('uuid', fscTransactionId) && REASONS.has(reason);
  return isGood ? { pump, fscTransactionId, args: [String(pump), fscTransactionId, reason] } : undefined;
}
