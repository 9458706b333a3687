import {
  type ApplicationEnd,
  type Asked,
  answerLine,
  notificationLine,
  type Receiver,
  type Reply,
  readMessages,
  requestLine,
} from '../application/line-end.ts';
import { LineOutput } from '../application/line-output.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Message } from '../rpc/message.ts';
import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';
import type { Wire } from '../wire/wire.ts';
import type { Answer } from './answer.ts';

/** How many connections' pipes are remembered. */
const MAX_CONNECTIONS = 4096;

export interface PipeEndOptions {
  readonly receiver: Receiver;
  readonly log: Logger;
  /** Opens a named pipe for writing; rejects when nobody reads it. */
  readonly openWriter: (path: string) => Promise<Wire>;
}

/**
 * An end of named pipes: several that are read, by whatever bridges write to them, and for each bridge one that is
 * written, which its `_Connected` names as the device channel. What is for a connection that has named none goes
 * nowhere.
 */
export class PipeEnd implements ApplicationEnd {
  readonly peer = 'pipe';
  readonly #options: PipeEndOptions;
  readonly #readers: readonly Wire[];
  /** By connection. */
  readonly #paths = new Map<string, string>();
  readonly #outputs = new Map<string, Promise<LineOutput | undefined>>();
  #open: number;
  #closed: () => void = () => {};
  readonly #isClosed = new Promise<void>((resolve) => {
    this.#closed = resolve;
  });

  constructor(readers: readonly Wire[], options: PipeEndOptions) {
    this.#readers = readers;
    this.#options = options;
    this.#open = readers.length;
    for (const reader of readers) {
      readMessages(reader, {
        message: (message, connection) => this.#receive(message, connection),
        end: () => reader.destroy(),
        closed: () => this.#readerClosed(),
      });
    }
  }

  answer({ connection, idText }: Reply, { kind, text }: Answer): void {
    this.#write(connection, answerLine(connection, idText, kind, text));
  }

  notify(connection: string | undefined, method: string, params: object): void {
    this.#write(connection, notificationLine(connection, method, JSON.stringify(params)));
  }

  ask(to: Asked, method: string, params: string): void {
    this.#write(to.connection, requestLine(to, method, params));
  }

  tell(connection: string | undefined, method: string, params: string, written: () => void): void {
    this.#write(connection, notificationLine(connection, method, params), written);
  }

  async finish(): Promise<void> {
    const outputs = await Promise.all(this.#outputs.values());
    await Promise.all(outputs.map((output) => output?.finish()));
    this.destroy();
    await this.#isClosed;
  }

  destroy(): void {
    for (const reader of this.#readers) reader.destroy();
    for (const output of this.#outputs.values()) void output.then((one) => one?.destroy());
  }

  #receive(message: Message, connection: string | undefined): void {
    if (message.kind === 'notification' && message.method === '_Connected' && connection !== undefined) {
      const path = devicePipeIn(message.params);
      if (path !== undefined) this.#remember(connection, path);
    }
    this.#options.receiver.receive(message, connection, this);
  }

  #remember(connection: string, path: string): void {
    this.#paths.delete(connection);
    this.#paths.set(connection, path);
    if (this.#paths.size <= MAX_CONNECTIONS) return;
    const [oldest] = this.#paths.keys();
    if (oldest !== undefined) this.#paths.delete(oldest);
  }

  #write(connection: string | undefined, line: Buffer, written?: () => void): void {
    const path = connection === undefined ? undefined : this.#paths.get(connection);
    if (path === undefined) {
      this.#options.log.warn('no pipe is known to answer to', { connection });
      return;
    }
    let output = this.#outputs.get(path);
    if (output === undefined) {
      output = this.#openOutput(path);
      this.#outputs.set(path, output);
    }
    void output.then((one) => one?.write(line, written));
  }

  async #openOutput(path: string): Promise<LineOutput | undefined> {
    try {
      const wire = await this.#options.openWriter(path);
      const output = new LineOutput(wire);
      wire.start({
        chunk: () => {},
        end: () => {},
        closed: () => {
          output.closed();
          this.#outputs.delete(path);
        },
      });
      return output;
    } catch (fault) {
      this.#options.log.warn('a pipe to answer to cannot be opened', { path, why: describeFault(fault) });
      this.#outputs.delete(path);
      return undefined;
    }
  }

  #readerClosed(): void {
    this.#open -= 1;
    if (this.#open > 0) return;
    this.#closed();
    this.#options.receiver.closed(this);
  }
}

/** `{"channels": {"device": "fifo:/run/pos/device.4711"}}` in `_Connected`. */
function devicePipeIn(params: Buffer): string | undefined {
  const [channels] = scanObject(params, ['channels']).values;
  if (channels === undefined || kindOf(channels) !== 'object') return undefined;
  const [device] = scanObject(channels, ['device']).values;
  if (device === undefined || kindOf(device) !== 'string') return undefined;
  const text = decodeString(device.toString());
  return text.startsWith('fifo:') ? text.slice('fifo:'.length) : undefined;
}
