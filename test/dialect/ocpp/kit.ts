import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import type { CloseReason } from '../../../src/base/close-reason.ts';
import { deferred } from '../../../src/base/deferred.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type {
  Conversation,
  ConversationHost,
  DialectOptions,
  ErrandHost,
  InboundNotification,
  InboundRequest,
  PeerAnswer,
  PeerConnection,
} from '../../../src/dialect/dialect.ts';
import { Central, type CentralSettings } from '../../../src/dialect/ocpp/central.ts';
import { CentralConversation } from '../../../src/dialect/ocpp/conversation.ts';
import { type OpenDatabase, openDatabase } from '../../../src/dialect/ocpp/database/open.ts';
import { isPrepared } from '../../../src/dialect/reply.ts';
import { errorText } from '../../../src/rpc/error-object.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { REQUESTS } from './payloads.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of any shape
export type Any = any;

export const ACCEPTED = { idTagInfo: { status: 'Accepted' } };

/** A request as the application behind the channels has it. */
export interface Asked {
  readonly method: string;
  readonly params: Any;
  readonly paramsText: string;
  readonly channel: string | undefined;
  /** `refused`: it is no answer; the bridge then answers for the application. */
  result(value: object | string): 'sent' | 'closed' | 'refused';
  error(code: number, message: string, data?: object): void;
  /** As the bridge answers for an application that cannot. */
  away(stringCode?: string): void;
}

const NO_OPTIONS: DialectOptions = { maxFrameBytes: 1_000_000, keepalive: 'off', sync: false };

/** A central system with a database in a new folder. */
export class CentralBench {
  readonly clock = new FakeClock();
  readonly statistics = new Statistics();
  readonly folder = mkdtempSync(path.join(tmpdir(), 'ocpp-'));
  readonly logged: string[] = [];
  readonly settings: CentralSettings;
  #central: Central | undefined;
  database: OpenDatabase | undefined;

  constructor(settings: Partial<CentralSettings> = {}) {
    this.settings = {
      heartbeatS: 300,
      registrationOf: () => 'Accepted',
      isLenient: () => false,
      usesSpool: false,
      framesKeepMs: 86_400_000,
      dataTransfer: [],
      ...settings,
    };
  }

  get central(): Central {
    if (this.#central === undefined) throw new Error('not open');
    return this.#central;
  }

  /** Opens the database, again after `close`, as a restart of the bridge does. */
  async open(): Promise<this> {
    const place = { kind: 'sqlite', to: path.join(this.folder, 'ocpp.db') } as const;
    this.database = await openDatabase(place, '2030-01-01T00:00:00.000Z');
    this.#central = new Central(this.settings, this.database);
    return this;
  }

  async close(): Promise<void> {
    await this.#central?.close();
  }

  async end(): Promise<void> {
    await this.close();
    rmSync(this.folder, { recursive: true });
  }

  connect(identity = 'CP001'): PlayedChargePoint {
    return new PlayedChargePoint(this, identity);
  }

  /** As a server does that listens. Its errands, as they begin. */
  begin(): PlayedChargePoint[] {
    const errands: PlayedChargePoint[] = [];
    const run: ErrandHost['run'] = async (identity, converse) => {
      const errand = new PlayedChargePoint(this, identity, (host) => converse(host, 'messages', NO_OPTIONS));
      errands.push(errand);
      await errand.over.promise;
    };
    this.central.begin({ clock: this.clock, log: this.log(), statistics: this.statistics, run });
    return errands;
  }

  /** One that has booted. */
  async booted(identity = 'CP001'): Promise<PlayedChargePoint> {
    const point = this.connect(identity);
    await point.call('BootNotification', REQUESTS.BootNotification);
    point.told.length = 0;
    return point;
  }

  log(): ConversationHost['log'] {
    const note = (event: string, fields = {}) => void this.logged.push(`${event} ${JSON.stringify(fields)}`);
    return { ...silentLogger, error: note, warn: note, info: note, with: () => this.log() };
  }
}

/** A charge point on its connection, and the application that it is bridged to. */
export class PlayedChargePoint {
  /** What it was sent, oldest first. */
  readonly frames: Any[] = [];
  readonly asked: Asked[] = [];
  readonly told: { readonly method: string; readonly params: Any }[] = [];
  readonly conversation: Conversation;
  readonly over = deferred<void>();
  finished: { readonly reason: CloseReason; readonly how: string } | undefined;
  closed: CloseReason | undefined;
  peer: PeerConnection | undefined;
  #ids = 0;

  constructor(
    bench: CentralBench,
    identity: string,
    converse = (host: ConversationHost): Conversation =>
      new CentralConversation(host, identity, bench.central),
  ) {
    let ids = 0;
    const host: ConversationHost = {
      clock: bench.clock,
      log: bench.log(),
      statistics: bench.statistics,
      identity,
      randomId: () => `x${++ids}`,
      send: (bytes) => void this.frames.push(JSON.parse(Buffer.from(bytes).toString())),
      discardOutput() {},
      opened: (peer) => {
        this.peer = peer;
        return {
          request: (request) => void this.asked.push(asked(request)),
          notification: ({ method, params }: InboundNotification) =>
            void this.told.push({ method, params: JSON.parse(params.toString()) }),
          inputEnded() {},
          closed: (reason) => {
            if (this.closed !== undefined) throw new Error('closed twice');
            this.closed = reason;
          },
        };
      },
      finished: (reason, how) => {
        if (this.finished !== undefined) throw new Error('finished twice');
        this.finished = { reason, how };
        this.over.resolve();
      },
    };
    this.conversation = converse(host);
  }

  sendText(text: string): void {
    this.conversation.receive(Buffer.from(text));
  }

  /** Sends a CALL and returns its id. */
  send(action: string, payload: unknown, id = `${++this.#ids}`): string {
    this.sendText(JSON.stringify([2, id, action, payload]));
    return id;
  }

  /** Resolves with the frame that answers it. */
  async call(action: string, payload: unknown, id?: string): Promise<Any> {
    return this.answerTo(this.send(action, payload, id));
  }

  async answerTo(id: string): Promise<Any> {
    return until(() => this.frames.findLast(([type, of]) => type !== 2 && of === id));
  }

  /** The application's next request. */
  async nextAsked(): Promise<Asked> {
    return until(() => this.asked.shift());
  }

  /** What an application hears of a call to this charge point. */
  ask(method: string, params: object): { answer?: { readonly kind: string; readonly json: Any } } {
    const heard: { answer?: { kind: string; json: Any } } = {};
    const settle = ({ kind, text }: PeerAnswer) => {
      heard.answer = { kind, json: JSON.parse(text.toString()) };
    };
    const outcome = this.peer?.request(JSON.stringify(method), Buffer.from(JSON.stringify(params)), settle);
    if (outcome !== 'sent') heard.answer = { kind: outcome ?? 'none', json: undefined };
    return heard;
  }

  /** The CALLs that it was sent. */
  get calls(): Any[] {
    return this.frames.filter(([type]) => type === 2);
  }

  answer(call: Any, payload: object): void {
    this.sendText(JSON.stringify([3, call[1], payload]));
  }

  disconnect(): void {
    this.conversation.endOfInput();
  }
}

function asked(request: InboundRequest): Asked {
  const paramsText = request.params.toString();
  const give = (kind: 'result' | 'error', text: Buffer) => {
    const prepared = request.prepare(kind, text);
    if (isPrepared(prepared)) return prepared.send();
    const refusal = request.prepare('error', errorText('INTERNAL_ERROR', 'the answer is malformed'));
    if (isPrepared(refusal)) refusal.send();
    return 'refused';
  };
  return {
    method: request.method,
    params: JSON.parse(paramsText),
    paramsText,
    channel: request.channel,
    result: (value) => give('result', Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))),
    error: (code, message, data = {}) => {
      const whole = { string_code: code === -32601 ? 'JSONRPC_METHOD_NOT_FOUND' : 'X', details: '', ...data };
      give('error', Buffer.from(JSON.stringify({ code, message, data: whole })));
    },
    away: (stringCode = 'CHANNEL_UNAVAILABLE') => void give('error', errorText(stringCode, 'away')),
  };
}

/** Resolves with the first value that is there. */
export async function until<T>(look: () => T | undefined): Promise<T> {
  const found: T[] = [];
  const isThere = () => {
    const value = look();
    if (value !== undefined) found.push(value);
    return found.length > 0;
  };
  await expect.poll(isThere, { interval: 2 }).toBe(true);
  return found[0] as T;
}
