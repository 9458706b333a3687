import { type Clock, isoTime } from '../base/clock.ts';
import type { LockAttempt, LockHolder, TransactionLock } from '../store/lock.ts';
import type { BridgeContext } from './bridge-options.ts';
import type { OpenRequest } from './open-request.ts';
import type { OpenRequests } from './open-requests.ts';

export interface TerminalTurnOptions {
  /** The connection's name. */
  readonly name: string;
  readonly requests: OpenRequests;
  readonly lock: TransactionLock;
  readonly pid: number;
  readonly clock: Clock;
  readonly refused?: BridgeContext['refused'];
}

/** One connection's turns at the terminal, which carries out one transaction at a time. */
export class TerminalTurn {
  readonly #options: TerminalTurnOptions;

  constructor(options: TerminalTurnOptions) {
    this.#options = options;
  }

  /**
   * For a transaction without a journal, whose lock is one of this machine.
   *
   * @param transaction its name, for others who want the same.
   */
  tryAcquire(transaction?: string): LockAttempt {
    const attempt = this.acquire(transaction);
    if (attempt instanceof Promise) throw new TypeError('only a journal has locks between machines');
    return attempt;
  }

  /** For a transaction with a journal, whose lock may be one between machines. */
  acquire(transaction?: string): LockAttempt | Promise<LockAttempt> {
    const { name, lock, pid, clock } = this.#options;
    const since = isoTime(clock);
    return lock.tryAcquire({
      connection: name,
      pid,
      since,
      ...(transaction !== undefined && { transaction }),
    });
  }

  /** Somebody else has the turn. Never rejects. */
  async refuse(
    open: OpenRequest,
    attempt: Extract<LockAttempt, { acquired: false }>,
    name: string | undefined,
  ): Promise<void> {
    const { requests } = this.#options;
    const holder = await attempt.holder();
    if (name !== undefined && holder === undefined) {
      requests.endUnknown(open, 'another process has the terminal, perhaps for the same transaction');
    } else if (name !== undefined && holder?.transaction === name) {
      requests.endUnknown(open, 'the same transaction is running in another process');
    } else {
      const details = wordsForBusy(holder);
      const { refused, name: connection } = this.#options;
      const params = open.identity?.params ?? NO_PARAMS;
      refused?.({ connection, method: open.method, params, code: 'BUSY', details });
      requests.settleRefused(open, 'BUSY', details);
    }
  }
}

const NO_PARAMS = Buffer.from('{}');

function wordsForBusy(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'another transaction is running';
  return `a transaction of ${holder.connection} (process ${holder.pid}) is running since ${holder.since}`;
}
