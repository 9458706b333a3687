import { LineDecoder } from '../frame/lines.ts';
import { type Message, parseMessage } from '../rpc/message.ts';
import type { Wire } from '../wire/wire.ts';

const MAX_LINE_BYTES = 1024 * 1024;

/** Whom an answer goes to: a request's `connection` as it was given, and its id as written. */
export interface Reply {
  readonly connection: string | undefined;
  readonly idText: string;
}

/**
 * An application's end of an attachment: lines in, lines out, on one wire, until it closes. Lines that cannot be read
 * are skipped; what is sent after the end goes nowhere. While output is being taken no input is read, so whoever
 * does not read is not asked for more.
 */
export class LineEnd {
  readonly #wire: Wire;
  #waiting: Buffer[] = [];
  #state: 'idle' | 'writing' | 'closed' = 'idle';

  constructor(wire: Wire, receive: (message: Message, connection: string | undefined) => void) {
    this.#wire = wire;
    const decoder = new LineDecoder({ maxLineBytes: MAX_LINE_BYTES });
    const sink = {
      line: (bytes: Buffer) => {
        const parsed = parseMessage(bytes, 'line');
        if (parsed.ok) receive(parsed.message, parsed.connection);
      },
      overlong: () => {},
    };
    wire.start({
      chunk: (bytes) => decoder.push(bytes, sink),
      end: () => wire.destroy(),
      closed: () => {
        this.#state = 'closed';
        this.#waiting = [];
      },
    });
  }

  answer({ connection, idText }: Reply, kind: 'result' | 'error', text: Buffer): void {
    this.#send(connection, `"id":${idText},"${kind}":`, text);
  }

  notify(connection: string | undefined, method: string, params: object): void {
    this.#send(
      connection,
      `"method":${JSON.stringify(method)},"params":`,
      Buffer.from(JSON.stringify(params)),
    );
  }

  #send(connection: string | undefined, middle: string, value: Buffer): void {
    if (this.#state === 'closed') return;
    const name = connection === undefined ? '' : `"connection":${JSON.stringify(connection)},`;
    this.#waiting.push(Buffer.from(`{${name}"jsonrpc":"2.0",${middle}`), value, LINE_END);
    this.#flush();
  }

  #flush(): void {
    if (this.#state !== 'idle' || this.#waiting.length === 0) return;
    this.#state = 'writing';
    this.#wire.pause();
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#wire.write(bytes, (fault) => {
      if (fault !== undefined || this.#state === 'closed') return; // `closed` follows or came already
      this.#state = 'idle';
      this.#wire.resume();
      this.#flush();
    });
  }
}

const LINE_END = Buffer.from('}\n');
