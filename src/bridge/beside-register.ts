import type { Clock } from '../base/clock.ts';
import type { Beside, BesideEvents } from '../dialect/dialect.ts';
import { BesideLine } from './beside-line.ts';

/**
 * A connection to where a register listens. Only at its own address, and only where it has said the port: its end of
 * the wire has one that is of no use.
 *
 * @param address the register's, where it has one
 */
export function besideRegister(
  address: string | undefined,
  { port, at }: { readonly port: number | 'next'; readonly at: string | undefined },
  clock: Clock,
  events: BesideEvents,
): Beside | undefined {
  const host = address?.replace(MAPPED, '');
  if (host === undefined || port === 'next' || (at !== undefined && at.replace(MAPPED, '') !== host))
    return undefined;
  const open = async (signal: AbortSignal) => {
    const { connectWire } = await import('../wire/socket.ts');
    return connectWire({ kind: 'tcp', host, port, text: `tcp:${host}:${port}` }, { signal, clock });
  };
  return new BesideLine(open, clock, events);
}

/** An IPv4 address as sockets of both families write it. */
const MAPPED = /^::ffff:(?=\d)/i;
