import type { Clock } from '../../../base/clock.ts';
import type { Wire } from '../../../wire/wire.ts';
import { CATEGORIES, PUMP_STATUSES } from '../elements.ts';
import type { MethodName } from '../methods.ts';
import { type ConnectionHost, ServerConnection } from './server-connection.ts';
import type { Credentials, Refusal } from './server-requests.ts';
import type { ServerSession } from './server-session.ts';
import type { PlatformSettings } from './settings.ts';
import { SiteRecord } from './site-record.ts';

/** Connections at one time; more are closed at once. */
const MAX_CONNECTIONS = 1000;

/** What a platform tells about itself. Texts are masked. */
export interface PlatformEvents {
  /** A line of a connection. */
  line(connection: number, direction: 'in' | 'out', text: string): void;
  /** What it did or noticed. */
  note(text: string): void;
}

export interface PlatformOptions {
  readonly clock: Clock;
  readonly settings: PlatformSettings;
  /** Sites that are let in. */
  readonly sites: readonly Credentials[];
  readonly events: PlatformEvents;
}

/**
 * A simulated OpenFSC payment platform: the server's end of any number of connections. Of a site's sessions, on
 * whatever connections, the one with the lowest number is active, and the platform asks on that one.
 */
export class Platform implements ConnectionHost {
  readonly clock: Clock;
  readonly settings: PlatformSettings;
  /** Sites that may log in. */
  readonly sites: readonly SiteRecord[];
  readonly #events: PlatformEvents;
  readonly #connections = new Set<ServerConnection>();
  readonly #listeners = new Set<() => void>();
  /** Codes of refused logins, in order; the latest ones. */
  readonly #refusals: number[] = [];
  #count = 0;
  #logins = 0;
  #beats = 0;
  #lateBeats = 0;
  #silent = 0;

  constructor({ clock, settings, sites, events }: PlatformOptions) {
    this.clock = clock;
    this.settings = settings;
    this.#events = events;
    this.sites = sites.map(({ siteAccessKey, secret }) => new SiteRecord(siteAccessKey, secret));
  }

  /** A site has connected. */
  attach(wire: Wire): void {
    if (this.#connections.size >= MAX_CONNECTIONS) {
      wire.destroy();
      return;
    }
    this.#count += 1;
    this.note(`connection ${this.#count} from ${wire.peer.text}`);
    this.#connections.add(new ServerConnection(wire, this.#count, this));
  }

  get connections(): readonly ServerConnection[] {
    return [...this.#connections].filter(({ isOver }) => !isOver);
  }

  /** Logged in, best first. */
  sessionsOf(site: SiteRecord): readonly ServerSession[] {
    return this.connections
      .flatMap(({ loggedIn }) => loggedIn)
      .filter((session) => session.site === site)
      .sort((one, other) => one.priority - other.priority);
  }

  /** The session that the platform speaks on. */
  activeOf(site: SiteRecord): ServerSession | undefined {
    return this.sessionsOf(site)[0];
  }

  connectionOf(session: ServerSession): ServerConnection | undefined {
    return this.connections.find((connection) => connection.sessionOf(session.name) === session);
  }

  get refusals(): readonly number[] {
    return this.#refusals;
  }

  /** Heartbeats answered in time, late, and sessions given up because of them. */
  get heartbeats(): { readonly inTime: number; readonly late: number; readonly silent: number } {
    return { inTime: this.#beats, late: this.#lateBeats, silent: this.#silent };
  }

  /** Calls `run` after everything that happens; the answer ends that. */
  listen(run: () => void): () => void {
    this.#listeners.add(run);
    return () => void this.#listeners.delete(run);
  }

  /** Says goodbye to everybody. */
  quit(why: string): void {
    for (const connection of this.connections) connection.quit(why);
  }

  /** Closes everything at once. */
  destroy(): void {
    for (const connection of [...this.#connections]) connection.cut('stopped');
  }

  /** Resolves when no connection is left. */
  async drained(): Promise<void> {
    while (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const stop = this.listen(() => {
          stop();
          resolve();
        });
      });
    }
  }

  // For connections.

  /** PLAINAUTH: answers OK, or says what to refuse it with. */
  login(session: ServerSession, tag: string, { siteAccessKey, secret }: Credentials): Refusal | undefined {
    const site = this.sites.find((one) => one.siteAccessKey.toLowerCase() === siteAccessKey.toLowerCase());
    if (site === undefined || site.secret !== secret || this.settings.refusesLogins) {
      return this.#refuse(401, 'SiteAccessKey and/or secret are not valid');
    }
    const { wishedPriority } = session;
    const isTaken = this.sessionsOf(site).some((other) => other.wishedPriority === wishedPriority);
    if (wishedPriority !== undefined && isTaken) return this.#refuse(409, 'Priority already taken');
    this.#logins += 1;
    session.loggedIn(site, this.#logins);
    this.#rank(site);
    this.#tellMode(session);
    session.answer(tag);
    this.#tellModes(site);
    this.note(`${session.label} is logged in with priority ${session.priority}`);
    return undefined;
  }

  sessionEnded(session: ServerSession): void {
    if (session.site !== undefined) {
      this.note(`${session.label} is gone`);
      this.#rank(session.site);
      this.#tellModes(session.site);
    }
    this.changed();
  }

  closed(connection: ServerConnection): void {
    this.#connections.delete(connection);
    this.changed();
  }

  beat(what: 'in time' | 'late'): void {
    if (what === 'late') this.#lateBeats += 1;
    else this.#beats += 1;
    this.changed();
  }

  missedBeats(session: ServerSession): void {
    this.#silent += 1;
    this.note(`${session.label} does not answer heartbeats`);
  }

  /** What is odd about a notification; none of it keeps it from being taken. */
  oddityOf(
    method: MethodName,
    [first = '', second = '', third = '', , , price, , , , , volume]: readonly string[],
  ): string | undefined {
    if (method === 'PRODUCT' && !CATEGORIES.has(second)) return `product ${first} has an unknown category`;
    if (method === 'PUMP' && !PUMP_STATUSES.has(second)) return `pump ${first} has an unusual status`;
    if (method !== 'TRANSACTION') return undefined;
    if (third !== 'open' && third !== 'deferred') return 'the status is neither open nor deferred';
    return [price, volume].some((value) => /^[0.]+$/.test(value ?? ''))
      ? 'a transaction of nothing'
      : undefined;
  }

  line(connection: number, direction: 'in' | 'out', text: string): void {
    this.#events.line(connection, direction, text);
  }

  note(text: string): void {
    this.#events.note(text);
  }

  changed(): void {
    for (const run of [...this.#listeners]) run();
  }

  #refuse(code: number, text: string): Refusal {
    this.#refusals.push(code);
    if (this.#refusals.length > MAX_REFUSALS) this.#refusals.shift();
    return { code, text };
  }

  /** Sessions without a wish come behind those that have one, in the order of login, and take a number from none. */
  #rank(site: SiteRecord): void {
    const sessions = this.sessionsOf(site);
    let last = Math.max(0, ...sessions.map(({ wishedPriority = 0 }) => wishedPriority));
    const others = sessions.filter(({ wishedPriority }) => wishedPriority === undefined);
    for (const session of others.sort((one, other) => one.turn - other.turn)) {
      last += 1;
      session.priority = last;
    }
  }

  #tellModes(site: SiteRecord): void {
    for (const session of this.sessionsOf(site)) this.#tellMode(session);
  }

  /** SESSIONMODE, if it is another one than the last and the site has announced it. */
  #tellMode(session: ServerSession): void {
    const { site } = session;
    const mode = site !== undefined && this.activeOf(site) === session ? 'active' : 'passive';
    if (session.mode === mode) return;
    session.mode = mode;
    if (session.invites('SESSIONMODE')) session.tell('SESSIONMODE', [mode]);
  }
}

const MAX_REFUSALS = 1000;
