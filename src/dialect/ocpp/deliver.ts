import type { Logger } from '../../base/log.ts';
import type { Action } from './actions.ts';
import type { Hearing } from './asking-application.ts';
import type { CentralStore, Spooled } from './database/store.ts';
import { isAway, isUnwanted } from './mapping.ts';
import type { Waits } from './waits.ts';

/** What an application has made of a message: `away` leaves it where it is. */
export type Delivered = 'taken' | 'away';

export interface DeliverParts {
  readonly ask: (action: Action, params: string, hearing: Hearing) => void;
  readonly log: Logger;
  readonly waits: Waits;
}

/** Hands a spooled message to its application. */
export function deliver({ action, payload }: Spooled, { ask, log, waits }: DeliverParts): Promise<Delivered> {
  let delivered: Delivered = 'away';
  const wait = waits.until((end) => {
    ask(action as Action, payload, {
      prepare: () => ({
        send: () => {
          delivered = 'taken';
          end();
          return 'sent';
        },
      }),
      failed: (error) => {
        const isThere = !isAway(error);
        if (isThere && !isUnwanted(error))
          log.warn('the application refuses a message from the spool; it is left out', { action });
        if (isThere) delivered = 'taken';
        end();
      },
    });
  });
  return wait.then(() => delivered);
}

/**
 * Delivers the spooled messages of a charge point in the order in which they came, the next one only when the one
 * before it is taken. Rejects where the database is away.
 */
export async function drainSpool(
  store: CentralStore,
  identity: string,
  {
    deliver,
    isOver,
    taken,
  }: {
    readonly deliver: (message: Spooled) => Promise<Delivered>;
    readonly isOver: () => boolean;
    readonly taken?: () => void;
  },
): Promise<'empty' | 'away'> {
  for (;;) {
    const messages = await store.waiting(identity);
    if (messages.length === 0 || isOver()) return 'empty';
    for (const message of messages) {
      if ((await deliver(message)) === 'away') return 'away';
      await store.taken(identity, message.id);
      taken?.();
      if (isOver()) return 'empty';
    }
  }
}
