import type { Clock } from '../../../base/clock.ts';
import { BridgeError } from '../../../base/errors.ts';
import { Operator } from './operator.ts';

/** The operator behind `simulator:`. Rejects with ENDPOINT_INVALID for any option: it has none. */
export async function openSimulator(
  options: Readonly<Record<string, string>>,
  { clock }: { readonly clock: Clock },
): Promise<Operator> {
  const [strange] = Object.keys(options);
  if (strange === undefined) return new Operator({ clock });
  throw new BridgeError(
    'ENDPOINT_INVALID',
    `simulator: ${strange}= is for a terminal; the operator has no options`,
  );
}
