import type { Clock } from '../base/clock.ts';
import { type Answer, readReason } from './answer.ts';
import type { Keeper } from './keeper.ts';
import { PeerError, PosError, type PosErrorCode } from './pos-error.ts';
import { checkTimerMs, type ResolvedPosOptions } from './pos-options.ts';
import { plainParams } from './sale-request.ts';
import type { TerminalConnection, Unsent } from './terminal-connection.ts';
import { Limit, unlessAborted } from './wait.ts';

export interface WaitOptions {
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

export interface CallOptions extends WaitOptions {
  /** For the answer, from sending on; default 60 s. */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_CALL_TIMEOUT_MS = 60_000;

export interface CallsOptions extends Pick<ResolvedPosOptions, 'connectTimeoutMs' | 'keepalive' | 'apiKey'> {
  readonly keeper: Keeper;
  readonly clock: Clock;
  /** What the terminal is called, for people. */
  readonly to: string;
}

/** Requests that move no money: each is asked once, and answered or not. */
export class Calls {
  readonly #options: CallsOptions;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** A connection. Rejects with NOT_CONNECTED, ABORTED or CONNECTION_CLOSED. */
  async connection(signal: AbortSignal | undefined): Promise<TerminalConnection> {
    const { keeper, clock, to, connectTimeoutMs } = this.#options;
    const limit = new Limit(clock, connectTimeoutMs, signal, keeper.closing);
    keeper.wake();
    try {
      const connection = await keeper.speaking(limit.signal);
      if (connection !== undefined) return connection;
      if (signal?.aborted)
        throw new PosError('ABORTED', 'given up; nothing was sent', { cause: signal.reason });
      if (!limit.hasExpired) throw new PosError('CONNECTION_CLOSED', 'the client is closed');
      throw new PosError('NOT_CONNECTED', keeper.whyNot(to, connectTimeoutMs));
    } finally {
      limit.stop();
    }
  }

  /** Milliseconds to the terminal and back. Rejects like `call`. */
  async ping(signal: AbortSignal | undefined): Promise<number> {
    const { keepalive, clock, apiKey } = this.#options;
    const timeoutMs = keepalive === 'off' ? DEFAULT_CALL_TIMEOUT_MS : 2 * keepalive.limitMs;
    const connection = await this.connection(signal);
    const sentMs = clock.nowMs();
    const probe = connection.probe();
    const asked = probe === 'none' ? connection.ask('Status', plainParams({}, apiKey)) : probe;
    try {
      await this.#answerTo('a ping', asked, { signal, timeoutMs });
    } catch (fault) {
      if (!(fault instanceof PeerError)) throw fault; // an error is an answer, too
    }
    return clock.nowMs() - sentMs;
  }

  /** The terminal's result. Rejects with what the terminal says instead, or why there is no answer. */
  async call(method: string, params: string, options: CallOptions): Promise<Answer> {
    const timeoutMs = checkTimerMs('timeoutMs', options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS);
    const connection = await this.connection(options.signal);
    return this.#answerTo(method, connection.ask(method, params), { ...options, timeoutMs });
  }

  async #answerTo(
    what: string,
    asked: Promise<Answer> | Unsent,
    { signal, timeoutMs }: WaitOptions & { readonly timeoutMs: number },
  ): Promise<Answer> {
    if (asked === 'too-large') throw new RangeError('params: the request does not fit a frame');
    if (asked === 'full') throw new PosError('NOT_CONNECTED', 'too many requests wait for the terminal');
    if (asked === 'closed') throw new PosError('NOT_CONNECTED', 'the connection has just been lost');
    const limit = new Limit(this.#options.clock, timeoutMs, signal);
    try {
      const answer = await unlessAborted(asked, limit.signal);
      if (answer === undefined) {
        throw limit.hasExpired
          ? new PosError('TIMEOUT', `the terminal has not answered ${what} within ${timeoutMs / 1000} s`)
          : new PosError('ABORTED', `the waiting for ${what} was ended`, { cause: signal?.reason });
      }
      if (answer.lost !== undefined) throw lostError(answer.lost);
      if (answer.kind === 'error') throw new PeerError(answer, readReason(answer));
      return answer;
    } finally {
      limit.stop();
    }
  }
}

/** The connection ended before the answer came. */
function lostError({ code, text }: { readonly code: string; readonly text: string }): PosError {
  const own: PosErrorCode = code === 'KEEPALIVE' ? 'KEEPALIVE' : 'CONNECTION_CLOSED';
  const words = code === own ? text : `${text} (${code})`;
  return new PosError(own, `the connection to the terminal was lost: ${words}`);
}
