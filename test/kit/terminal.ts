import { createServer, type Server, type Socket } from 'node:net';
import type { Json, JsonObject } from './register.ts';
import { frameOf } from './register.ts';

/** A payment terminal for tests: it listens on TCP and speaks JSONPOS. Shares no code with src/. */

export interface TerminalMessage {
  readonly id?: string;
  readonly method?: string;
  readonly params?: JsonObject;
  readonly result?: JsonObject;
  readonly error?: { code: number; message: string; data: { [name: string]: Json } };
  /** The JSON text as it came. */
  readonly text: string;
}

/** How it writes: a byte at a time, each with a write of its own; everything of one turn in one write; as it comes. */
export type Manner = 'bytes' | 'glued' | 'plain';

/** An object is the result, an Error the error with its message as the code, undefined leaves it open. */
export type TerminalHandler = (
  request: TerminalMessage,
  connection: TerminalConnection,
) => JsonObject | Error | undefined;

export class TerminalConnection {
  readonly messages: TerminalMessage[] = [];
  readonly closed: Promise<void>;
  hasEnded = false;
  answersKeepalive = true;
  readonly #socket: Socket;
  readonly #manner: Manner;
  #glued = '';
  #input = Buffer.alloc(0);

  constructor(socket: Socket, manner: Manner, received: (message: TerminalMessage) => void) {
    this.#socket = socket;
    this.#manner = manner;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.#input = Buffer.concat([this.#input, chunk]);
      for (let message = this.#next(); message !== undefined; message = this.#next()) {
        this.messages.push(message);
        if (message.method === '_Keepalive' && this.answersKeepalive) this.answer(message, {});
        received(message);
      }
    });
    socket.on('end', () => {
      this.hasEnded = true;
      socket.end();
    });
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** Strict: what is no frame ends the test. */
  #next(): TerminalMessage | undefined {
    if (this.#input.length < 9) return undefined;
    const head = this.#input.toString('latin1', 0, 9);
    if (!/^[0-9a-f]{8}:$/.test(head)) throw new Error(`no frame: ${JSON.stringify(head)}`);
    const length = Number.parseInt(head, 16);
    if (this.#input.length < length + 10) return undefined;
    if (this.#input[length + 9] !== 10) throw new Error('a frame without its newline');
    const text = this.#input.toString('latin1', 9, length + 9);
    if (/[^ -~]/.test(text)) throw new Error('a frame that is not ASCII');
    this.#input = this.#input.subarray(length + 10);
    return { ...JSON.parse(text), text };
  }

  requests(method: string): TerminalMessage[] {
    return this.messages.filter((message) => message.method === method);
  }

  send(message: object): void {
    this.sendRaw(frameOf({ jsonrpc: '2.0', ...message }));
  }

  /** Text that goes out as UTF-8, as it is. */
  sendRaw(text: string): void {
    if (this.#manner === 'glued') {
      if (this.#glued === '') setImmediate(() => this.#flush());
      this.#glued += text;
    } else if (this.#manner === 'bytes') {
      for (const byte of Buffer.from(text)) this.#socket.write(Buffer.of(byte));
    } else this.#socket.write(text);
  }

  answer(request: TerminalMessage, answer: JsonObject | Error): void {
    const { id, method } = request;
    if (!(answer instanceof Error)) this.send({ id, response_to: method, result: answer });
    else {
      const data = { string_code: answer.message, details: `details of ${answer.message}` };
      this.send({ id, response_to: method, error: { code: 1, message: answer.message, data } });
    }
  }

  answerTo(id: string): TerminalMessage | undefined {
    return this.messages.find((message) => message.id === id && message.method === undefined);
  }

  /** The connection is broken off. */
  cut(): void {
    this.#socket.resetAndDestroy();
  }

  #flush(): void {
    this.#socket.write(this.#glued);
    this.#glued = '';
  }
}

export class TestTerminal {
  readonly connections: TerminalConnection[] = [];
  onRequest: TerminalHandler = () => undefined;
  manner: Manner = 'plain';
  readonly #server: Server;
  readonly #watchers = new Set<() => void>();
  #port = 0;

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const connection = new TerminalConnection(socket, this.manner, (message) => {
        const { id, method = '_' } = message;
        if (id !== undefined && !method.startsWith('_')) {
          const answer = this.onRequest(message, connection);
          if (answer !== undefined) connection.answer(message, answer);
        }
        this.#look();
      });
      this.connections.push(connection);
      void connection.closed.then(() => this.#look());
      this.#look();
    });
  }

  static async listen(): Promise<TestTerminal> {
    const terminal = new TestTerminal();
    await terminal.start();
    return terminal;
  }

  /** Listens, after `stop` on the same port. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    const address = this.#server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
  }

  /** Breaks off everything and listens no more. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const connection of this.connections) connection.cut();
    await closed;
  }

  get endpoint(): string {
    return `tcp:127.0.0.1:${this.#port}`;
  }

  get connection(): TerminalConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('nobody has connected');
    return connection;
  }

  /** Of all connections, in order. */
  requests(method: string): TerminalMessage[] {
    return this.connections.flatMap((connection) => connection.requests(method));
  }

  /** Resolves when it is so: looked at after every message and every change of a connection. */
  until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isSo()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of [...this.#watchers]) look();
  }
}
