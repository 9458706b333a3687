import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../base/clock.ts';
import { BridgeError } from '../../../base/errors.ts';
import { Station } from './station.ts';

/**
 * The station behind `simulator:`, ready to be attached. `delay` is what a customer takes for each step, ms. Rejects
 * with ENDPOINT_INVALID for what only a terminal has.
 */
export async function openSimulator(
  { delay, ...others }: Readonly<Record<string, string>>,
  { clock }: { readonly clock: Clock },
): Promise<Station> {
  const [strange] = Object.keys(others);
  if (strange !== undefined) {
    throw new BridgeError(
      'ENDPOINT_INVALID',
      `simulator: ${strange}= is for a terminal; a fuel station takes ?delay= alone`,
    );
  }
  return new Station({
    clock,
    newId: () => randomUUID().slice(0, 8),
    ...(delay !== undefined && { paceMs: Number(delay) }),
  });
}
