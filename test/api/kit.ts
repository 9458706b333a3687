import { connect } from 'node:net';
import path from 'node:path';
import { openApiServer } from '../../src/api/http/server.ts';
import { ApiService, type ApiServiceOptions } from '../../src/api/service.ts';
import { addToken, type TokenEntry, Tokens } from '../../src/api/token-file.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { TcpEndpoint } from '../../src/endpoint/endpoint.ts';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import { type Folder, ROOT, temporaryFolder } from '../cli/kit.ts';
import type { JsonObject } from '../kit/register.ts';
import { TestTerminal } from '../kit/terminal.ts';

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what is in it is what is tested
  readonly body: any;
}

export interface Told {
  readonly id: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: what is in it is what is tested
  readonly data: any;
}

export interface StageOptions extends Partial<ApiServiceOptions> {
  readonly allowOrigins?: readonly string[];
  readonly ratePerS?: number;
  readonly maxConnections?: number;
  readonly hasTokens?: boolean;
  readonly writeLimitMs?: number;
  readonly connectTimeoutMs?: number;
}

const PAGE = path.join(ROOT, 'dist/api-page');

/** A service over a terminal of the tests, in this process; it can be stopped and started again on the same store. */
export class Stage {
  readonly folder: Folder = temporaryFolder();
  readonly terminal: TestTerminal;
  service!: ApiService;
  url = '';
  readonly #options: StageOptions;
  #server: { close(): Promise<void> } | undefined;
  #tokens: { tokens: Tokens; close(): void } | undefined;

  private constructor(terminal: TestTerminal, options: StageOptions) {
    this.terminal = terminal;
    this.#options = options;
  }

  static async open(options: StageOptions = {}): Promise<Stage> {
    const terminal = await TestTerminal.listen();
    const stage = new Stage(terminal, options);
    stage.approve();
    await stage.start();
    return stage;
  }

  /** The terminal approves whatever comes, and answers Check likewise. */
  approve(): void {
    this.terminal.onRequest = ({ method, params }) => {
      if (method === 'Purchase' || method === 'Refund') return { ...money(params), ...CARD };
      if (method === 'Status') return { ready_for_transaction: true };
      return method === 'TerminalInfo'
        ? { version: '18.9.0', serial_number: 'SN-1' }
        : new Error('TRANSACTION_NOT_FOUND');
    };
  }

  get store(): string {
    return path.join(this.folder.path, 'store');
  }

  get tokenFile(): string {
    return path.join(this.folder.path, 'tokens.json');
  }

  token(name: string, scopes: TokenEntry['scopes'], terminals?: readonly string[]): Promise<string> {
    return addToken(this.tokenFile, { name, scopes, terminals }, systemClock);
  }

  async start(): Promise<void> {
    const { hasTokens = false, connectTimeoutMs = 10_000, ...more } = this.#options;
    const log = silentLogger;
    const client = { to: this.terminal.endpoint, connectTimeoutMs };
    this.service = await ApiService.open({
      terminals: [
        { name: 'counter', place: this.terminal.endpoint, protocol: 'jsonpos', client },
        {
          name: 'kiosk',
          place: 'tcp:127.0.0.1:1',
          protocol: 'jsonpos',
          client: { to: 'tcp:127.0.0.1:1', connectTimeoutMs: 50 },
        },
      ],
      store: this.store,
      keepMs: 86_400_000,
      outcomeWaitMs: 60_000,
      clock: systemClock,
      log,
      ...more,
    });
    if (hasTokens) {
      if (this.#tokens === undefined) await this.token('nobody', []);
      this.#tokens = await Tokens.open(this.tokenFile, { renewed: () => {}, fault: () => {} });
    }
    const server = await openApiServer({
      service: this.service,
      endpoints: [parseEndpoint('tcp:127.0.0.1:0', 'listen') as TcpEndpoint],
      tls: undefined,
      tokens: this.#tokens?.tokens,
      allowOrigins: more.allowOrigins ?? [],
      ratePerS: more.ratePerS ?? Number.POSITIVE_INFINITY,
      maxConnections: more.maxConnections ?? 200,
      writeLimitMs: more.writeLimitMs,
      version: '0.0.0',
      clock: systemClock,
      log,
      pageFolder: PAGE,
    });
    this.#server = server;
    this.url = server.addresses[0] ?? '';
    this.service.start();
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    await this.service.close();
    this.#tokens?.close();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.terminal.stop();
    this.folder.remove();
  }

  async ask(where: string, init: RequestInit = {}): Promise<Answered> {
    const response = await fetch(`${this.url}${where}`, init);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson ? JSON.parse(text) : undefined,
    };
  }

  post(where: string, body: unknown, headers: Record<string, string> = {}): Promise<Answered> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.ask(where, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: text,
    });
  }

  purchase(key: string, more: JsonObject = {}, headers: Record<string, string> = {}): Promise<Answered> {
    const order = { amount: '12.30', currency: 'EUR', ...more };
    return this.post('/v1/terminals/counter/purchases', order, { 'Idempotency-Key': key, ...headers });
  }

  /** The sale when it has ended. */
  ended(key: string, more: JsonObject = {}): Promise<Answered> {
    return this.purchase(key, more, { Prefer: 'wait=30' });
  }

  /** Events as they come, until the reader stops. */
  async *events(where: string, headers: Record<string, string> = {}): AsyncGenerator<Told> {
    const over = new AbortController();
    const response = await fetch(`${this.url}${where}`, { headers, signal: over.signal });
    if (response.body === null || response.status !== 200) throw new Error(`status ${response.status}`);
    const decoder = new TextDecoder();
    let text = '';
    try {
      for await (const chunk of response.body) {
        text += decoder.decode(chunk as Uint8Array, { stream: true });
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) yield readEvent(block);
      }
    } finally {
      over.abort();
    }
  }

  /** What comes back for these very bytes, until the connection ends. */
  raw(bytes: string): Promise<string> {
    const { hostname, port } = new URL(this.url);
    return new Promise((resolve) => {
      const socket = connect(Number(port), hostname);
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('error', () => {});
      socket.on('close', () => resolve(text));
      socket.write(bytes);
    });
  }
}

export function money(params: JsonObject | undefined): JsonObject {
  return { amount: params?.['amount'] ?? 0, currency: params?.['currency'] ?? '' };
}

export const CARD = {
  card_scheme: 'Visa',
  masked_card_number: '************1111',
  customer_receipt: ['PAID', 'THANK YOU'],
  merchant_receipt: { text: 'PAID\nMERCHANT' },
};

function readEvent(block: string): Told {
  const fields = new Map(
    block.split('\n').map((line) => [line.split(': ')[0], line.slice(line.indexOf(': ') + 2)]),
  );
  const data = fields.get('data');
  return {
    id: fields.get('id') ?? '',
    event: fields.get('event') ?? '',
    data: data === undefined ? undefined : JSON.parse(data),
  };
}
