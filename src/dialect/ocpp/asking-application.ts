import type { ChannelName } from '../../base/channel-name.ts';
import type { ConnectionEvents, PreparedAnswer, Refused } from '../dialect.ts';
import { type Action, METHOD_PREFIX } from './actions.ts';
import { DEPTH } from './toward-charge-point.ts';

/** What is done with the answer of an application. */
export interface Hearing {
  /** Makes an answer of its result. */
  readonly prepare: (result: Buffer) => PreparedAnswer | Refused;
  readonly failed: (error: Buffer) => void;
  readonly channel?: ChannelName;
}

/** Asks the applications of one connection. */
export class AskingApplication {
  readonly #events: ConnectionEvents;
  readonly #isOpen: () => boolean;

  constructor(events: ConnectionEvents, isOpen: () => boolean) {
    this.#events = events;
    this.#isOpen = isOpen;
  }

  ask(action: Action, params: string, { prepare, failed, channel }: Hearing): void {
    this.#events.request({
      method: METHOD_PREFIX + action,
      methodText: `"${METHOD_PREFIX}${action}"`,
      params: Buffer.from(params),
      depth: DEPTH,
      ...(channel !== undefined && { channel }),
      prepare: (kind, text) => {
        if (kind === 'result') return prepare(text);
        const error = Buffer.from(text);
        return {
          send: () => {
            const outcome = this.#isOpen() ? 'sent' : 'closed';
            failed(error);
            return outcome;
          },
        };
      },
    });
  }
}
