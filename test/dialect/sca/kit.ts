import { constants, createHmac, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import type { CloseReason } from '../../../src/base/close-reason.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type { ConversationHost, InboundRequest, PeerConnection } from '../../../src/dialect/dialect.ts';
import { reply } from '../../../src/dialect/reply.ts';
import { AnsweringConversation } from '../../../src/dialect/sca/answering.ts';
import { DEFAULT_ASSUMPTIONS } from '../../../src/dialect/sca/assumptions.ts';
import { encodeDocument, field, type ScaDocument } from '../../../src/dialect/sca/document.ts';
import { forgetfulMemory } from '../../../src/dialect/sca/memory.ts';
import type { Port } from '../../../src/dialect/sca/speaking.ts';
import { TerminalEnd, type TerminalEndOptions } from '../../../src/dialect/sca/terminal-end.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { readStream } from './document-kit.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of any shape
export type Any = any;

/** A request as applications see it. */
export interface Asked {
  readonly method: string;
  readonly params: Any;
  readonly text: string;
  readonly request: InboundRequest;
}

export type Fields = Readonly<Record<string, string>>;

/** Where every register is. */
export const REGISTER_ADDRESS = '192.0.2.7';

export interface BenchOptions extends Partial<TerminalEndOptions> {
  readonly framing?: 'stream' | 'messages';
  readonly port?: Port;
}

/** A terminal with its applications played by the test. */
export class TerminalBench {
  readonly clock = new FakeClock();
  readonly end: TerminalEnd;
  readonly #options: BenchOptions;
  #ids = 0;

  constructor(options: BenchOptions = {}) {
    this.#options = options;
    this.end = new TerminalEnd({
      currency: 'USD',
      authentication: 'skip',
      assumed: DEFAULT_ASSUMPTIONS,
      memory: forgetfulMemory(),
      pairsAlone: false,
      dials: true,
      webSocket: { subprotocol: 'sci', isBinary: true },
      ...options,
    });
  }

  connect(port: Port = this.#options.port ?? 'both'): BenchConnection {
    return new BenchConnection(this, this.#options.framing ?? 'messages', port);
  }

  randomId(): string {
    this.#ids += 1;
    return `x${this.#ids}`;
  }
}

/** One connection of a register. */
export class BenchConnection {
  readonly sent: Fields[] = [];
  readonly asked: Asked[] = [];
  readonly told: { readonly method: string; readonly params: Any }[] = [];
  readonly conversation: AnsweringConversation;
  readonly secrets: string[] = [];
  /** Lines that the terminal has opened to where the register listens. */
  readonly listened: {
    readonly port: unknown;
    readonly heard: Fields[];
    closed(): void;
    isClosed: boolean;
  }[] = [];
  peer: PeerConnection | undefined;
  inputEnded = 0;
  finished: { reason: CloseReason; how: string } | undefined;

  constructor(bench: TerminalBench, framing: 'stream' | 'messages', port: Port) {
    const host: ConversationHost = {
      clock: bench.clock,
      log: silentLogger,
      statistics: new Statistics(),
      randomId: () => bench.randomId(),
      send: (frame) => {
        for (const document of readStream([Buffer.from(frame)]))
          this.sent.push(typeof document === 'string' ? { broken: document } : fieldsOf(document));
      },
      discardOutput() {},
      beside: (port, { closed }, at) => {
        if (at !== REGISTER_ADDRESS) return undefined;
        const line = { port, heard: [] as Fields[], closed, isClosed: false };
        this.listened.push(line);
        return {
          send: (bytes) => {
            for (const document of readStream([Buffer.from(bytes)]))
              if (typeof document !== 'string') line.heard.push(fieldsOf(document));
          },
          close: () => {
            line.isClosed = true;
          },
        };
      },
      opened: (peer) => {
        this.peer = peer;
        return {
          request: (request) => {
            const text = request.params.toString();
            this.asked.push({ method: request.method, params: JSON.parse(text), text, request });
          },
          notification: ({ method, params }) =>
            this.told.push({ method, params: JSON.parse(params.toString()) }),
          secret: (value) => this.secrets.push(value),
          inputEnded: () => {
            this.inputEnded += 1;
          },
          closed: () => {},
        };
      },
      finished: (reason, how) => {
        if (this.finished !== undefined) throw new Error('finished twice');
        this.finished = { reason, how };
      },
    };
    const options = { maxFrameBytes: 262_144, keepalive: 'off', sync: false } as const;
    this.conversation = new AnsweringConversation(host, framing, options, bench.end, port);
  }

  /** Sends a request, and waits until everything that is ready has happened. */
  async send(functionType: string, command: string, fields: Fields = {}): Promise<void> {
    await this.bytes(requestXml(functionType, command, fields));
  }

  async bytes(bytes: Uint8Array | string): Promise<void> {
    this.conversation.receive(Buffer.from(bytes));
    await settled();
  }

  /** Sends a request, and returns the response that came at once. */
  async ask(functionType: string, command: string, fields: Fields = {}): Promise<Fields> {
    const before = this.sent.length;
    await this.send(functionType, command, fields);
    const [response] = this.sent.slice(before);
    if (response === undefined) throw new Error(`no response to ${functionType} ${command}`);
    return response;
  }

  async start(fields: Fields = {}): Promise<Fields> {
    return this.ask('SESSION', 'START', { INVOICE: '123456', ...fields });
  }

  /** What an application was asked last. */
  get last(): Asked {
    const last = this.asked.at(-1);
    if (last === undefined) throw new Error('no application was asked');
    return last;
  }

  get response(): Fields {
    return this.sent.at(-1) ?? {};
  }

  async result(result: object, asked: Asked = this.last): Promise<void> {
    reply(asked.request, 'result', Buffer.from(JSON.stringify(result)));
    await settled();
  }

  async error(code: string, more: object = {}, asked: Asked = this.last): Promise<void> {
    const error = { code: 1, message: code, data: { string_code: code, details: code, ...more } };
    reply(asked.request, 'error', Buffer.from(JSON.stringify(error)));
    await settled();
  }

  /** The link breaks. */
  async lose(): Promise<void> {
    this.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'cut', by: 'wire' });
    await settled();
  }
}

export function requestXml(functionType: string, command: string, fields: Fields = {}): Buffer {
  const all = { FUNCTION_TYPE: functionType, COMMAND: command, ...fields };
  return encodeDocument({
    root: 'TRANSACTION',
    fields: Object.entries(all).map(([name, text]) => field(name, text)),
  });
}

export function fieldsOf({ fields }: ScaDocument): Fields {
  return Object.fromEntries(fields.map(({ name, text }) => [name, text]));
}

/** Lets promises that are ready go on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

export const APPROVAL = {
  amount: 535,
  currency: 'USD',
  authorization_code: 'TA1260',
  trace_number: '45',
  masked_card_number: '************1111',
  card_scheme: 'Visa',
  entry_mode: 'CHIP',
  timestamp: '2030-01-01T10:20:30+02:00',
};

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const PUBLIC_KEY = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');

/** A register that has paired. */
export class PairedRegister {
  counter = 0;
  readonly label: string;
  readonly key: Buffer;

  constructor(response: Fields) {
    this.label = response['MAC_LABEL'] ?? '';
    const encrypted = Buffer.from(response['MAC_KEY'] ?? '', 'base64');
    this.key = decrypted(encrypted);
  }

  /** The fields of the next request. */
  auth(counter = this.counter + 1): Fields {
    this.counter = counter;
    const mac = createHmac('sha256', this.key).update(String(counter)).digest('base64');
    return { COUNTER: String(counter), MAC: mac, MAC_LABEL: this.label };
  }
}

/** PKCS#1 v1.5, which Node.js 20 decrypts only without padding checks of its own. */
function decrypted(encrypted: Buffer): Buffer {
  const padded = privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encrypted);
  return padded.subarray(padded.indexOf(0, 2) + 1);
}
