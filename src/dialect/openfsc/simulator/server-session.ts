import type { Clock } from '../../../base/clock.ts';
import { isoTime } from '../../../base/clock.ts';
import { type Arguments, type MethodName, readArguments } from '../methods.ts';
import { Heartbeat } from './heartbeat.ts';
import type { PlatformSettings } from './settings.ts';
import type { SiteRecord } from './site-record.ts';

/** Requests of one session that may be open. */
const MAX_OPEN = 1024;

/** Methods that a site has to announce. */
const EXTENSIONS: ReadonlySet<MethodName> = new Set(['PAN', 'PRODUCTS', 'SESSIONMODE', 'TRANSACTIONINFO']);

/** What became of a request to the site. `lost`: the session ended before the answer. */
export type SiteAnswer =
  | { readonly kind: 'ok' }
  | { readonly kind: 'error'; readonly code: number; readonly text: string }
  | { readonly kind: 'lost' };

/** What a session may use of its connection. */
export interface ServerSessionHost {
  readonly clock: Clock;
  readonly settings: PlatformSettings;
  /** Of the connection, for people. */
  readonly number: number;
  write(session: string, tag: string, parts: readonly string[]): void;
  note(text: string): void;
  /** Whether the site has announced it. */
  hasAnnounced(method: MethodName): boolean;
  /** A heartbeat was answered, in time or late. */
  beat(what: 'in time' | 'late'): void;
  /** The site is silent: the session is to be given up. */
  dead(session: ServerSession): void;
}

/**
 * One session at the platform's end; the initial connection is one too.
 *
 *   created ──PLAINAUTH──▶ authenticated ──QUIT, loss──▶ gone        created ──the same──▶ gone
 */
export class ServerSession {
  /** Its prefix; empty for the initial connection. */
  readonly name: string;
  /** As the site wished it; undefined: the platform numbers it when it logs in. */
  readonly wishedPriority: number | undefined;
  readonly #host: ServerSessionHost;
  readonly #open = new Map<string, (answer: SiteAnswer) => void>();
  readonly #beats = new Map<string, { hasBeaten: boolean }>();
  #heartbeat: Heartbeat | undefined;
  #tags = 0;
  #site: SiteRecord | undefined;
  #turn = 0;
  #isGone = false;
  /** 1 is the highest. Of a session without a wish it changes with the others of its site. */
  priority: number;
  /** As last told by SESSIONMODE. */
  mode: 'active' | 'passive' | undefined;

  constructor(name: string, host: ServerSessionHost, wishedPriority?: number) {
    this.name = name;
    this.wishedPriority = wishedPriority;
    this.#host = host;
    this.priority = wishedPriority ?? 1;
  }

  /** Whom it belongs to; undefined before the login. */
  get site(): SiteRecord | undefined {
    return this.#site;
  }

  /** Which login it was: later ones have higher numbers. */
  get turn(): number {
    return this.#turn;
  }

  /** Whether a method may be used toward the site: extensions only where it has announced them. */
  invites(method: MethodName): boolean {
    const { isUninvited } = this.#host.settings;
    return isUninvited || !EXTENSIONS.has(method) || this.#host.hasAnnounced(method);
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Connection and session, for people. */
  get label(): string {
    return this.name === '' ? `connection ${this.#host.number}` : `${this.name}@${this.#host.number}`;
  }

  /** The site has logged in. @param turn the number of this login among all. */
  loggedIn(site: SiteRecord, turn: number): void {
    this.#site = site;
    this.#turn = turn;
    const { heartbeatMs, beatLimitMs, maxMissedBeats } = this.#host.settings;
    if (heartbeatMs === undefined) return;
    this.#heartbeat = new Heartbeat({
      clock: this.#host.clock,
      everyMs: heartbeatMs,
      limitMs: beatLimitMs,
      maxMissed: maxMissedBeats,
      ask: (answered) => this.#beat(answered),
      onBeat: (what, afterMs) => {
        if (what === 'late')
          this.#host.note(`${this.label}: a heartbeat was answered after ${Math.round(afterMs)} ms: late`);
        this.#host.beat(what);
      },
      onMissed: (inARow) => this.#host.note(`${this.label}: no answer to a heartbeat, ${inARow} in a row`),
      onDead: () => this.#host.dead(this),
    });
  }

  /** Asks the site; settles with its answer, or with `lost`. @param tag another one than the next. */
  ask(method: MethodName, args: readonly string[], tag = this.#nextTag()): Promise<SiteAnswer> {
    return new Promise((resolve) => this.#ask(tag, [method, ...args], resolve));
  }

  tell(method: MethodName, args: readonly string[]): void {
    if (!this.#isGone) this.#host.write(this.name, '*', [method, ...args]);
  }

  /** OK to a request of the site. */
  answer(tag: string): void {
    this.#host.write(this.name, tag, ['OK']);
  }

  /** OK, ERR or BEAT; false when nothing is open under the tag. */
  answered(tag: string, method: string, rest: string): boolean {
    const settle = this.#open.get(tag);
    if (settle === undefined) return false;
    const beat = this.#beats.get(tag);
    if (method === 'BEAT') {
      if (beat !== undefined) beat.hasBeaten = true;
      return beat !== undefined;
    }
    if (beat?.hasBeaten === false && method === 'OK')
      this.#host.note(`${this.label}: a heartbeat is answered with OK and no BEAT`);
    this.#open.delete(tag);
    this.#beats.delete(tag);
    settle(method === 'OK' ? { kind: 'ok' } : errorOf(rest));
    return true;
  }

  /** Over, without a word on the wire. Safe to repeat. */
  end(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#heartbeat?.stop();
    const open = [...this.#open.values()];
    this.#open.clear();
    this.#beats.clear();
    for (const settle of open) settle({ kind: 'lost' });
  }

  #ask(tag: string, parts: readonly string[], settle: (answer: SiteAnswer) => void): void {
    if (this.#isGone || this.#open.size >= MAX_OPEN) {
      settle({ kind: 'lost' });
      return;
    }
    if (this.#open.has(tag)) throw new TypeError(`the tag ${tag} is open`);
    this.#open.set(tag, settle);
    if (parts[0] === 'HEARTBEAT') this.#beats.set(tag, { hasBeaten: false });
    this.#host.write(this.name, tag, parts);
  }

  #beat(answered: () => void): void {
    const time = isoTime(this.#host.clock);
    this.#ask(this.#nextTag(), ['HEARTBEAT', time], ({ kind }) => {
      if (kind !== 'lost') answered();
    });
  }

  #nextTag(): string {
    const tag = `S${this.#tags}`;
    this.#tags += 1;
    return tag;
  }
}

function errorOf(rest: string): SiteAnswer {
  const read = readArguments('ERR', rest);
  // Some clients send a reason without a code.
  const { code = '0', reason = '' }: Arguments['values'] = read.ok ? read.values : { reason: rest };
  return { kind: 'error', code: Number(code), text: reason };
}
