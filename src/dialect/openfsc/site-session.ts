import type { CloseReason } from '../../base/close-reason.ts';
import { maskText } from '../../base/mask.ts';
import type { ConnectionEvents, PeerAnswer, PeerConnection, Refused, SendOutcome } from '../dialect.ts';
import { Dialogue, type DialogueOwner, type LineWriter } from './dialogue.ts';
import { type Element, type ElementName, readElement } from './elements.ts';
import { oneLine } from './errors.ts';
import type { Line } from './line.ts';
import { readLockedPump } from './locked-pump.ts';
import { type Arguments, fitsArgument, type MethodName } from './methods.ts';
import { refusal, toPeerAnswer } from './peer-answers.ts';
import type { ServerQuestions } from './questions.ts';
import { SERVER_REQUESTS } from './requests.ts';
import { SiteRequests } from './site-requests.ts';
import type { Site } from './sites.ts';
import { MAX_TTL_S, MIN_TTL_S, type Push, Updates } from './updates.ts';

/** Smaller differences between the clocks are not worth a word; neither are changes of one. */
const DRIFT_MS = 2000;
/** What a session may use of its conversation. */
export interface SiteSessionHost extends LineWriter {
  readonly push: Push;
  /** Whether TRANSACTIONINFO is announced, and so taken. */
  readonly takesTransactionInfo: boolean;
  opened(connection: PeerConnection, identity: string): ConnectionEvents;
  /** For a request to the applications: no two are the same. */
  /** Whether the server has said that it can receive this. */
  serverTakes(method: MethodName): boolean;
  /** Which sessions the server has on this wire, for an application. */
  listSessions(settle: (answer: PeerAnswer) => void): void;
  /** An application wants the site to be logged in, and now. */
  loginNow(session: SiteSession): void;
  /** An application wants the site's session to end, and to stay so until it says `openfsc.login`. */
  leave(session: SiteSession, why: string): void;
  /** The session has ended. `by`: who ended it. */
  ended(session: SiteSession, by: CloseReason['by']): void;
}

export type LinkState = 'connecting' | 'connected' | 'authenticated' | 'lost' | 'refused' | 'closed';

/**
 * One site on one wire: a connection for the bridge, and a session (or the initial connection) for the server.
 *
 *   open ──login──▶ authenticated ──QUIT, loss, our goodbye──▶ closed         open ──the same──▶ closed
 *   open, authenticated ──openfsc.quit, a refused login that ends its wire──▶ resting ──openfsc.login──▶ closed, and a
 *   new one
 *
 * Resting means that the server does not know it any more, and the applications still do.
 *
 * What needs an application goes to the bridge as JSON-RPC, and its answer comes back as lines; transaction information
 * is kept here until the request comes that it belongs to.
 */
export class SiteSession implements PeerConnection, DialogueOwner {
  readonly site: Site;
  /** The prefix of its lines. */
  readonly prefix: string;
  readonly dialogue: Dialogue;
  readonly #host: SiteSessionHost;
  readonly #events: ConnectionEvents;
  readonly #updates: Updates;
  readonly #requests: SiteRequests;
  #state: 'open' | 'authenticated' | 'resting' | 'closed' = 'open';
  /** The server has opened the session, and neither side has ended it. */
  #isKnown = false;
  #wasAuthenticated = false;
  #linkState: LinkState | undefined;
  #isPassive = false;
  #toldDriftMs = 0;

  /** @param questions of the initial connection, where the session is that. */
  constructor(site: Site, prefix: string, host: SiteSessionHost, questions?: ServerQuestions) {
    this.site = site;
    this.prefix = prefix;
    this.#host = host;
    this.dialogue = new Dialogue(prefix, host, this, questions);
    this.#updates = new Updates(host.clock, host.push);
    this.#events = host.opened(this, site.name);
    this.#events.secret?.(site.secret);
    this.#requests = new SiteRequests({
      site,
      prefix,
      dialogue: this.dialogue,
      events: this.#events,
      updates: this.#updates,
      clock: host.clock,
      log: host.log,
      isOver: () => this.isOver,
      serverTakes: (method) => host.serverTakes(method),
      say: (element) => this.#say(element),
    });
    this.connecting();
  }

  get isAuthenticated(): boolean {
    return this.#state === 'authenticated';
  }

  /** It has been let in at some time. */
  get wasAuthenticated(): boolean {
    return this.#wasAuthenticated;
  }

  /** The server cannot use it any more. */
  get isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'resting';
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  get isResting(): boolean {
    return this.#state === 'resting';
  }

  get takesPan(): boolean {
    return this.site.legacyPan;
  }

  receive(line: Line): void {
    if (!this.isOver) this.dialogue.receive(line);
  }

  /** The site is about to be logged in. */
  connecting(): void {
    if (this.#linkState !== 'connecting') this.link('connecting');
  }

  /** The server has opened the session, or it is the initial connection: the login is next. */
  begun(): void {
    this.#isKnown = true;
    if (this.#state === 'open') this.link('connected');
  }

  /** The server has let the site in. */
  authenticated(): void {
    if (this.#state !== 'open') return;
    this.#state = 'authenticated';
    this.#wasAuthenticated = true;
    this.link('authenticated');
  }

  /** Tells the ui how the site stands with the server. */
  link(state: LinkState, why: { readonly reason?: string; readonly fscCode?: number } = {}): void {
    this.#linkState = state;
    this.#tell('openfsc.link', { state, ...why });
  }

  /** The peer will send nothing more. */
  inputEnded(reason: CloseReason): void {
    if (this.#state !== 'closed') this.#events.inputEnded(reason);
  }

  /** Over without a word on the wire: the wire, the server or the conversation has ended it. */
  end(reason: CloseReason, state: 'lost' | 'closed'): void {
    if (this.#state === 'closed') return;
    if (this.#state !== 'resting') this.link(state, { reason: oneLine(reason.text) });
    this.#state = 'closed';
    this.#forget();
    this.#events.closed(reason);
    this.#host.ended(this, reason.by);
  }

  /** The server has nothing to do with it any more; the applications may still say `openfsc.login`. */
  rest(): void {
    if (this.isOver) return;
    this.#state = 'resting';
    this.#isKnown = false;
    this.#forget();
  }

  // What the server says.

  asked(method: MethodName, tag: string, args: Arguments): void {
    const spec = SERVER_REQUESTS[method];
    const ttl = args.values['updateTtl'];
    if (spec === undefined) this.dialogue.answer(tag, ['ERR', '405', 'Method unknown']);
    else if (ttl !== undefined && !isTtl(Number(ttl))) {
      this.dialogue.answer(tag, ['ERR', '416', 'UpdateTTL is too large or too low']);
    } else this.#requests.forward(spec, method, tag, args);
  }

  told(method: MethodName, { values }: Arguments): void {
    const id = values['fscTransactionId'] ?? '';
    switch (method) {
      case 'TRANSACTIONINFO':
        if (this.#host.takesTransactionInfo)
          this.#requests.keep(id, values['key'] ?? '', values['value'] ?? '');
        else this.#host.statistics.count('transaction information that was not announced');
        return;
      case 'PAN':
        this.#requests.keep(id, 'PAN', values['pan'] ?? '');
        return;
      case 'SESSIONMODE':
        this.#isPassive = values['mode'] === 'passive';
        this.#updates.forget();
        this.#tell('openfsc.sessionMode', { mode: this.#isPassive ? 'passive' : 'active' });
        return;
      case 'QUIT':
        this.#isKnown = false;
        this.end({ code: 'CONNECTION_CLOSED', text: quitText(values['reason']), by: 'peer' }, 'closed');
        return;
      default:
        this.#host.log.debug('a notification says nothing to a session', { method });
    }
  }

  drift(ms: number): void {
    const isNews = Math.abs(ms - this.#toldDriftMs) >= DRIFT_MS;
    if (!isNews) return;
    this.#toldDriftMs = Math.abs(ms) < DRIFT_MS ? 0 : ms;
    this.#tell('openfsc.drift', { driftMs: ms });
  }

  // What the bridge wants.

  request(methodText: string, params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    if (this.#state === 'closed') return 'closed';
    const method: unknown = JSON.parse(methodText);
    switch (method) {
      case 'openfsc.lockedPump':
        return this.#lockedPump(params, settle);
      case 'openfsc.sessions':
        this.#host.listSessions(settle);
        break;
      case 'openfsc.login':
        // Answered first: the connection may end with it.
        settle(DONE);
        this.#host.loginNow(this);
        break;
      case 'openfsc.quit':
        this.#leave(params, settle);
        break;
      default:
        settle(refusal('JSONRPC_METHOD_NOT_FOUND', 'OpenFSC has no such request of a site'));
    }
    return 'sent';
  }

  /** What is no news for the server goes no further. */
  notify(methodText: string, params: Buffer): SendOutcome | Refused {
    const name = ELEMENTS.get(JSON.parse(methodText));
    if (name === undefined) {
      return { code: 'JSONRPC_METHOD_NOT_FOUND', why: 'OpenFSC has no such notification of a site' };
    }
    const read = readElement(name, JSON.parse(params.toString()));
    if (!read.ok) return { code: 'JSONRPC_INVALID_PARAMS', why: read.why };
    if (this.#state === 'closed') return 'closed';
    const isHeard = this.#state === 'authenticated' && !this.#isPassive;
    if (isHeard && this.#updates.wants(read.element)) this.#say(read.element);
    return 'sent';
  }

  close(reason: CloseReason): void {
    if (this.#state === 'closed') return;
    this.quit(reason.text);
    this.end(reason, 'closed');
  }

  /** Says goodbye, where the server has the session. */
  quit(why: string): void {
    if (this.#isKnown) this.dialogue.notify('QUIT', [oneLine(why)]);
    this.#isKnown = false;
  }

  // Inside.

  #say(element: Element): void {
    const { name, args, warnings } = element;
    for (const why of this.#updates.isNews(element) ? warnings : [])
      this.#host.log.warn('an application says something odd', {
        session: this.site.name,
        message: name,
        why,
      });
    this.dialogue.notify(name, args);
    this.#updates.told(element);
  }

  #lockedPump(params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    const locked = readLockedPump(params);
    if (locked === undefined) {
      const why = 'pump (a number), fscTransactionId (a uuid) and reason (aborted or timeout) are needed';
      settle(refusal('JSONRPC_INVALID_PARAMS', why));
    } else if (this.#state !== 'authenticated') {
      settle(refusal('CONNECTION_CLOSED', 'the site is not logged in'));
    } else {
      // Whatever the server has announced: some list what they send, and one that does not know it says so.
      const asked = this.dialogue.ask('LOCKEDPUMP', locked.args, (answer) => {
        this.#requests.forgetTransaction(locked.fscTransactionId);
        if (answer.kind === 'ok') this.#updates.touched(locked.pump);
        settle(toPeerAnswer(answer));
      });
      return asked === 'full' ? 'full' : 'sent';
    }
    return 'sent';
  }

  #leave(params: Buffer, settle: (answer: PeerAnswer) => void): void {
    const { reason } = JSON.parse(params.toString()) as { reason?: unknown };
    if (reason !== undefined && (typeof reason !== 'string' || !fitsArgument('text', reason))) {
      settle(refusal('JSONRPC_INVALID_PARAMS', 'reason has to be a text on one line'));
      return;
    }
    settle(DONE);
    if (!this.isOver) this.#host.leave(this, oneLine(reason ?? '') || 'closed by the site');
  }

  /** Nothing that belongs to the session at the server is of use any more. */
  #forget(): void {
    this.#requests.forget();
    this.dialogue.close();
  }

  #tell(method: string, params: object): void {
    const { siteAccessKey } = this.site;
    this.#events.notification({
      method,
      methodText: `"${method}"`,
      params: Buffer.from(JSON.stringify({ siteAccessKey, ...params })),
      depth: 2,
    });
  }
}

const ELEMENTS: ReadonlyMap<unknown, ElementName> = new Map([
  ['openfsc.pump', 'PUMP'],
  ['openfsc.price', 'PRICE'],
  ['openfsc.transaction', 'TRANSACTION'],
]);
const DONE: PeerAnswer = { kind: 'result', text: Buffer.from('{}'), depth: 2 };
function isTtl(seconds: number): boolean {
  return seconds >= MIN_TTL_S && seconds <= MAX_TTL_S;
}

/** What the server says goodbye with goes to applications, too: it may be anything that it was told. */
export function quitText(reason: string | undefined): string {
  return reason === undefined
    ? 'the server says goodbye'
    : `the server says goodbye: ${maskText(oneLine(reason))}`;
}
