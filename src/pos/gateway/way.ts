import type { Clock } from '../../base/clock.ts';
import type { OutcomeText } from '../../rpc/outcome.ts';
import type { Answer } from '../answer.ts';
import type { Keeper } from '../keeper.ts';
import type { TerminalConnection, Unsent } from '../terminal-connection.ts';
import { Limit, unlessAborted } from '../wait.ts';
import { passedOn, refusal } from './gateway-answer.ts';

/** How long a request waits for the terminal: as long as a bridge waits for an application. */
const CONNECT_MS = 5000;

export interface WayOptions {
  readonly keeper: Keeper;
  readonly clock: Clock;
  /** What the terminal is called, for people. */
  readonly to: string;
}

/** The way to the terminal, for everything that wants to be said to it. */
export class Way {
  readonly #options: WayOptions;

  constructor(options: WayOptions) {
    this.#options = options;
  }

  /** A connection, or why there is none in time: then nothing was sent. */
  async connection(giveUp?: AbortSignal): Promise<TerminalConnection | OutcomeText> {
    const { keeper, clock, to } = this.#options;
    const limit = new Limit(clock, CONNECT_MS, giveUp);
    keeper.wake();
    try {
      return (
        (await keeper.speaking(limit.signal)) ?? refusal('CHANNEL_UNAVAILABLE', keeper.whyNot(to, CONNECT_MS))
      );
    } finally {
      limit.stop();
    }
  }

  /**
   * A connection that has just given a sign of life, where the dialect has a question for that: what is sent on it now
   * most likely arrives.
   */
  async provenConnection(giveUp: AbortSignal): Promise<TerminalConnection | OutcomeText> {
    const { keeper, clock, to } = this.#options;
    const limit = new Limit(clock, CONNECT_MS, giveUp);
    try {
      for (;;) {
        const connection = await this.connection(limit.signal);
        if ('kind' in connection) return connection;
        const probe = connection.probe();
        if (probe === 'none') return connection;
        if (typeof probe !== 'string') {
          const sign = await unlessAborted(probe, limit.signal);
          if (sign !== undefined && sign.lost === undefined) return connection;
        } else if (probe !== 'closed') return unsent(probe);
        if (limit.signal.aborted) return refusal('CHANNEL_UNAVAILABLE', keeper.whyNot(to, CONNECT_MS));
      }
    } finally {
      limit.stop();
    }
  }

  /** Asks the terminal something that moves no money. */
  async ask(method: string, params: string): Promise<OutcomeText> {
    const connection = await this.connection();
    if ('kind' in connection) return connection;
    const asked = connection.ask(method, params);
    return typeof asked === 'string' ? unsent(asked) : answerOf(await asked);
  }
}

/** What a request is answered with that was not sent. */
export function unsent(why: Unsent): OutcomeText {
  switch (why) {
    case 'too-large':
      return refusal('JSONRPC_INVALID_PARAMS', 'the request does not fit a frame of the terminal');
    case 'full':
      return refusal('BUSY', 'too many requests wait for the terminal');
    case 'closed':
      return refusal(
        'CHANNEL_UNAVAILABLE',
        'the connection to the terminal has just been lost; nothing was sent',
      );
  }
}

/** What a request without money is answered with. */
export function answerOf(answer: Answer): OutcomeText {
  return answer.lost === undefined
    ? passedOn(answer)
    : refusal('CHANNEL_CLOSED', `the connection to the terminal was lost: ${answer.lost.text}`);
}
