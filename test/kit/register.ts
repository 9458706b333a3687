import type { Readable, Writable } from 'node:stream';

/**
 * A cash register for tests. It shares no code with src/, so that the product is not checked against itself, and it
 * is as strict as the register software in the field: a frame or a message that such a register would refuse
 * becomes a `fault`, which fails everything that waits.
 */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export interface ErrorObject {
  code: number;
  message: string;
  data: { string_code: string; details: string; [name: string]: Json };
}

export interface RegisterMessage {
  /** The JSON text exactly as it was inside the frame. */
  readonly text: string;
  /** Milliseconds since the register was made. */
  readonly atMs: number;
  readonly id?: string;
  readonly method?: string;
  readonly params?: JsonObject;
  readonly result?: JsonObject;
  readonly error?: ErrorObject;
  readonly response_to?: string;
}

export interface RegisterStream {
  /** What the register reads; a child's stdout, or one half of a socket. */
  readonly readable: Readable;
  readonly writable: Writable;
}

export interface RegisterOptions {
  /** Answers `_Keepalive` by itself; default true, and `register.answersKeepalive` switches it later. */
  readonly answersKeepalive?: boolean;
  /** Answers other requests: an object is the result, an Error the error; undefined leaves it open. */
  readonly onRequest?: (request: RegisterMessage) => JsonObject | Error | undefined;
  /** Ids are this text and a counter; default `pos-`. */
  readonly idPrefix?: string;
}

const HEAD_BYTES = 9;
const MAX_JSON_BYTES = 262_134;

/** One frame as a register writes it: ASCII, the length in lower-case hex. */
export function frameOf(message: unknown): string {
  const json = typeof message === 'string' ? message : JSON.stringify(message);
  const ascii = json.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `${ascii.length.toString(16).padStart(8, '0')}:${ascii}\n`;
}

export class TestRegister {
  /** Everything that arrived, in order, keepalives and answers included. */
  readonly received: RegisterMessage[] = [];
  /** What a real register would have refused; the first one ends the reading. */
  readonly faults: string[] = [];
  /** Answers to nothing that was asked; a register only logs them. */
  readonly unexpected: RegisterMessage[] = [];
  /** Resolves when the other side has ended its output or the stream is gone; never rejects. */
  readonly closed: Promise<void>;
  /** `params.error` of the `_CloseReason` that came, if any. */
  closeReason: ErrorObject | undefined;
  answersKeepalive: boolean;
  /** May be set at any time, also after construction. */
  onRequest: RegisterOptions['onRequest'];
  isClosed = false;
  /** The system's code when the stream broke instead of ending (ECONNRESET). */
  brokenBy: string | undefined;

  readonly #stream: RegisterStream;
  readonly #idPrefix: string;
  readonly #startMs = performance.now();
  readonly #pending = new Map<
    string,
    { resolve(message: RegisterMessage): void; reject(fault: Error): void }
  >();
  readonly #watchers = new Set<() => void>();
  #rest: Buffer[] = [];
  #restBytes = 0;
  #neededBytes = HEAD_BYTES;
  #counter = 0;
  #markClosed: () => void = () => {};

  constructor(stream: RegisterStream, options: RegisterOptions = {}) {
    this.#stream = stream;
    this.#idPrefix = options.idPrefix ?? 'pos-';
    this.answersKeepalive = options.answersKeepalive ?? true;
    this.onRequest = options.onRequest;
    this.closed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
    stream.readable.on('data', (chunk: Buffer) => this.#read(chunk));
    for (const event of ['end', 'close']) stream.readable.on(event, () => this.#close());
    stream.readable.on('error', (fault: NodeJS.ErrnoException) => {
      this.brokenBy = fault.code ?? fault.message;
      this.#close();
    });
    stream.writable.on('error', () => {}); // the other side is gone: reading says so
  }

  /** A register on both halves of one socket. */
  static on(socket: Readable & Writable, options?: RegisterOptions): TestRegister {
    return new TestRegister({ readable: socket, writable: socket }, options);
  }

  get notifications(): RegisterMessage[] {
    return this.received.filter((message) => message.method !== undefined && message.id === undefined);
  }

  /** Asks; the promise brings the result or the error, and rejects when the connection ends before. */
  request(method: string, params: JsonObject = {}, options: { id?: string } = {}): Promise<RegisterMessage> {
    this.#counter += 1;
    const id = options.id ?? `${this.#idPrefix}${this.#counter}`;
    const answer = new Promise<RegisterMessage>((resolve, reject) => {
      if (this.isClosed || this.faults.length > 0) reject(this.#lost());
      else this.#pending.set(id, { resolve, reject });
    });
    answer.catch(() => {}); // a test may look at it later, or never
    this.write(frameOf({ jsonrpc: '2.0', id, method, params }));
    return answer;
  }

  notify(method: string, params: JsonObject = {}): void {
    this.write(frameOf({ jsonrpc: '2.0', method, params }));
  }

  /** Answers a request of the other side. */
  respond(request: RegisterMessage, answer: JsonObject | Error): void {
    const outcome =
      answer instanceof Error
        ? {
            error: {
              code: 1,
              message: answer.message,
              data: { string_code: 'UNKNOWN', details: answer.message },
            },
          }
        : { result: answer };
    const { id = '', method = '' } = request;
    this.write(frameOf({ jsonrpc: '2.0', response_to: method, id, ...outcome }));
  }

  /** Bytes as they are. */
  write(bytes: Uint8Array | string): void {
    if (this.#stream.writable.writable) this.#stream.writable.write(bytes);
  }

  /** Ends its own output; reading goes on. */
  end(): void {
    this.#stream.writable.end();
  }

  /** Is gone at once, without goodbye. */
  destroy(): void {
    this.#stream.writable.destroy();
    this.#stream.readable.destroy();
  }

  pause(): void {
    this.#stream.readable.pause();
  }

  resume(): void {
    this.#stream.readable.resume();
  }

  /** The first message, past or future, that passes. */
  waitFor(
    predicate: string | ((message: RegisterMessage) => boolean),
    limitMs = 45_000,
  ): Promise<RegisterMessage> {
    const passes =
      typeof predicate === 'string' ? (message: RegisterMessage) => message.method === predicate : predicate;
    return new Promise((resolve, reject) => {
      let next = 0;
      const settle = (run: () => void) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        run();
      };
      const look = () => {
        for (; next < this.received.length; next += 1) {
          const message = this.received[next];
          if (message !== undefined && passes(message)) return settle(() => resolve(message));
        }
        if (this.isClosed || this.faults.length > 0) settle(() => reject(this.#lost()));
      };
      const timer = setTimeout(
        () => settle(() => reject(new Error(`register: nothing in ${limitMs} ms that passes ${predicate}`))),
        limitMs,
      );
      this.#watchers.add(look);
      look();
    });
  }

  // The stream's side.

  #read(chunk: Buffer): void {
    if (this.faults.length > 0) return;
    this.#rest.push(chunk);
    this.#restBytes += chunk.length;
    while (this.#restBytes >= this.#neededBytes && this.faults.length === 0) {
      const rest = this.#rest.length === 1 ? (this.#rest[0] as Buffer) : Buffer.concat(this.#rest);
      const used = this.#frame(rest);
      const left = rest.subarray(used);
      this.#rest = left.length > 0 ? [left] : [];
      this.#restBytes = left.length;
    }
    for (const look of [...this.#watchers]) look();
  }

  /** Takes one frame, or learns how many bytes it needs; says how many bytes were used up. */
  #frame(bytes: Buffer): number {
    const head = bytes.toString('latin1', 0, HEAD_BYTES);
    if (!/^[0-9a-f]{8}:$/.test(head)) return this.#fault(`no frame begins with ${JSON.stringify(head)}`);
    const length = Number.parseInt(head.slice(0, 8), 16);
    if (length > MAX_JSON_BYTES) return this.#fault(`a frame of ${length} bytes`);
    const end = HEAD_BYTES + length;
    if (bytes.length < end + 1) {
      this.#neededBytes = end + 1;
      return 0;
    }
    this.#neededBytes = HEAD_BYTES;
    if (bytes[end] !== 0x0a) return this.#fault('a frame does not end with a newline');
    const text = bytes.toString('latin1', HEAD_BYTES, end);
    if (/[^ -~]/.test(text)) return this.#fault(`a frame is not plain ASCII: ${text.slice(0, 200)}`);
    this.#message(text);
    return end + 1;
  }

  #message(text: string): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      this.#fault(`a frame holds no JSON: ${text.slice(0, 200)}`);
      return;
    }
    const wrong = whyRefused(value);
    if (wrong !== undefined) {
      this.#fault(`${wrong}: ${text.slice(0, 200)}`);
      return;
    }
    const { id, method, params, result, error, response_to } = value as RegisterMessage;
    const message: RegisterMessage = {
      text,
      atMs: performance.now() - this.#startMs,
      ...(id !== undefined && { id }),
      ...(method !== undefined && { method }),
      ...(params !== undefined && { params }),
      ...(result !== undefined && { result }),
      ...(error !== undefined && { error }),
      ...(response_to !== undefined && { response_to }),
    };
    this.received.push(message);
    if (message.method !== undefined) this.#asked(message);
    else this.#answered(message);
  }

  #asked(message: RegisterMessage): void {
    if (message.method === '_CloseReason') {
      const { error } = message.params ?? {};
      this.closeReason ??= error as unknown as ErrorObject;
    }
    if (message.id === undefined) return;
    if (message.method === '_Keepalive' || message.method === '_Sync') {
      if (this.answersKeepalive) this.respond(message, {});
      return;
    }
    const answer = this.onRequest?.(message);
    if (answer !== undefined) this.respond(message, answer);
  }

  #answered(message: RegisterMessage): void {
    const waiting = this.#pending.get(message.id ?? '');
    if (waiting === undefined) this.unexpected.push(message);
    else {
      this.#pending.delete(message.id ?? '');
      waiting.resolve(message);
    }
  }

  #fault(text: string): number {
    this.faults.push(text);
    this.#rejectAll();
    return 0;
  }

  #close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.#restBytes > 0 && this.faults.length === 0) this.faults.push('the input ends inside a frame');
    this.#rejectAll();
    this.#markClosed();
  }

  #rejectAll(): void {
    for (const waiting of this.#pending.values()) waiting.reject(this.#lost());
    this.#pending.clear();
    for (const look of [...this.#watchers]) look();
  }

  #lost(): Error {
    const why = this.faults[0] ?? this.closeReason?.message ?? 'the connection ended';
    return new Error(`register: ${why}`);
  }
}

/** What the register software in the field calls fatal, in words; undefined when all is well. */
function whyRefused(value: unknown): string | undefined {
  if (!isObject(value)) return 'a message is no object';
  if (value.jsonrpc !== '2.0') return 'jsonrpc is not "2.0"';
  const has = (name: string) => Object.hasOwn(value, name);
  if (has('id') && typeof value.id !== 'string') return 'an id is no string';
  if (has('method')) {
    if (typeof value.method !== 'string') return 'a method is no string';
    if (!isObject(value.params)) return 'params are no object';
    return has('result') || has('error') ? 'a request has a result or an error' : undefined;
  }
  if (!has('id') || has('params')) return 'neither a request nor a response';
  if (has('response_to') && typeof value.response_to !== 'string') return 'response_to is no string';
  if (has('result')) {
    if (has('error')) return 'a result and an error at once';
    return isObject(value.result) ? undefined : 'a result is no object';
  }
  const error = value.error;
  if (!isObject(error)) return 'an error is no object';
  if (!Number.isInteger(error.code)) return 'an error code is no integer';
  if (typeof error.message !== 'string') return 'an error message is no string';
  const data = error.data;
  if (!isObject(data)) return 'error data are no object';
  if (typeof data.string_code !== 'string' || data.string_code === '') return 'an error has no string_code';
  return typeof data.details === 'string' ? undefined : 'an error has no details';
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The members that are looked at, as unknown as they come. */
type Members = Partial<
  Record<
    | 'jsonrpc'
    | 'id'
    | 'method'
    | 'params'
    | 'result'
    | 'error'
    | 'response_to'
    | 'code'
    | 'message'
    | 'data'
    | 'string_code'
    | 'details',
    unknown
  >
>;
