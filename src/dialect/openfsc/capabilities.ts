import { isMethod, type MethodName } from './methods.ts';
import type { Site } from './sites.ts';

/**
 * Methods that every site announces. The specification lists what a peer can receive, the vendor's walkthrough what it
 * uses; servers of both schools find what they look for in a list that has both.
 */
const ALWAYS: readonly MethodName[] = [
  // Received.
  'CLEAR',
  'HEARTBEAT',
  'LOCKPUMP',
  'PRICES',
  'PRODUCTS',
  'PUMPS',
  'PUMPSTATUS',
  'QUIT',
  'TRANSACTIONS',
  'UNLOCKPUMP',
  // Used.
  'BEAT',
  'CHARSET',
  'LOCKEDPUMP',
  'NEWSESSION',
  'PLAINAUTH',
  'PRICE',
  'PRODUCT',
  'PUMP',
  'SESSIONS',
  'TRANSACTION',
];

/** The names of a site's CAPABILITY, in alphabetical order. */
export function announcedBy({
  sites,
  transactionInfo,
  sessionMode,
}: {
  readonly sites: readonly Pick<Site, 'legacyPan'>[];
  readonly transactionInfo: boolean;
  readonly sessionMode: boolean;
}): readonly string[] {
  return [
    ...ALWAYS,
    ...(transactionInfo ? ['TRANSACTIONINFO'] : []),
    ...(sessionMode ? ['SESSIONMODE'] : []),
    ...(sites.some(({ legacyPan }) => legacyPan) ? ['PAN'] : []),
  ].sort();
}

/** What the server has announced. A later CAPABILITY adds to an earlier one. */
export class ServerCapabilities {
  readonly #methods = new Set<MethodName>();

  learn(names: readonly string[]): void {
    for (const name of names) {
      const method = OTHER_NAMES.get(name) ?? name;
      if (isMethod(method)) this.#methods.add(method);
    }
  }

  has(method: MethodName): boolean {
    return this.#methods.has(method);
  }
}

/** Methods that some servers list under another name. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([['LISTSESSIONS', 'SESSIONS']]);
