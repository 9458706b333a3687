import type { Terminal } from '../../src/terminal/terminal.ts';
import type { Wire, WireEvents } from '../../src/wire/wire.ts';
import type { LineMessage } from '../kit/application.ts';
import type { FakeClock } from '../kit/fake-clock.ts';

/** The bridge's end of an attachment to a simulator, by hand: lines in, lines out, everything in one turn. */
export class Attached {
  readonly lines: string[] = [];
  isDestroyed = false;
  isPaused = false;
  /** While true the wire takes no further output: `release` ends it. */
  isStuck = false;
  #events: WireEvents | undefined;
  #release: (() => void) | undefined;

  constructor(terminal: Pick<Terminal, 'attach'>) {
    const wire: Wire = {
      framing: 'stream',
      peer: { text: 'memory' },
      start: (events) => {
        this.#events = events;
      },
      write: (bytes, done) => {
        this.lines.push(...Buffer.from(bytes).toString().split('\n').slice(0, -1));
        if (this.isStuck) this.#release = done;
        else queueMicrotask(done);
      },
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
      },
      endOutput: () => {},
      destroy: () => {
        this.isDestroyed = true;
        setImmediate(() => this.close());
      },
    };
    terminal.attach(wire);
  }

  /** Lines as parsed messages. */
  get messages(): LineMessage[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  get statuses(): unknown[] {
    return this.messages
      .filter(({ method }) => method === 'StatusEvent')
      .map(({ params }) => params?.['transaction_status'] ?? 'idle');
  }

  get cashierTexts(): unknown[] {
    return this.messages
      .filter(({ method }) => method === 'PosMessage')
      .map(({ params }) => params?.['message']);
  }

  /** `_Connected`, or another notification of the bridge. */
  announce(
    connection: string,
    method = '_Connected',
    params: object = { connection, peer: '192.0.2.7' },
  ): void {
    this.write(`${JSON.stringify({ connection, jsonrpc: '2.0', method, params })}\n`);
  }

  write(text: string | Uint8Array): void {
    this.#events?.chunk(Buffer.from(text));
  }

  /** An empty `connection` is left out. */
  async request(id: string, method: string, params: unknown, connection = 'a'): Promise<void> {
    const text = typeof params === 'string' ? params : JSON.stringify(params);
    const head = connection === '' ? '{' : `{"connection":${JSON.stringify(connection)},`;
    this.write(`${head}"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"${method}","params":${text}}\n`);
    await settled();
  }

  /** The answer to a request, if it has come. */
  answer(id: string): LineMessage | undefined {
    return this.messages.find((message) => message.id === id && message.method === undefined);
  }

  code(id: string): unknown {
    return this.answer(id)?.error?.data?.['string_code'];
  }

  /** The text of the result or error, as it was written. */
  outcomeText(id: string): string | undefined {
    const line = this.lines.find((text) => text.includes(`"id":${JSON.stringify(id)},`));
    return line?.replace(/^.*?"(result|error)":/, '$1 ').slice(0, -1);
  }

  end(): void {
    this.#events?.end();
  }

  /** The attachment is gone. */
  close(): void {
    this.#events?.closed(new Error('gone'));
    this.#events = undefined;
  }

  async release(): Promise<void> {
    this.isStuck = false;
    this.#release?.();
    await settled();
  }
}

export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Time passes, and what it starts is done in its order. */
export async function pass(clock: FakeClock, ms: number): Promise<void> {
  const stepMs = Math.max(1, Math.ceil(ms / 1000));
  await settled();
  for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
    clock.advance(Math.min(stepMs, leftMs));
    await settled();
  }
  clock.advance(0);
  await settled();
}

export function purchase(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { receipt_id: 'r1', sequence_id: '17', amount: 1250, currency: 'EUR', ...changes };
}

export const identifiers = { receipt_id: 'r1', sequence_id: '17' };
