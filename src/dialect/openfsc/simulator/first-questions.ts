import type { Clock } from '../../../base/clock.ts';
import { deferred } from '../../../base/deferred.ts';
import type { MethodName } from '../methods.ts';
import type { Platform } from './platform.ts';
import type { ServerSession } from './server-session.ts';
import { askSite } from './site-questions.ts';
import type { SiteRecord } from './site-record.ts';

/** What an answer may take until the next question is asked. */
const ANSWER_MS = 5000;
const QUESTIONS: readonly MethodName[] = ['PRODUCTS', 'PRICES', 'PUMPS', 'TRANSACTIONS'];

/**
 * Asks every site what it has as soon as it is logged in, and again on every session that takes over: what has happened
 * in between was told to nobody.
 */
export function askFirst(platform: Platform): void {
  const active = new Map<SiteRecord, ServerSession>();
  platform.listen(() => {
    for (const site of platform.sites) {
      const session = platform.activeOf(site);
      if (session === undefined || session === active.get(site)) continue;
      active.set(site, session);
      void askAll(session, platform);
    }
  });
}

/** One after the other; a question that is not answered holds up the next for a while only. */
async function askAll(session: ServerSession, platform: Platform): Promise<void> {
  for (const method of QUESTIONS.filter((one) => session.invites(one))) {
    const limit = after(platform.clock, ANSWER_MS);
    const answer = await Promise.race([askSite(session, method, []), limit.over]);
    limit.cancel();
    if (answer === undefined) platform.note(`${session.label}: no answer to ${method}: going on`);
    else if (answer.kind === 'lost') return;
  }
}

function after(clock: Clock, ms: number): { readonly over: Promise<undefined>; cancel(): void } {
  const over = deferred<undefined>();
  const timer = clock.after(ms, () => over.resolve(undefined));
  return { over: over.promise, cancel: () => timer.cancel() };
}
