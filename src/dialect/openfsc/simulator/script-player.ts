import type { Clock } from '../../../base/clock.ts';
import { deferred } from '../../../base/deferred.ts';
import type { MethodName } from '../methods.ts';
import type { Platform } from './platform.ts';
import type { Action, Script } from './script.ts';
import type { ServerSession, SiteAnswer } from './server-session.ts';
import { askSite } from './site-questions.ts';
import type { SiteRecord } from './site-record.ts';

/** How long a tolerant script waits for a pump's state to be told. */
const PUMP_MS = 2000;

/** How a script went. `why` names the step that did not hold. */
export type ScriptEnd = { readonly ok: true } | { readonly ok: false; readonly why: string };

export interface ScriptPlayerOptions {
  readonly clock: Clock;
  readonly platform: Platform;
  readonly script: Script;
  /** A new uuid, for transactions. */
  readonly newId: () => string;
}

/**
 * Plays a script with the first site of a platform, on whatever session is active. A request whose connection is lost
 * is sent again on the next session, as the platform does: its identifiers make that safe, and 410 to a repeated CLEAR
 * is as good as OK.
 */
export class ScriptPlayer {
  readonly #clock: Clock;
  readonly #platform: Platform;
  readonly #script: Script;
  readonly #newId: () => string;
  readonly #site: SiteRecord;
  readonly #names = new Map<string, string>();
  readonly #stopped = deferred<void>();
  #isStopped = false;

  constructor({ clock, platform, script, newId }: ScriptPlayerOptions) {
    const [site] = platform.sites;
    if (site === undefined) throw new RangeError('a script needs a site');
    this.#clock = clock;
    this.#platform = platform;
    this.#script = script;
    this.#newId = newId;
    this.#site = site;
  }

  /** Never rejects for what the site does. Call once. */
  async play(): Promise<ScriptEnd> {
    for (const step of this.#script.steps) {
      this.#platform.note(`line ${step.line}: ${step.text}`);
      const why = await this.#step(step.action);
      if (this.#isStopped) return { ok: false, why: `stopped at line ${step.line}: ${step.text}` };
      if (why !== undefined) return { ok: false, why: `line ${step.line}: ${step.text}: ${why}` };
    }
    return { ok: true };
  }

  /** Ends it before its time. */
  stop(): void {
    this.#isStopped = true;
    this.#stopped.resolve();
  }

  /** What did not hold. */
  async #step(action: Action): Promise<string | undefined> {
    switch (action.do) {
      case 'login':
        return this.#until('no login', () => this.#sessions.length >= action.sessions);
      case 'ask':
        return this.#ask(action.method, this.#filled(action.words), action.expected);
      case 'send':
        return this.#send(action.method, this.#filled(action.words));
      case 'tell':
        return this.#onActive((session) => {
          if (this.#invites(session, action.method)) session.tell(action.method, this.#filled(action.words));
        });
      case 'await':
        return this.#await(action.method, action.words);
      case 'id':
        this.#names.set(action.name, this.#newId());
        return undefined;
      case 'refused':
        return this.#until('no such refusal', () => this.#platform.refusals.includes(action.code));
      case 'beats':
        return this.#beats(action.count);
      case 'silent':
        return this.#until('it answers', () => this.#platform.heartbeats.silent > 0);
      case 'active':
        return this.#until('another one is', () => this.#sessions[0]?.priority === action.priority);
      case 'charset':
        return this.#charset(action.name);
      case 'cut':
        return this.#onActive((session) => this.#platform.connectionOf(session)?.cut('cut by the script'));
      case 'end':
        return this.#onActive((session) =>
          this.#platform.connectionOf(session)?.quitSession(session, 'the script says so'),
        );
      case 'quit':
        return this.#onActive((session) => this.#platform.connectionOf(session)?.quit('the script says so'));
      case 'closed':
        return this.#until('somebody is still connected', () => this.#platform.connections.length === 0);
      case 'pause':
        return this.#pause(action.ms);
    }
  }

  get #sessions(): readonly ServerSession[] {
    return this.#platform.sessionsOf(this.#site);
  }

  /** Names by what they stand for. */
  #filled(words: readonly string[]): string[] {
    return words.map((word) => (word.startsWith('$') ? (this.#names.get(word) ?? word) : word));
  }

  async #ask(
    method: MethodName,
    words: readonly string[],
    expected: readonly string[],
  ): Promise<string | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      const none = await this.#until('no session', () => this.#sessions.length > 0);
      const [session] = this.#sessions;
      if (none !== undefined || session === undefined) return none;
      if (!this.#invites(session, method)) return undefined;
      const answer = await this.#answered(session, method, words);
      if (typeof answer === 'string') return answer;
      if (answer.kind === 'lost') {
        this.#platform.note(`${session.label} was lost before the answer to ${method}: asking again`);
        continue;
      }
      const said = answer.kind === 'ok' ? 'OK' : String(answer.code);
      const isRepeated = attempt > 1 && method === 'CLEAR';
      if (expected.includes(said) || (isRepeated && said === '410' && expected.includes('OK')))
        return undefined;
      const mayBeKnown = isRepeated || (method === 'CLEAR' && expected.includes('410'));
      if (said === '404' && this.#putsUpWith404(method, mayBeKnown)) return undefined;
      return `the answer is ${said}, not ${expected.join(' or ')}`;
    }
  }

  /** The answer, or what went wrong. */
  async #answered(
    session: ServerSession,
    method: MethodName,
    words: readonly string[],
  ): Promise<SiteAnswer | string> {
    const limit = this.#limit();
    try {
      const answer = await Promise.race([
        askSite(session, method, words),
        limit.over.then(() => `no answer within ${this.#limitText}`),
        this.#stopped.promise.then(() => 'stopped'),
      ]);
      return answer;
    } finally {
      limit.cancel();
    }
  }

  async #send(method: MethodName, words: readonly string[]): Promise<string | undefined> {
    return this.#onActive((session) => {
      if (this.#invites(session, method)) void askSite(session, method, words);
    });
  }

  /** Notes it where an extension is left out because the site has not announced it. */
  #invites(session: ServerSession, method: MethodName): boolean {
    if (session.invites(method)) return true;
    this.#platform.note(`${session.label} has not announced ${method}: not sent`);
    return false;
  }

  /** Some clients forget what they have cleared, and some say 404 where there are no transactions. */
  #putsUpWith404(method: MethodName, isRepeatedClear: boolean): boolean {
    const isPutUpWith = this.#platform.settings.isTolerant && (isRepeatedClear || method === 'TRANSACTIONS');
    if (isPutUpWith) this.#platform.note(`put up with: 404 to ${method}`);
    return isPutUpWith;
  }

  async #await(method: MethodName, words: readonly string[]): Promise<string | undefined> {
    const finds = () => this.#finds(method, words);
    const isKnown = words.every((word) => !word.startsWith('$') || this.#names.has(word));
    const isTolerant = this.#platform.settings.isTolerant && method === 'PUMP' && isKnown;
    const why = 'the site has said nothing like it';
    if (!isTolerant) return this.#until(why, finds);
    // Some clients tell no pump's state by themselves: they are asked for it.
    const late = await this.#until(why, finds, PUMP_MS);
    if (late === undefined) return undefined;
    const fault = await this.#ask('PUMPSTATUS', this.#filled(words.slice(0, 1)), ['OK']);
    if (!finds()) this.#platform.note(`put up with: ${fault ?? 'the pump has another state'}`);
    return undefined;
  }

  async #onActive(run: (session: ServerSession) => void): Promise<string | undefined> {
    const none = await this.#until('no session', () => this.#sessions.length > 0);
    const [session] = this.#sessions;
    if (session !== undefined) run(session);
    return none;
  }

  #finds(method: MethodName, wanted: readonly string[]): boolean {
    for (const words of this.#site.known(method)) {
      const taken = new Map<string, string>();
      const fits = wanted.every((word, index) => {
        const said = words[index];
        if (said === undefined) return false;
        if (word === '*') return true;
        if (!word.startsWith('$')) return said === word;
        const known = this.#names.get(word) ?? taken.get(word);
        if (known === undefined) taken.set(word, said);
        return known === undefined || known.toLowerCase() === said.toLowerCase();
      });
      if (!fits) continue;
      for (const [name, value] of taken) this.#names.set(name, value);
      return true;
    }
    return false;
  }

  async #beats(count: number): Promise<string | undefined> {
    const already = this.#platform.heartbeats.inTime;
    const why = await this.#until('too few heartbeats were answered', () => {
      const { inTime, late, silent } = this.#platform.heartbeats;
      return inTime - already >= count || late > 0 || silent > 0;
    });
    const { late, silent } = this.#platform.heartbeats;
    if (late > 0) return `${late} heartbeats were answered late`;
    return silent > 0 ? 'the site does not answer heartbeats' : why;
  }

  async #charset(name: string): Promise<string | undefined> {
    const [session] = this.#sessions;
    const charset = session && this.#platform.connectionOf(session)?.charset.write;
    return charset === name ? undefined : `it is ${charset ?? 'nobody there'}`;
  }

  /** Waits until something is so; else says what is wrong. */
  async #until(
    why: string,
    isSo: () => boolean,
    limitMs = this.#platform.settings.stepLimitMs,
  ): Promise<string | undefined> {
    if (isSo()) return undefined;
    const limit = this.#limit(limitMs);
    const reached = deferred<undefined>();
    const stop = this.#platform.listen(() => {
      if (isSo()) reached.resolve(undefined);
    });
    try {
      return await Promise.race([
        reached.promise,
        limit.over.then(() => `${why}, for ${limitMs / 1000} s`),
        this.#stopped.promise.then(() => 'stopped'),
      ]);
    } finally {
      stop();
      limit.cancel();
    }
  }

  async #pause(ms: number): Promise<undefined> {
    const pause = this.#limit(ms);
    await Promise.race([pause.over, this.#stopped.promise]);
    pause.cancel();
    return undefined;
  }

  #limit(ms = this.#platform.settings.stepLimitMs): { readonly over: Promise<void>; cancel(): void } {
    const over = deferred<void>();
    const timer = this.#clock.after(ms, over.resolve);
    return { over: over.promise, cancel: () => timer.cancel() };
  }

  get #limitText(): string {
    return `${this.#platform.settings.stepLimitMs / 1000} s`;
  }
}
