import type { Endpoint } from '../endpoint/endpoint.ts';
import { placeOf } from '../endpoint/place.ts';
import { defaultLockPath, noLock, openKernelLock, processLock, type TransactionLock } from '../store/lock.ts';
import type { BridgeContext, BridgeOptions } from './bridge-options.ts';
import { Router } from './router.ts';

/** Endpoints whose application belongs to this process alone. */
const PRIVATE_KINDS: ReadonlySet<Endpoint['kind']> = new Set(['fd', 'simulator', 'null']);

/**
 * Rejects where there is no transaction lock to be had. What each peer has of its own is not looked at before it is
 * there.
 */
export async function tryLock(options: BridgeOptions, context: BridgeContext): Promise<void> {
  if (context.journalFor === undefined) await (await openTerminalLock(options, context)).close();
}

/**
 * The lock that keeps transactions of one terminal apart, whichever process they come through. A journal is one
 * terminal, so its lock lies in it; without one, a terminal is the place that transactions go to.
 */
export async function openTerminalLock(
  options: Pick<BridgeOptions, 'dialect' | 'lock' | 'channels' | 'routes'>,
  { env, journal }: Pick<BridgeContext, 'env' | 'journal'>,
): Promise<TransactionLock> {
  if (!isLocked(options)) return noLock;
  const { dialect, lock, channels, routes } = options;
  if (lock !== undefined) return openKernelLock(lock);
  if (journal !== undefined) return journal.openLock();
  const [method = ''] = dialect.transactions.methods;
  const terminal = endpointFor(method, channels, new Router(new Map(), routes, dialect.routes));
  if (terminal === undefined) return noLock;
  const place = await placeOf(terminal);
  return PRIVATE_KINDS.has(terminal.kind)
    ? processLock(place)
    : openKernelLock(await defaultLockPath(place, env));
}

/** Whether transactions are kept apart at all. */
export function isLocked({ dialect, lock }: Pick<BridgeOptions, 'dialect' | 'lock'>): boolean {
  const { methods, isParallel } = dialect.transactions;
  return lock !== 'none' && !isParallel && methods.length > 0;
}

/** Where requests of this method go: a channel that is not attached, or only read, falls back to `payment`. */
function endpointFor(
  method: string,
  channels: BridgeOptions['channels'],
  router: Router,
): Endpoint | undefined {
  const channel = router.channelOf(method);
  const endpoint = channels.get(channel);
  const isRead = channel === 'device' && endpoint?.kind === 'fifo';
  return endpoint === undefined || isRead ? channels.get('payment') : endpoint;
}
