import type { Clock } from '../base/clock.ts';
import { LineDecoder } from '../frame/lines.ts';
import { parseMessage } from '../rpc/message.ts';
import { OutputQueue } from '../wire/output-queue.ts';
import type { Wire } from '../wire/wire.ts';

const MAX_LINE_BYTES = 1024 * 1024;

export type Members = Readonly<Record<string, unknown>>;

/** What a bridge says, for the connection that it names. */
export type SimulatorMessage = { readonly connection: string } & (
  | { readonly kind: 'request'; readonly idText: string; readonly method: string; readonly params: Members }
  | { readonly kind: 'notification'; readonly method: string; readonly params: Members }
  | { readonly kind: 'result' | 'error'; readonly id: string; readonly value: Members }
);

export interface SimulatorLineEvents {
  message(message: SimulatorMessage): void;
  closed(): void;
  /** Every line as it crosses; it may hold secrets. */
  crossed?(direction: 'in' | 'out', text: string): void;
}

/** An application's end of one wire: a JSON-RPC object a line. What cannot be read is skipped. */
export class SimulatorLine {
  readonly #output: OutputQueue;
  readonly #events: SimulatorLineEvents;
  readonly #wire: Wire;

  constructor(wire: Wire, clock: Clock, events: SimulatorLineEvents) {
    this.#wire = wire;
    this.#events = events;
    this.#output = new OutputQueue(wire, {
      clock,
      onHigh: (isHigh) => (isHigh ? wire.pause() : wire.resume()),
      onStalled: () => wire.destroy(),
    });
    const decoder = new LineDecoder({ maxLineBytes: MAX_LINE_BYTES });
    wire.start({
      chunk: (bytes) => decoder.push(bytes, { line: (line) => this.#receive(line), overlong: () => {} }),
      end: () => this.#output.end(() => wire.destroy()),
      closed: () => {
        this.#output.abandon();
        events.closed();
      },
    });
  }

  /** Members in the order that bridges write them. */
  send(line: Members): void {
    const text = JSON.stringify(line);
    this.#events.crossed?.('out', text);
    this.#output.push(Buffer.from(`${text}\n`), 'normal');
  }

  /** Answers a request under its id as written. */
  answer({ connection, idText }: { connection: string; idText: string }, answer: Members): void {
    this.send({ connection, jsonrpc: '2.0', id: JSON.parse(idText) as string | number, ...answer });
  }

  destroy(): void {
    this.#wire.destroy();
  }

  #receive(line: Buffer): void {
    const parsed = parseMessage(line, 'line');
    if (!parsed.ok) return;
    this.#events.crossed?.('in', line.toString());
    const { message, connection = '' } = parsed;
    if (message.kind === 'request' || message.kind === 'notification') {
      const params = JSON.parse(message.params.toString()) as Members;
      this.#events.message(
        message.kind === 'request'
          ? { kind: 'request', connection, idText: message.idText, method: message.method, params }
          : { kind: 'notification', connection, method: message.method, params },
      );
      return;
    }
    const value = JSON.parse(message.text.toString()) as Members;
    this.#events.message({ kind: message.kind, connection, id: message.id, value });
  }
}
