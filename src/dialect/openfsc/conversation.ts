import { afterSilence, type Timer } from '../../base/clock.ts';
import type { CloseReason } from '../../base/close-reason.ts';
import type {
  ConnectionEvents,
  Conversation,
  ConversationHost,
  PeerAnswer,
  PeerConnection,
  Verdict,
} from '../dialect.ts';
import { announcedBy, ServerCapabilities } from './capabilities.ts';
import { type Charset, encodeText } from './charset.ts';
import { chooseCharset } from './charset-choice.ts';
import { Control } from './control.ts';
import { Dialogue } from './dialogue.ts';
import { oneLine } from './errors.ts';
import { encodeLine, INITIAL, type Line, type LineFault, LineReader } from './line.ts';
import { LineTrace } from './line-trace.ts';
import { Logins, type LoginsHost, quitReason, restClosed, tellRefused } from './logins.ts';
import type { Arguments, MethodName } from './methods.ts';
import { refusal } from './peer-answers.ts';
import { ServerQuestions } from './questions.ts';
import { SessionList } from './session-list.ts';
import type { SiteEnd } from './site-end.ts';
import { SiteMemory } from './site-memory.ts';
import { quitText, SiteSession } from './site-session.ts';
import { oneOfEach, type Site } from './sites.ts';
import type { Push } from './updates.ts';

/** How long the server may be silent before it says what it can do. */
const GREETING_MS = 30_000;

/** A server that has ended its output is gone: what is answered by then may still reach it. */
const DRAIN_MS = 5000;

/**
 * The site's end of one wire to an OpenFSC server.
 *
 *   greeting ──CAPABILITY──▶ charset ──OK, or none left──▶ single or many ──▶ over
 *   greeting ──anything else, nothing for 30 s──▶ over
 *
 *   single   the initial connection is the site; a refused login ends the wire
 *   many     the initial connection is for NEWSESSION and SESSIONS alone; sites come and go on it
 *   over     after QUIT on the initial connection (either side's), a line that is too long, the end of input, loss
 *
 * Sessions that rest outlive a wire that can be opened again: until an application says `openfsc.login`, which opens it
 * now, or the next wire's session takes their place.
 */
export class SiteConversation implements Conversation, LoginsHost {
  readonly clock: ConversationHost['clock'];
  readonly log: ConversationHost['log'];
  readonly statistics: ConversationHost['statistics'];
  readonly push: Push;
  readonly takesTransactionInfo: boolean;
  readonly memory: SiteMemory;
  readonly random: () => number;
  readonly #host: ConversationHost;
  readonly #end: SiteEnd;
  readonly #reader = new LineReader(() => this.#charset);
  readonly #questions: ServerQuestions;
  readonly #control: Dialogue;
  readonly #trace: LineTrace;
  readonly #sessionList: SessionList;
  readonly #greeting: Timer;
  #state: 'greeting' | 'charset' | 'single' | 'many' | 'over' = 'greeting';
  #charset: Charset = 'ASCII';
  readonly #server = new ServerCapabilities();
  /** Runs when the server has ended its output. */
  #drain: Timer | undefined;
  #single: SiteSession | undefined;
  #logins: Logins | undefined;
  /** Why it is ending, from the moment that it is. */
  #ending: { readonly reason: CloseReason; readonly how: 'ended' | 'failed' } | undefined;

  /** @param memory what outlives this wire. */
  constructor(host: ConversationHost, end: SiteEnd, memory = new SiteMemory()) {
    this.clock = host.clock;
    this.log = host.log;
    this.statistics = host.statistics;
    this.push = end.push;
    this.takesTransactionInfo = end.transactionInfo;
    this.memory = memory;
    this.random = end.random ?? Math.random;
    this.#host = host;
    this.#end = end;
    this.#trace = new LineTrace(host.log);
    this.#questions = new ServerQuestions(host.clock);
    const control = new Control(host.log, (method, args) => this.#toldInitially(method, args));
    this.#control = new Dialogue(INITIAL, this, control, this.#questions);
    this.#sessionList = new SessionList(this.#control);
    this.#greeting = afterSilence(host.clock, GREETING_MS, () =>
      this.#goodbye('the server has not said what it can do', 'failed'),
    );
    this.#control.notify('CAPABILITY', announcedBy(end));
  }

  // The wire.

  receive(chunk: Buffer): void {
    this.#reader.push(chunk, (line) => {
      this.statistics.count('lines in');
      if (line.kind === 'fault') this.#fault(line);
      else this.#line(line);
    });
  }

  endOfInput(): void {
    if (this.#state === 'over') return;
    const reason: CloseReason = {
      code: 'CONNECTION_CLOSED',
      text: 'the server has closed its output',
      by: 'peer',
    };
    this.#beginEnd(reason, 'failed');
    this.#drain = this.clock.after(DRAIN_MS, () => this.#over(reason, 'failed', 'lost'));
    for (const session of this.#sessions) session.inputEnded(reason);
    this.#endIfEmpty();
  }

  congested(): void {}

  lost(reason: CloseReason): void {
    this.#over(reason, 'failed', 'lost');
  }

  stop(): void {
    if (this.#state === 'over') return;
    this.#beginEnd({ code: 'CONNECTION_CLOSED', text: 'the bridge is being stopped', by: 'us' }, 'ended');
    this.#endIfEmpty();
  }

  // What sessions may use.

  write(
    session: string,
    tag: string,
    parts: readonly string[],
    urgency: 'urgent' | 'normal' = 'normal',
  ): void {
    if (this.#state === 'over') return;
    const { bytes, missing } = encodeLine({ session, tag }, parts, this.#charset);
    if (missing > 0) {
      this.log.warn('characters that the charset does not have are sent as ?', {
        charset: this.#charset,
        missing,
      });
    }
    this.#trace.show('line out', session, tag, parts[0] ?? '', parts.slice(1).join(' '));
    this.statistics.count('lines out');
    this.#host.send(bytes, urgency);
  }

  opened(connection: PeerConnection, identity: string): ConnectionEvents {
    return this.#host.opened(connection, identity);
  }

  serverTakes(method: MethodName): boolean {
    return this.#server.has(method);
  }

  listSessions(settle: (answer: PeerAnswer) => void): void {
    if (this.#state === 'over') settle(refusal('CONNECTION_CLOSED', 'the wire to the server is closed'));
    else this.#sessionList.ask(settle);
  }

  loginNow(session: SiteSession): void {
    if (this.#state === 'over') {
      this.memory.closed.delete(session.site.name);
      this.memory.begins(session.site.name);
      this.#host.reopen?.();
    } else this.#logins?.now(session);
  }

  leave(session: SiteSession, why: string): void {
    if (this.#logins !== undefined) {
      this.#logins.leave(session, why);
      return;
    }
    if (this.#canReopen) {
      this.memory.closed.add(session.site.name);
      restClosed(session, why);
    }
    this.#goodbye(why, 'left');
  }

  accepted(): void {
    this.#host.accepted?.();
  }

  ended(session: SiteSession, by: CloseReason['by']): void {
    if (this.#state === 'over') return;
    if (this.#state === 'many') this.#logins?.ended(session);
    else if (by === 'us') this.#endIfEmpty('said');
  }

  allEnded(): void {
    this.#endIfEmpty();
  }

  allRefused(): void {
    if (this.#canReopen) for (const session of this.#sessions) session.rest();
    this.#goodbye(quitReason(401), 'refused');
  }

  // Lines.

  #line(line: Line): void {
    this.#trace.show('line in', line.session, line.tag, line.method, line.rest);
    if (this.#state === 'greeting') this.#greet(line);
    else if (line.session !== INITIAL) this.#toSession(line);
    else if (this.#single !== undefined) {
      // QUIT is for the whole wire.
      if (line.method === 'QUIT' || line.method === 'CAPABILITY') this.#control.receive(line);
      else this.#single.receive(line);
    } else this.#control.receive(line);
  }

  #greet(line: Line): void {
    const isNotification = line.tag === '*' && line.session === INITIAL;
    if (!isNotification || (line.method !== 'CAPABILITY' && line.method !== 'QUIT')) {
      this.#break('the server does not begin with CAPABILITY');
      return;
    }
    this.#control.receive(line);
    if (line.method !== 'CAPABILITY') return;
    this.#greeting.cancel();
    this.#state = 'charset';
    const [best, ...others] = this.serverTakes('CHARSET') ? this.#end.charsets : [];
    if (best === undefined) this.#begin();
    else chooseCharset([best, ...others], this.#control, this.#isEnding, (chosen) => this.#chosen(chosen));
  }

  #chosen(charset: Charset | 'none' | 'late'): void {
    if (charset === 'late') {
      this.#goodbye('the server does not answer', 'failed');
      return;
    }
    if (charset === 'none') this.log.warn('the server takes none of our charsets: ASCII it is');
    else this.#charset = charset;
    this.#begin();
  }

  #toSession(line: Line): void {
    const session = this.#logins?.sessionOf(line.session);
    if (session !== undefined) session.receive(line);
    else if (line.tag !== '*' && !['OK', 'ERR', 'BEAT'].includes(line.method)) {
      this.write(line.session, line.tag, ['ERR', '400', 'unknown session']);
    } else this.statistics.count('lines ignored');
  }

  #fault({ code, why, head, isOverlong }: LineFault): void {
    this.log.warn('a line of the server cannot be read', { code, why });
    if (this.#state === 'greeting' && !isOverlong) {
      this.#break('the server does not begin with CAPABILITY');
      return;
    }
    if (head !== undefined)
      this.#host.send(encodeText(`${head} ERR ${code} ${why}\r\n`, 'ASCII').bytes, 'normal');
    if (isOverlong) this.#break(why);
  }

  /** Notifications on the initial connection. */
  #toldInitially(method: MethodName, { values, list }: Arguments): void {
    if (method === 'CAPABILITY') this.#server.learn(list);
    else if (method === 'QUIT') {
      const text = quitText(values['reason']);
      const reason: CloseReason = { code: 'CONNECTION_CLOSED', text, by: 'peer' };
      this.#over(reason, 'failed', 'closed');
    } else if (method === 'SESSION') this.#sessionList.told(values);
  }

  // Beginning.

  #begin(): void {
    const { sites, usesSessions } = this.#end;
    if (usesSessions && this.serverTakes('NEWSESSION')) {
      this.#state = 'many';
      this.#logins = new Logins(sites, this.#control, this);
      return;
    }
    // Without sessions there are no priorities either: a site needs one wire.
    const [first, ...others] = oneOfEach(sites);
    if (first === undefined) return;
    this.#state = 'single';
    for (const site of others) this.#beginElsewhere(site);
    this.#beginSingle(first);
  }

  #beginSingle(site: Site): void {
    this.memory.begins(site.name);
    const session = new SiteSession(site, INITIAL, this, this.#questions);
    this.#single = session;
    session.begun();
    if (this.memory.closed.has(site.name)) {
      this.leave(session, 'closed by the site');
      return;
    }
    session.dialogue.ask('PLAINAUTH', [site.siteAccessKey, site.secret], (answer) => {
      if (session.isOver || answer.kind === 'gone') return;
      if (answer.kind === 'ok') {
        session.authenticated();
        this.#host.accepted?.();
        return;
      }
      tellRefused(session, answer, this);
      if (this.#canReopen) session.rest();
      const isRefused = answer.kind === 'error' && answer.code === 401;
      const text = answer.kind === 'error' ? quitReason(answer.code) : 'the server does not answer';
      this.#goodbye(text, isRefused ? 'refused' : 'failed');
    });
  }

  /** A server without NEWSESSION: every site needs a wire of its own. */
  #beginElsewhere(site: Site): void {
    const end: SiteEnd = { ...this.#end, sites: [site], usesSessions: false };
    if (this.#host.branch?.(site.name, (host) => new SiteConversation(host, end, this.memory))) return;
    this.log.error(
      'the server has no sessions, and this wire cannot be opened twice: a site is not connected',
      {
        session: site.name,
        'what to do': 'use --wire tcp:… or wss:…, or one bridge a site',
      },
    );
  }

  // Ends.

  readonly #isEnding = (): boolean => this.#state === 'over' || this.#ending !== undefined;

  get #canReopen(): boolean {
    return this.#host.reopen !== undefined;
  }

  get #sessions(): readonly SiteSession[] {
    if (this.#single !== undefined) return this.#single.isClosed ? [] : [this.#single];
    return this.#logins?.sessions ?? [];
  }

  #beginEnd(reason: CloseReason, how: 'ended' | 'failed'): void {
    this.#ending ??= { reason, how };
    this.#logins?.stop();
  }

  /** The last session is gone, or there was none: that is the end if it has to come, or if there can be no other. */
  #endIfEmpty(goodbye: 'to say' | 'said' = 'to say'): void {
    if (this.#state === 'over' || this.#sessions.length > 0) return;
    const { reason, how } = this.#ending ?? SINGLE_CLOSED;
    if (goodbye === 'to say') this.#control.notify('QUIT', [oneLine(reason.text)]);
    this.#over(reason, how, 'closed');
  }

  #break(why: string): void {
    this.log.warn('the server broke the protocol', { why });
    this.#goodbye(why, 'broken');
  }

  #goodbye(why: string, how: 'broken' | Verdict): void {
    if (this.#state === 'over') return;
    this.#control.notify('QUIT', [why]);
    this.#over({ code: 'CONNECTION_CLOSED', text: why, by: 'us' }, how, 'closed');
  }

  #over(reason: CloseReason, how: 'ended' | 'broken' | Verdict, link: 'lost' | 'closed'): void {
    if (this.#state === 'over') return;
    const sessions = this.#sessions;
    this.#state = 'over';
    this.#reader.stop();
    this.#greeting.cancel();
    this.#drain?.cancel();
    this.#logins?.stop();
    for (const session of sessions) {
      if (session.isResting && this.#canReopen) this.memory.keep(session);
      else session.end(reason, link);
    }
    this.#control.close();
    if (how === 'ended' || how === 'broken') this.#host.finished(reason, how);
    else this.#host.finished(reason, link === 'lost' ? 'lost' : 'ended', how);
  }
}

/** The bridge has closed the only site there is. */
const SINGLE_CLOSED = {
  reason: { code: 'CONNECTION_CLOSED', text: 'the site is closed', by: 'us' },
  how: 'ended',
} as const;
