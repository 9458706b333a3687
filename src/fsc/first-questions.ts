import type { MethodName } from '../dialect/openfsc/methods.ts';
import type { Platform } from './platform.ts';
import type { ServerSession } from './server-session.ts';
import { askSite } from './site-questions.ts';
import type { SiteRecord } from './site-record.ts';

const QUESTIONS: readonly MethodName[] = ['PRODUCTS', 'PRICES', 'PUMPS', 'TRANSACTIONS'];

/**
 * Asks every site what it has as soon as it is logged in, and again on every session that takes over: what has happened in between
 * was told to nobody.
 */
export function askFirst(platform: Platform): void {
  const active = new Map<SiteRecord, ServerSession>();
  platform.listen(() => {
    for (const site of platform.sites) {
      const session = platform.activeOf(site);
      if (session === undefined || session === active.get(site)) continue;
      active.set(site, session);
      void askAll(session);
    }
  });
}

async function askAll(session: ServerSession): Promise<void> {
  for (const method of QUESTIONS) {
    const { kind } = await askSite(session, method, []);
    if (kind === 'lost') return;
  }
}
