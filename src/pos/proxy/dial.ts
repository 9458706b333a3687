import { lookup } from 'node:dns/promises';
import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import { RequestRefused } from '../pos-error.ts';
import { AnySignal, Limit } from '../wait.ts';
import type { AllowList, Target } from './allow.ts';

/** What a terminal waits for a connection: all attempts together, looking the name up included. */
export const CONNECT_MS = 10_000;
/** For one address, while there are others. */
const ATTEMPT_MS = 3000;
const MAX_ADDRESSES = 8;
/** Looking names up takes a thread each from the few that also write files. */
const MAX_LOOKUPS = 2;
const MAX_WAITING_LOOKUPS = 256;

export type Resolve = (host: string) => Promise<readonly string[]>;

export interface DialOptions {
  readonly clock: Clock;
  readonly allow: AllowList;
  readonly signal: AbortSignal;
  readonly onread: OnReadOpts;
  readonly resolve: Resolve;
}

/**
 * Connects: looks the name up once, and tries the addresses that may be reached, one after the other. Rejects with a
 * RequestRefused: NETWORK_NOT_ALLOWED, NETWORK_UNREACHABLE or NETWORK_CLOSED (`signal` has aborted). The socket is
 * connected, and reads nothing before `resume`.
 */
export async function dial(target: Target, options: DialOptions): Promise<Socket> {
  const { allow, clock, signal } = options;
  const where = `${target.host}:${target.port}`;
  if (!allow.mayResolve(target)) throw notAllowed(where);
  const limit = new Limit(clock, CONNECT_MS, signal);
  const over = limit.signal;
  try {
    const addresses = await unlessOver(options.resolve(target.host), over);
    const allowed = addresses.filter((address) => allow.allows(target, address)).slice(0, MAX_ADDRESSES);
    if (allowed.length === 0) throw notAllowed(where);
    return await tryAll(allowed, target.port, { ...options, signal: over });
  } catch (fault) {
    if (signal.aborted) throw new RequestRefused('NETWORK_CLOSED', `${where}: no longer wanted`);
    if (fault instanceof RequestRefused) throw fault;
    const why = limit.hasExpired ? `no connection within ${CONNECT_MS / 1000} s` : describeFault(fault);
    throw new RequestRefused('NETWORK_UNREACHABLE', `${where}: ${why}`);
  } finally {
    limit.stop();
  }
}

function notAllowed(where: string): RequestRefused {
  return new RequestRefused('NETWORK_NOT_ALLOWED', `${where}: the register does not allow it`);
}

async function tryAll(addresses: readonly string[], port: number, options: DialOptions): Promise<Socket> {
  let last: unknown;
  for (const [index, address] of addresses.entries()) {
    const attempt = new AnySignal(options.signal);
    const isLast = index === addresses.length - 1;
    const timer = isLast ? undefined : options.clock.after(ATTEMPT_MS, () => attempt.abort());
    try {
      return await open(address, port, { ...options, signal: attempt.signal });
    } catch (fault) {
      last = fault;
      if (options.signal.aborted) break;
    } finally {
      timer?.cancel();
      attempt.stop();
    }
  }
  throw last;
}

function open(host: string, port: number, { signal, onread }: DialOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, onread, noDelay: true, keepAlive: true });
    const settle = (run: () => void) => {
      signal.removeEventListener('abort', abort);
      socket.removeListener('error', fail);
      run();
    };
    const fail = (fault: Error) => settle(() => reject(fault));
    const abort = () => {
      socket.on('error', () => {});
      socket.destroy();
      fail(new Error('no answer in time'));
    };
    // Nothing is read before somebody is there to take it.
    socket.pause();
    socket.once('error', fail);
    socket.once('connect', () => settle(() => resolve(socket)));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
  });
}

/** A value, or a rejection as soon as nobody waits for it any more. */
function unlessOver<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new Error('no answer in time'));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Looks names up as the machine does (hosts file, DNS), few at a time. An address is its own answer. */
export class Resolver {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  readonly resolve: Resolve = async (host) => {
    if (isIP(host) !== 0) return [host];
    if (this.#waiting.length >= MAX_WAITING_LOOKUPS) throw new Error('too many names are being looked up');
    if (this.#running === MAX_LOOKUPS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      return (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  };
}
