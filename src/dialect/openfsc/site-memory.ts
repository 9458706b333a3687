import type { SiteSession } from './site-session.ts';

/** What is known of the sites from one wire to the next. */
export class SiteMemory {
  /** Names of sites that an application has closed; they stay so until it says `openfsc.login`. */
  readonly closed = new Set<string>();
  /** By site, a session whose wire is gone, which is kept so that an application can say `openfsc.login` to it. */
  readonly #left = new Map<string, SiteSession>();

  /** Until another session of the site begins. */
  keep(session: SiteSession): void {
    this.#endLeft(session.site.name);
    this.#left.set(session.site.name, session);
  }

  /** A session of the site begins: the one that was kept makes room. */
  begins(name: string): void {
    this.#endLeft(name);
  }

  #endLeft(name: string): void {
    const left = this.#left.get(name);
    this.#left.delete(name);
    left?.end({ code: 'CONNECTION_CLOSED', text: 'the site logs in again', by: 'us' }, 'closed');
  }
}
