import { Backoff } from '../../base/backoff.ts';
import type { Timer } from '../../base/clock.ts';
import type { Dialogue } from './dialogue.ts';
import { oneLine } from './errors.ts';
import type { ServerAnswer } from './questions.ts';
import type { SiteMemory } from './site-memory.ts';
import { SiteSession, type SiteSessionHost } from './site-session.ts';
import type { Site } from './sites.ts';

/** Between attempts that fail; each is shortened by up to half at random. */
export const FIRST_RETRY_MS = 1000;
export const RETRY_LIMIT_MS = 30_000;
/** After 401: somebody has to put it right. */
export const REFUSED_RETRY_MS = 300_000;
/** Sites that are being logged in at one time. */
const PARALLEL = 8;

export interface LoginsHost extends SiteSessionHost {
  readonly random: () => number;
  readonly memory: SiteMemory;
  accepted(): void;
  /** None of the sites has a session any more, and no more will be opened. */
  allEnded(): void;
  /** The server has refused them all for good. */
  allRefused(): void;
}

/** A site that has a session, will have one again, or could have. */
interface Slot {
  readonly site: Site;
  readonly backoff: Backoff;
  session: SiteSession | undefined;
  retry: Timer | undefined;
  isWaiting: boolean;
  /** The last login was refused for good. */
  isRefused: boolean;
  loggedInAtMs: number;
}

/**
 * The sites of a multiplexed wire, each with a session and a life of its own:
 *
 *   waiting for its turn → NEWSESSION → PLAINAUTH → authenticated ──QUIT──▶ waiting, at once
 *   NEWSESSION, PLAINAUTH ──refused──▶ pausing ──1, 2, 4 … 30 s; 5 min after 401; openfsc.login──▶ waiting
 *   any ──openfsc.quit──▶ resting ──openfsc.login──▶ waiting
 */
export class Logins {
  readonly #initial: Dialogue;
  readonly #host: LoginsHost;
  readonly #slots: Slot[];
  /** By prefix, those that the server knows of. */
  readonly #sessions = new Map<string, SiteSession>();
  #running = 0;
  #isEnding = false;

  constructor(sites: readonly Site[], initial: Dialogue, host: LoginsHost) {
    this.#initial = initial;
    this.#host = host;
    this.#slots = sites.map((site) => {
      const isResting = host.memory.closed.has(site.name);
      host.memory.begins(site.name);
      const session = isResting ? this.#closedSession(site) : new SiteSession(site, site.name, host);
      return {
        site,
        backoff: new Backoff({ firstMs: FIRST_RETRY_MS, limitMs: RETRY_LIMIT_MS, random: host.random }),
        session,
        retry: undefined,
        isWaiting: !isResting,
        isRefused: false,
        loggedInAtMs: 0,
      };
    });
    this.#next();
  }

  /** The session with this prefix, if the server may speak on it. */
  sessionOf(prefix: string): SiteSession | undefined {
    return this.#sessions.get(prefix);
  }

  get sessions(): readonly SiteSession[] {
    return this.#slots.flatMap(({ session }) => (session === undefined ? [] : [session]));
  }

  /** Opens nothing more; ends when the last session does. */
  stop(): void {
    this.#isEnding = true;
    for (const slot of this.#slots) slot.retry?.cancel();
    this.#endIfDone();
  }

  /** Tries now instead of later, or again at all. */
  now(session: SiteSession): void {
    const slot = this.#slotOf(session);
    if (slot === undefined || this.#isEnding) return;
    if (session.isResting) {
      this.#host.memory.closed.delete(slot.site.name);
      slot.session = undefined;
      session.end({ code: 'CONNECTION_CLOSED', text: 'the site logs in again', by: 'us' }, 'closed');
    } else if (slot.retry === undefined) return;
    slot.backoff.reset();
    this.#retryIn(slot, 0);
  }

  /** Ends a site's session at the server, and opens it no more before `now`. */
  leave(session: SiteSession, why: string): void {
    const slot = this.#slotOf(session);
    if (slot === undefined) return;
    this.#host.memory.closed.add(slot.site.name);
    this.#sessions.delete(session.prefix);
    slot.retry?.cancel();
    slot.retry = undefined;
    slot.isWaiting = false;
    slot.isRefused = false;
    session.quit(why);
    restClosed(session, why);
  }

  /** A session is over: the site gets another one, unless everything is to end. */
  ended(session: SiteSession): void {
    const slot = this.#slotOf(session);
    if (slot === undefined) return;
    this.#sessions.delete(session.prefix);
    slot.session = undefined;
    if (this.#isEnding) {
      this.#endIfDone();
      return;
    }
    if (this.#host.memory.closed.has(slot.site.name)) {
      slot.session = this.#closedSession(slot.site);
      return;
    }
    const wasIn = session.wasAuthenticated;
    // At once, but not again and again at once.
    const restMs = Math.max(0, slot.loggedInAtMs + FIRST_RETRY_MS - this.#host.clock.nowMs());
    this.#retryIn(slot, wasIn ? restMs : slot.backoff.nextMs());
  }

  /** Of a site that an application has closed. */
  #closedSession(site: Site): SiteSession {
    const session = new SiteSession(site, site.name, this.#host);
    restClosed(session);
    return session;
  }

  #next(): void {
    while (this.#running < PARALLEL && !this.#isEnding) {
      const slot = this.#slots.find(({ isWaiting }) => isWaiting);
      if (slot === undefined) return;
      slot.isWaiting = false;
      this.#running += 1;
      this.#open(slot);
    }
  }

  #open(slot: Slot): void {
    const { site } = slot;
    slot.session ??= new SiteSession(site, site.name, this.#host);
    const { session } = slot;
    const priority = site.priority === undefined ? [] : [String(site.priority)];
    session.connecting();
    this.#initial.ask('NEWSESSION', [site.name, ...priority], (answer) => {
      if (answer.kind === 'ok') session.begun();
      if (session.isOver || this.#isEnding) {
        session.quit('not needed any more');
        this.#done();
      } else if (answer.kind === 'ok') {
        this.#sessions.set(site.name, session);
        session.dialogue.ask('PLAINAUTH', [site.siteAccessKey, site.secret], (said) => {
          this.#answered(slot, session, said);
          this.#done();
        });
      } else {
        this.#refused(slot, session, answer);
        this.#done();
      }
    });
  }

  #answered(slot: Slot, session: SiteSession, answer: ServerAnswer): void {
    if (session.isOver || answer.kind === 'gone') return;
    if (answer.kind === 'ok') {
      slot.backoff.reset();
      slot.isRefused = false;
      slot.loggedInAtMs = this.#host.clock.nowMs();
      session.authenticated();
      this.#host.accepted();
      return;
    }
    this.#sessions.delete(session.prefix);
    session.quit(answer.kind === 'error' ? quitReason(answer.code) : 'no answer');
    this.#refused(slot, session, answer);
  }

  #refused(slot: Slot, session: SiteSession, answer: ServerAnswer): void {
    if (answer.kind === 'gone' || answer.kind === 'ok') return;
    const code = answer.kind === 'error' ? answer.code : undefined;
    tellRefused(session, answer, this.#host);
    slot.isRefused = code === 401;
    this.#retryIn(slot, slot.isRefused ? REFUSED_RETRY_MS : slot.backoff.nextMs());
    if (this.#slots.every(({ isRefused }) => isRefused)) this.#host.allRefused();
  }

  #retryIn(slot: Slot, delayMs: number): void {
    slot.retry?.cancel();
    slot.retry = this.#host.clock.after(delayMs, () => {
      slot.retry = undefined;
      slot.isWaiting = true;
      this.#next();
    });
  }

  #done(): void {
    this.#running -= 1;
    this.#next();
  }

  #slotOf(session: SiteSession): Slot | undefined {
    return this.#slots.find((slot) => slot.session === session);
  }

  #endIfDone(): void {
    if (this.sessions.length === 0) this.#host.allEnded();
  }
}

/** An application has closed the site. */
export function restClosed(session: SiteSession, reason = 'closed by the site'): void {
  session.link('closed', { reason });
  session.rest();
}

/** Words for a server that has refused a login. */
export function quitReason(code: number): string {
  return code === 401 ? 'authentication failed' : code === 409 ? 'priority taken' : 'login failed';
}

/** Tells people that a login was refused; a server that repeats the secret must not bring it into a log. */
export function tellRefused(
  session: SiteSession,
  answer: Exclude<ServerAnswer, { kind: 'ok' }>,
  { log }: Pick<SiteSessionHost, 'log'>,
): void {
  const isError = answer.kind === 'error';
  const said = isError ? oneLine(answer.text) : 'no answer';
  const reason = said.includes(session.site.secret) ? 'refused' : said;
  const code = isError ? { fscCode: answer.code } : {};
  log.error('the server does not let a site in', { session: session.site.name, ...code, reason });
  session.link('refused', { reason, ...code });
}
