import type { CloseReason } from '../../../src/base/close-reason.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type {
  ConnectionEvents,
  ConversationHost,
  DialectOptions,
  InboundNotification,
  InboundRequest,
  PeerConnection,
} from '../../../src/dialect/dialect.ts';
import { AnsweringConversation } from '../../../src/dialect/ecr-eft/answering.ts';
import { DEVICE } from '../../../src/dialect/ecr-eft/dialect.ts';
import { readMessage } from '../../../src/dialect/ecr-eft/frame.ts';
import { defaultParameters } from '../../../src/dialect/ecr-eft/parameters.ts';
import type { SaleRules } from '../../../src/dialect/ecr-eft/sale.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { decode, frameOf } from './frames.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of any shape
export type Any = any;

/** What a conversation reports about one connection, and the handle that it gave for it. */
export class Opened implements ConnectionEvents {
  readonly peer: PeerConnection;
  readonly register: string | undefined;
  readonly requests: InboundRequest[] = [];
  readonly notifications: InboundNotification[] = [];
  readonly reports: string[] = [];

  constructor(peer: PeerConnection, register: string | undefined) {
    this.peer = peer;
    this.register = register;
  }

  request(request: InboundRequest): void {
    this.requests.push({ ...request, params: Buffer.from(request.params) });
  }

  notification(notification: InboundNotification): void {
    this.notifications.push({ ...notification, params: Buffer.from(notification.params) });
  }

  inputEnded({ code }: CloseReason): void {
    this.reports.push(`inputEnded ${code}`);
  }

  closed({ code }: CloseReason): void {
    this.reports.push(`closed ${code}`);
  }
}

/** A host that writes everything down; what was sent is told by `said`. */
export class PlayedHost {
  readonly clock = new FakeClock();
  readonly statistics = new Statistics();
  readonly opened: Opened[] = [];
  readonly finished: { code: string; how: string }[] = [];
  #output: Buffer[] = [];
  #ids = 0;

  /** Writes since the last call, each as the list of what is in it: ACK, NAK, or `TOKEN TYPE field,field`. */
  writes(): string[][] {
    const writes = this.#output.map((bytes) => decode([bytes]).map(shown));
    this.#output = [];
    return writes;
  }

  /** The same in one list. */
  said(): string[] {
    return this.writes().flat();
  }

  /** The bytes since the last call. */
  bytes(): Buffer {
    const bytes = Buffer.concat(this.#output);
    this.#output = [];
    return bytes;
  }

  readonly host: ConversationHost = {
    clock: this.clock,
    log: silentLogger,
    statistics: this.statistics,
    randomId: () => `x${++this.#ids}`,
    send: (frame) => this.#output.push(Buffer.from(frame)),
    discardOutput: () => {},
    opened: (peer, _identity, register) => {
      const opened = new Opened(peer, register);
      this.opened.push(opened);
      return opened;
    },
    finished: ({ code }, how) => this.finished.push({ code, how }),
  };
}

export const OPTIONS: DialectOptions = { maxFrameBytes: 4096, keepalive: 'off', sync: false };

/** The terminal's end, with everything that it says and reports written down. */
export function answering(options: Partial<DialectOptions> = {}, rules: Partial<SaleRules> = {}) {
  const played = new PlayedHost();
  const conversation = new AnsweringConversation(
    played.host,
    { ...OPTIONS, ...options },
    {
      device: { ...DEVICE, parameters: defaultParameters(1) },
      rules: { cashback: 'unknown', namesRegister: false, takesEarlier: false, ...rules },
    },
  );
  const receive = (...parts: Buffer[]) => conversation.receive(Buffer.concat(parts));
  const said = (...parts: Buffer[]) => {
    if (parts.length > 0) receive(...parts);
    return played.said();
  };
  return Object.assign(played, { conversation, receive, say: said });
}

/** The last connection that was opened. */
export function lastOf(played: PlayedHost): Opened {
  const opened = played.opened.at(-1);
  if (opened === undefined) throw new Error('no connection was opened');
  return opened;
}

export function paramsOf({ params }: { readonly params: Buffer }): Any {
  return JSON.parse(params.toString());
}

export function answer(request: InboundRequest | undefined, kind: 'result' | 'error', value: object): string {
  const prepared = request?.prepare(kind, Buffer.from(JSON.stringify(value)));
  if (prepared === undefined) return 'no request';
  if (typeof prepared === 'string') return prepared;
  return 'send' in prepared ? prepared.send() : prepared.code;
}

export const error = (stringCode: string, data: object = {}) => ({
  code: 1,
  message: `It is ${stringCode}.`,
  data: { string_code: stringCode, details: 'details', ...data },
});

/** S1 for a sale of 9.28 PLN. */
export function s1(
  token: number,
  paymentId: string,
  more: { ecrId?: string; fields?: string[] } = {},
): Buffer {
  const fields = more.fields ?? ['928', '828', '100', 'PLN', '0', '30000'];
  return frameOf(token, 'S1', 'S', more.ecrId ?? 'ABC1234567890', paymentId, ...fields);
}

function shown(content: string): string {
  const read = readMessage(Buffer.from(content, 'latin1'));
  if (!read.ok) return content;
  const { token, type, fields } = read.message;
  const texts = fields.map((field) => field.toString('latin1')).join(',');
  return `${token.toString(16).toUpperCase()} ${type}${texts === '' ? '' : ` ${texts}`}`;
}
