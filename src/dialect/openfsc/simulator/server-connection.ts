import { afterSilence, type Timer } from '../../../base/clock.ts';
import { Speaker } from '../../../wire/speaker.ts';
import type { Wire } from '../../../wire/wire.ts';
import type { Charset } from '../charset.ts';
import { encodeLine, INITIAL, type Line, type LineFault, LineReader } from '../line.ts';
import { isMethod, METHODS, type MethodName } from '../methods.ts';
import { answerRequest, type Credentials, type Refusal, type RequestHost } from './server-requests.ts';
import { ServerSession, type ServerSessionHost } from './server-session.ts';
import { shownLine } from './shown-line.ts';
import { wordsOf } from './words.ts';

/** How long the site may take to say what it can do. */
const GREETING_MS = 30_000;

/** What a connection may use of the platform. */
export interface ConnectionHost {
  readonly clock: ServerSessionHost['clock'];
  readonly settings: ServerSessionHost['settings'];
  login(session: ServerSession, tag: string, credentials: Credentials): Refusal | undefined;
  sessionEnded(session: ServerSession): void;
  closed(connection: ServerConnection): void;
  beat(what: 'in time' | 'late'): void;
  missedBeats(session: ServerSession): void;
  /** What is odd about a notification; none of it keeps it from being taken. */
  oddityOf(method: MethodName, words: readonly string[]): string | undefined;
  line(connection: number, direction: 'in' | 'out', text: string): void;
  note(text: string): void;
  changed(): void;
}

/**
 * One connection at the platform's end.
 *
 *   greeting ──CAPABILITY──▶ open ──QUIT, end of input, heartbeats missed, an overlong line──▶ over
 *   greeting ──anything else, nothing for 30 s──▶ over
 *
 * Over means that the goodbye is queued, or that the wire is gone; sessions are gone too.
 */
export class ServerConnection implements ServerSessionHost, RequestHost {
  readonly number: number;
  readonly #platform: ConnectionHost;
  readonly clock: ServerSessionHost['clock'];
  readonly settings: ServerSessionHost['settings'];
  /** The initial connection. */
  readonly initial: ServerSession;
  /** Sessions by name, without the initial connection. */
  readonly sessions = new Map<string, ServerSession>();
  /** Whether NEWSESSION was used: the initial connection is for control alone, for good. */
  isControl = false;
  /** What the site announces; a later CAPABILITY adds to it. */
  readonly siteTakes = new Set<string>();
  /** What its lines are read in, and what ours are written in. */
  charset: { read: Charset; write: Charset } = { read: 'ASCII', write: 'ASCII' };
  readonly #speaker: Speaker;
  readonly #reader = new LineReader(() => this.charset.read);
  readonly #greeting: Timer;
  #state: 'greeting' | 'open' | 'over' = 'greeting';
  #lines = 0;

  constructor(wire: Wire, number: number, platform: ConnectionHost) {
    this.number = number;
    this.#platform = platform;
    this.clock = platform.clock;
    this.settings = platform.settings;
    this.initial = new ServerSession(INITIAL, this);
    this.#speaker = new Speaker(
      wire,
      { clock: this.clock, peer: 'the site' },
      {
        chunk: (bytes) => this.#reader.push(bytes, (line) => this.#receive(line)),
        inputEnded: () => this.#over('the site has closed its output'),
        congested: () => {},
        lost: ({ text }) => this.#over(text),
        closed: () => platform.closed(this),
      },
    );
    this.#greeting = afterSilence(this.clock, GREETING_MS, () => this.quit('no CAPABILITY within 30 s'));
    this.#speaker.start();
    this.write(INITIAL, '*', ['CAPABILITY', ...this.settings.capabilities]);
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  sessionOf(name: string): ServerSession | undefined {
    return name === INITIAL ? this.initial : this.sessions.get(name);
  }

  /** Sessions that are logged in. */
  get loggedIn(): readonly ServerSession[] {
    return [this.initial, ...this.sessions.values()].filter(({ site }) => site !== undefined);
  }

  write(session: string, tag: string, parts: readonly string[]): void {
    if (this.#state === 'over') return;
    const { bytes } = encodeLine({ session, tag }, parts, this.charset.write);
    this.#report('out', shownLine({ session, tag, method: parts[0] ?? '', rest: parts.slice(1).join(' ') }));
    this.#speaker.send(bytes, 'normal');
    this.#count();
  }

  note(text: string): void {
    this.#platform.note(text);
  }

  login(session: ServerSession, tag: string, credentials: Credentials): Refusal | undefined {
    return this.#platform.login(session, tag, credentials);
  }

  hasAnnounced(method: MethodName): boolean {
    return this.siteTakes.has(method);
  }

  beat(what: 'in time' | 'late'): void {
    this.#platform.beat(what);
  }

  dead(session: ServerSession): void {
    this.#platform.missedBeats(session);
    this.quitSession(session, 'heartbeats are not answered');
  }

  /** Says goodbye to one session; to all of them when it is the initial connection. */
  quitSession(session: ServerSession, why: string): void {
    if (session.name === INITIAL) {
      this.quit(why);
      return;
    }
    session.tell('QUIT', [why]);
    this.endSession(session);
  }

  newSession(name: string, priority: number | undefined): void {
    this.sessions.set(name, new ServerSession(name, this, priority));
  }

  endSession(session: ServerSession): void {
    this.sessions.delete(session.name);
    session.end();
    this.#platform.sessionEnded(session);
  }

  /** Says goodbye and closes. Safe to repeat. */
  quit(why: string): void {
    if (this.#state === 'over') return;
    this.write(INITIAL, '*', ['QUIT', why]);
    this.#over(why);
  }

  /** Closes without a word. */
  cut(why: string): void {
    this.#over(why);
    this.#speaker.destroy();
  }

  #receive(line: Line | LineFault): void {
    if (this.#state === 'over') return;
    if (line.kind === 'line') this.#report('in', shownLine(line));
    this.#count();
    if (this.isOver) return;
    if (line.kind === 'fault') this.#fault(line);
    else if (this.#state === 'greeting') this.#greet(line);
    else this.#line(line);
    this.#platform.changed();
  }

  #greet(line: Line): void {
    const isCapability = line.session === INITIAL && line.tag === '*' && line.method === 'CAPABILITY';
    const isQuit = line.session === INITIAL && line.tag === '*' && line.method === 'QUIT';
    if (!isCapability && !isQuit) {
      this.quit('CAPABILITY has to come first');
      return;
    }
    this.#greeting.cancel();
    this.#state = 'open';
    this.#line(line);
  }

  #line(line: Line): void {
    const { session: name, tag, method, rest } = line;
    const session = this.sessionOf(name);
    if (method === 'OK' || method === 'ERR' || method === 'BEAT') {
      const isOurs = tag !== '*' && session?.answered(tag, method, rest) === true;
      if (!isOurs) this.note(`${this.#label}: ${method} answers nothing that is open`);
    } else if (tag === '*') {
      if (session === undefined) this.note(`${this.#label}: a notification of an unknown session`);
      else this.#told(session, method, rest);
    } else if (session === undefined) {
      this.write(name, tag, ['ERR', '400', 'unknown session']);
    } else if (
      isMethod(method) &&
      METHODS[method].kind === 'notification' &&
      METHODS[method].from !== 'server'
    ) {
      this.#toldWithTag(session, tag, method, rest);
    } else answerRequest(this, session, line);
  }

  /** A notification that wants an answer. */
  #toldWithTag(session: ServerSession, tag: string, method: MethodName, rest: string): void {
    const isForAll = method === 'QUIT' || method === 'CAPABILITY';
    if (session.site === undefined && !isForAll) {
      this.write(session.name, tag, ['ERR', '403', 'not authenticated']);
    } else if (wordsOf(method, rest) === undefined) {
      this.write(session.name, tag, ['ERR', '400', 'malformed']);
    } else {
      this.#told(session, method, rest);
      session.answer(tag);
    }
  }

  #told(session: ServerSession, method: string, rest: string): void {
    const isKnown =
      isMethod(method) && METHODS[method].kind === 'notification' && METHODS[method].from !== 'server';
    const words = isKnown ? wordsOf(method, rest) : undefined;
    if (!isKnown || words === undefined) {
      this.note(`${session.label}: a notification that is unknown or malformed is ignored`);
    } else if (method === 'QUIT') this.#quitBySite(session);
    else if (method === 'CAPABILITY') for (const word of words) this.siteTakes.add(word);
    else if (session.site === undefined) this.note(`${session.label}: ${method} before the login is ignored`);
    else this.#remember(session.site, method, words);
  }

  #remember(site: NonNullable<ServerSession['site']>, method: MethodName, words: readonly string[]): void {
    const oddity = this.#platform.oddityOf(method, words);
    if (oddity !== undefined) this.note(`${this.#label}: ${method}: ${oddity}`);
    site.told(method, words);
  }

  #quitBySite(session: ServerSession): void {
    if (session.name === INITIAL) this.#over('the site says goodbye');
    else this.endSession(session);
  }

  #fault({ code, why, head, isOverlong }: LineFault): void {
    this.note(`${this.#label}: a line cannot be read (${code}): ${why}`);
    if (this.#state === 'greeting' && !isOverlong) {
      this.quit('CAPABILITY has to come first');
      return;
    }
    if (head !== undefined) {
      const dot = head.indexOf('.');
      this.write(head.slice(0, Math.max(0, dot)), head.slice(dot + 1), ['ERR', String(code), why]);
    }
    if (isOverlong) this.quit(why);
  }

  /** Nothing is said any more; output that is queued still goes out. */
  #over(why: string): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.note(`${this.#label} is over: ${why}`);
    this.#greeting.cancel();
    this.#reader.stop();
    const sessions = [this.initial, ...this.sessions.values()];
    this.sessions.clear();
    for (const session of sessions) {
      session.end();
      this.#platform.sessionEnded(session);
    }
    this.#speaker.finish({ limit: 'from now' });
    this.#platform.changed();
  }

  #count(): void {
    this.#lines += 1;
    const { cutAfterLines } = this.settings;
    if (this.number === 1 && this.#lines === cutAfterLines) this.cut(`cut after ${this.#lines} lines`);
  }

  #report(direction: 'in' | 'out', text: string): void {
    this.#platform.line(this.number, direction, text);
  }

  get #label(): string {
    return `connection ${this.number}`;
  }
}
