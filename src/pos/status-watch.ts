import type { Clock } from '../base/clock.ts';
import { pause } from '../base/pause.ts';
import type { Answer } from './answer.ts';
import type { Keeper } from './keeper.ts';
import { readTerminalInfo, sendsStatusEvents, type TerminalInfo } from './status.ts';
import type { TerminalConnection } from './terminal-connection.ts';
import { AnySignal, aborted, Limit, unlessAborted } from './wait.ts';

/** How often a terminal that sends no StatusEvent is asked. */
const POLL_MS = 5000;
const ANSWER_MS = 10_000;

export interface StatusWatchOptions {
  readonly keeper: Keeper;
  readonly clock: Clock;
  /** Params of the requests. */
  readonly params: string;
  readonly signal: AbortSignal;
  /** The text of a Status. */
  readonly status: (text: string) => void;
}

/**
 * Keeps statuses coming until `signal` aborts: one at the beginning of every connection, then by StatusEvent, or by
 * asking where the terminal is too old to send any.
 */
export async function watchStatus(options: StatusWatchOptions): Promise<void> {
  const { keeper, signal } = options;
  const ending = new AnySignal(signal, keeper.closing);
  try {
    await watchUntil(ending.signal, options);
  } finally {
    ending.stop();
  }
}

async function watchUntil(over: AbortSignal, options: StatusWatchOptions): Promise<void> {
  const { keeper, clock } = options;
  while (!over.aborted) {
    const connection = await keeper.speaking(over);
    if (connection === undefined) break;
    const info = await within(clock, over, (limit) => askInfo(connection, options.params, limit));
    const polls = info !== undefined && !sendsStatusEvents(info.version);
    do {
      const status = await within(clock, over, (limit) => ask(connection, 'Status', options.params, limit));
      if (status?.kind === 'result') options.status(status.text);
      await (polls ? pause(clock, POLL_MS, over, connection.over) : aborted(over, connection.over));
    } while (!over.aborted && connection.isSpeaking);
  }
}

/** What the terminal is; older ones know another word for the question. Undefined when it does not say. */
export async function askInfo(
  connection: TerminalConnection,
  params: string,
  signal: AbortSignal,
): Promise<TerminalInfo | undefined> {
  for (const method of ['TerminalInfo', 'VersionInfo']) {
    const given = await ask(connection, method, params, signal);
    if (given === undefined || given.lost !== undefined) return undefined;
    if (given.kind === 'result') return readTerminalInfo(given.text);
  }
  return undefined;
}

/** Undefined when it cannot be asked, or `signal` aborts first. */
async function ask(
  connection: TerminalConnection,
  method: string,
  params: string,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  const answer = connection.ask(method, params);
  return typeof answer === 'string' ? undefined : unlessAborted(answer, signal);
}

/** A terminal that never answers a question is not waited for. */
async function within<T>(
  clock: Clock,
  signal: AbortSignal,
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new Limit(clock, ANSWER_MS, signal);
  try {
    return await work(limit.signal);
  } finally {
    limit.stop();
  }
}
