import { LineDecoder } from '../frame/lines.ts';
import { type Message, parseMessage } from '../rpc/message.ts';
import type { OutcomeText as Answer } from '../rpc/outcome.ts';
import type { Wire, WireEvents } from '../wire/wire.ts';
import { LineOutput } from './line-output.ts';

/** Whom an answer goes to: a request's `connection` as it was given, and its id as written. */
export interface Reply {
  readonly connection: string | undefined;
  readonly idText: string;
}

/** Whom a request of the terminal goes to, and the id that its answer comes back with. */
export interface Asked {
  readonly connection: string | undefined;
  readonly id: string;
}

/** An application's end of one or more attachments. What is sent after the end goes nowhere. */
export interface ApplicationEnd {
  /** Who is at the other end, as far as the transport knows. */
  readonly peer: string;
  answer(reply: Reply, answer: Answer): void;
  notify(connection: string | undefined, method: string, params: object): void;
  /** A request of the terminal; `params` are JSON. */
  ask(to: Asked, method: string, params: string): void;
  /** A notification whose `params` are JSON; `written` is called when it has left, if it ever does. */
  tell(connection: string | undefined, method: string, params: string, written: () => void): void;
  /** Resolves when all is written and the end is closed. */
  finish(): Promise<void>;
  /** Closes at once; what is not written is lost. */
  destroy(): void;
}

/** Who speaks through ends. Buffers are valid only during the call. */
export interface Receiver {
  receive(message: Message, connection: string | undefined, end: ApplicationEnd): void;
  closed(end: ApplicationEnd): void;
}

const MAX_LINE_BYTES = 1024 * 1024;

/**
 * One attachment: lines in, lines out, on one wire, until it closes. When its input ends, what waits is still written.
 * While output is being taken no input is read, so whoever does not read is not asked for more.
 */
export class LineEnd implements ApplicationEnd {
  readonly peer: string;
  readonly #wire: Wire;
  readonly #output: LineOutput;

  constructor(wire: Wire, receiver: Receiver) {
    this.peer = wire.peer.text;
    this.#wire = wire;
    this.#output = new LineOutput(wire);
    readMessages(wire, {
      message: (message, connection) => receiver.receive(message, connection, this),
      end: () => void this.#output.finish(),
      closed: () => {
        this.#output.closed();
        receiver.closed(this);
      },
    });
  }

  answer({ connection, idText }: Reply, { kind, text }: Answer): void {
    this.#output.write(answerLine(connection, idText, kind, text));
  }

  notify(connection: string | undefined, method: string, params: object): void {
    this.#output.write(notificationLine(connection, method, JSON.stringify(params)));
  }

  ask(to: Asked, method: string, params: string): void {
    this.#output.write(requestLine(to, method, params));
  }

  tell(connection: string | undefined, method: string, params: string, written: () => void): void {
    this.#output.write(notificationLine(connection, method, params), written);
  }

  finish(): Promise<void> {
    return this.#output.finish();
  }

  destroy(): void {
    this.#wire.destroy();
  }
}

/** Where a wire's lines go; what cannot be read is skipped. */
export interface MessageEvents extends Pick<WireEvents, 'end' | 'closed'> {
  message(message: Message, connection: string | undefined): void;
}

/** Starts a wire and reads what it brings. */
export function readMessages(wire: Wire, events: MessageEvents): void {
  const decoder = new LineDecoder({ maxLineBytes: MAX_LINE_BYTES });
  const sink = {
    line: (bytes: Buffer) => {
      const parsed = parseMessage(bytes, 'line');
      if (parsed.ok) events.message(parsed.message, parsed.connection);
    },
    overlong: () => {},
  };
  wire.start({
    chunk: (bytes) => decoder.push(bytes, sink),
    end: () => events.end(),
    closed: (fault) => events.closed(fault),
  });
}

export function answerLine(
  connection: string | undefined,
  idText: string,
  kind: 'result' | 'error',
  text: Buffer,
): Buffer {
  return line(connection, `"id":${idText},"${kind}":`, text);
}

export function notificationLine(connection: string | undefined, method: string, params: string): Buffer {
  return line(connection, `"method":${JSON.stringify(method)},"params":`, Buffer.from(params));
}

export function requestLine({ connection, id }: Asked, method: string, params: string): Buffer {
  const named = `"id":${JSON.stringify(id)},"method":${JSON.stringify(method)}`;
  return line(connection, `${named},"params":`, Buffer.from(params));
}

function line(connection: string | undefined, middle: string, value: Buffer): Buffer {
  const name = connection === undefined ? '' : `"connection":${JSON.stringify(connection)},`;
  return Buffer.concat([Buffer.from(`{${name}"jsonrpc":"2.0",${middle}`), value, LINE_END]);
}

const LINE_END = Buffer.from('}\n');
