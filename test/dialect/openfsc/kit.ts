import type { CloseReason } from '../../../src/base/close-reason.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type {
  ConversationHost,
  InboundNotification,
  InboundRequest,
  PeerAnswer,
  PeerConnection,
  Refused,
  Verdict,
} from '../../../src/dialect/dialect.ts';
import { SiteConversation } from '../../../src/dialect/openfsc/conversation.ts';
import type { SiteEnd } from '../../../src/dialect/openfsc/site-end.ts';
import { SiteMemory } from '../../../src/dialect/openfsc/site-memory.ts';
import type { Site } from '../../../src/dialect/openfsc/sites.ts';
import { reply } from '../../../src/dialect/reply.ts';
import { FakeClock } from '../../kit/fake-clock.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of any shape
export type Any = any;

export const K1 = '9eb56d5e-6563-430a-9d39-5ddf567e73d5';
export const SECRET1 = '1d3b755d3bce8f09b4f8ff08dabf1796';
export const K2 = '6a3cc50e-dcbb-4d83-a67f-44b3728a00a6';
export const SECRET2 = '9edbff7f89fcd1b54535f3636a066883';
export const F1 = 'e2f74ef5-f427-4ae6-bdd3-70a96709992f';
export const F2 = '70644955-ef32-4d33-a88b-67b500a7c00d';
export const SERVER_CAPS =
  '* CAPABILITY BEAT CHARSET LOCKEDPUMP NEWSESSION PLAINAUTH PRICE PRODUCT PUMP QUIT SESSIONS TRANSACTION';

export const site = (more: Partial<Site> = {}): Site => ({
  name: 's1',
  siteAccessKey: K1,
  secret: SECRET1,
  priority: undefined,
  legacyPan: false,
  ...more,
});

/** A connection as the bridge sees it. */
export class PlayedConnection {
  readonly identity: string;
  readonly peer: PeerConnection;
  /** Requests as they came; their bytes are copied. */
  readonly requests: (InboundRequest & { readonly json: Any })[] = [];
  readonly notifications: { readonly method: string; readonly params: Any }[] = [];
  readonly reports: string[] = [];

  constructor(identity: string, peer: PeerConnection) {
    this.identity = identity;
    this.peer = peer;
  }

  get isClosed(): boolean {
    return this.reports.some((report) => report.startsWith('closed'));
  }

  links(): string[] {
    return this.notifications
      .filter(({ method }) => method === 'openfsc.link')
      .map(({ params }) =>
        params.fscCode === undefined ? params.state : `${params.state} ${params.fscCode}`,
      );
  }

  get last(): InboundRequest & { readonly json: Any } {
    const last = this.requests.at(-1);
    if (last === undefined) throw new Error('there is no request');
    return last;
  }

  result(result: object, request: InboundRequest = this.last): void {
    const text = Buffer.from(JSON.stringify(result));
    const outcome = reply(request, 'result', text);
    if (typeof outcome === 'object') throw new Error(outcome.why);
  }

  error(fscCode: number, message: string, request: InboundRequest = this.last): void {
    const data = { string_code: `FSC_${fscCode}`, details: message, fscCode };
    reply(request, 'error', Buffer.from(JSON.stringify({ code: 1, message, data })));
  }

  push(method: string, params: object): void {
    this.peer.notify(JSON.stringify(method), Buffer.from(JSON.stringify(params)));
  }

  ask(method: string, params: object): { answer?: { kind: string; json: Any } } {
    const asked: { answer?: { kind: string; json: Any } } = {};
    const settle = ({ kind, text }: PeerAnswer) => {
      asked.answer = { kind, json: JSON.parse(text.toString()) };
    };
    this.peer.request(JSON.stringify(method), Buffer.from(JSON.stringify(params)), settle);
    return asked;
  }
}

/** Why this cannot be answered or told; undefined where it can. */
export function faultIn(
  outcome: ReturnType<InboundRequest['prepare']> | ReturnType<PeerConnection['notify']>,
): Refused | undefined {
  return typeof outcome === 'object' && 'why' in outcome ? outcome : undefined;
}

export interface BenchOptions extends Partial<SiteEnd> {
  readonly clock?: FakeClock;
  readonly canBranch?: boolean;
  readonly log?: ConversationHost['log'];
  /** The wire can be opened again. */
  readonly canReopen?: boolean;
  /** The server's greeting. */
  readonly capabilities?: string;
  readonly memory?: SiteMemory;
}

/** A site's end with everything that it says and reports written down. */
export class SiteBench {
  readonly clock: FakeClock;
  readonly statistics = new Statistics();
  /** Lines in the order in which they were sent, without CRLF; in Latin-1, so that a byte is a character. */
  readonly sent: string[] = [];
  readonly urgent: string[] = [];
  readonly connections: PlayedConnection[] = [];
  readonly branches: string[] = [];
  finished: { reason: CloseReason; how: string; verdict: Verdict | undefined } | undefined;
  accepted = 0;
  reopened = 0;
  readonly conversation: SiteConversation;
  #read = 0;

  constructor(options: BenchOptions = {}) {
    const {
      clock = new FakeClock(),
      canBranch = false,
      log = silentLogger,
      canReopen = false,
      capabilities: _,
      memory = new SiteMemory(),
      ...end
    } = options;
    this.clock = clock;
    let ids = 0;
    const host: ConversationHost = {
      clock,
      log,
      statistics: this.statistics,
      randomId: () => `x${++ids}`,
      send: (frame, urgency) => {
        const line = Buffer.from(frame).toString('latin1');
        if (!line.endsWith('\r\n') || line.indexOf('\n') < line.length - 1)
          throw new Error(`no line: ${line}`);
        this.sent.push(line.slice(0, -2));
        if (urgency === 'urgent') this.urgent.push(line.slice(0, -2));
      },
      discardOutput() {},
      opened: (peer, identity = '') => {
        const connection = new PlayedConnection(identity, peer);
        this.connections.push(connection);
        return {
          request: (request) =>
            connection.requests.push({ ...request, json: JSON.parse(request.params.toString()) }),
          notification: ({ method, params }: InboundNotification) =>
            connection.notifications.push({ method, params: JSON.parse(params.toString()) }),
          inputEnded: ({ code }) => connection.reports.push(`inputEnded ${code}`),
          closed: ({ code, by }) => connection.reports.push(`closed ${code} ${by}`),
        };
      },
      accepted: () => {
        this.accepted += 1;
      },
      branch: (purpose) => {
        if (canBranch) this.branches.push(purpose);
        return canBranch;
      },
      ...(canReopen && {
        reopen: () => {
          this.reopened += 1;
        },
      }),
      finished: (reason, how, verdict) => {
        if (this.finished !== undefined) throw new Error('finished twice');
        this.finished = { reason, how, verdict };
      },
    };
    const defaults: SiteEnd = {
      sites: [site()],
      usesSessions: false,
      charsets: [],
      push: 'always',
      transactionInfo: true,
      sessionMode: false,
    };
    this.conversation = new SiteConversation(host, { ...defaults, ...end }, memory);
  }

  /** The server's lines, a CRLF behind each. */
  receive(...lines: string[]): void {
    for (const line of lines) this.conversation.receive(Buffer.from(`${line}\r\n`, 'latin1'));
  }

  /** What has been sent since the last look. */
  lines(): string[] {
    const lines = this.sent.slice(this.#read);
    this.#read = this.sent.length;
    return lines;
  }

  /** The newest connection for a site. */
  connection(identity = 's1'): PlayedConnection {
    const found = this.connections.findLast((one) => one.identity === identity);
    if (found === undefined) throw new Error(`no connection for ${identity}`);
    return found;
  }
}

/** A single site that is logged in; its opening lines have been looked at. */
export function loggedIn(options: BenchOptions = {}): SiteBench {
  const bench = new SiteBench(options);
  bench.receive(options.capabilities ?? SERVER_CAPS);
  for (const line of bench.lines()) {
    const [tag, method] = line.split(' ');
    if (method === 'CHARSET' || method === 'PLAINAUTH') bench.receive(`${tag} OK`);
  }
  for (const line of bench.lines())
    if (line.includes(' PLAINAUTH ')) bench.receive(`${line.split(' ')[0]} OK`);
  return bench;
}

/** Several sites, each logged in on a session of its own. */
export function multiplexed(sites: readonly Site[], options: BenchOptions = {}): SiteBench {
  const bench = new SiteBench({ sites, usesSessions: true, ...options });
  bench.receive(SERVER_CAPS);
  letIn(bench);
  return bench;
}

/** Says OK to everything that the site asks, until it asks no more. */
export function letIn(bench: SiteBench): void {
  for (let lines = bench.lines(); lines.length > 0; lines = bench.lines()) {
    for (const line of lines) {
      const [tag = '', method = ''] = line.split(' ');
      if (['CHARSET', 'NEWSESSION', 'PLAINAUTH'].includes(method)) bench.receive(`${tag} OK`);
    }
  }
}

/** A transaction as an application tells of it: 45.50 l at 1.749. */
export const TRANSACTION = {
  pump: 3,
  siteTransactionId: 'c71b9838ad3dfc15',
  status: 'open',
  productId: '0100',
  currency: 'EUR',
  priceWithVat: '79.58',
  priceWithoutVat: '66.87',
  vatRate: '19.0',
  vatAmount: '12.71',
  unit: 'LTR',
  volume: '45.50',
  pricePerUnit: '1.749',
};
