import type { Duplex } from 'node:stream';
import { encodeLengthPrefixed, LengthPrefixedDecoder } from '../../../src/frame/length-prefixed.ts';
import type { Any } from './kit.ts';

/** A register that speaks nexo with a length in front of each message, over any stream. */
export class NexoRegister {
  readonly received: Any[] = [];
  readonly ended: Promise<void>;
  isOver = false;
  readonly #stream: Duplex;
  readonly #watchers = new Set<() => void>();

  constructor(stream: Duplex) {
    this.#stream = stream;
    const decoder = new LengthPrefixedDecoder({ maxMessageBytes: 1 << 24 });
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      decoder.push(chunk, {
        message: (bytes) => this.received.push(JSON.parse(bytes.toString())),
        rejected: (why) => this.received.push({ rejected: why }),
      });
      this.#look();
    });
    this.ended = new Promise((resolve) => {
      const over = () => {
        this.isOver = true;
        this.#look();
        resolve();
      };
      stream.on('end', over).on('close', over);
    });
  }

  send(message: object): void {
    this.#stream.write(encodeLengthPrefixed(Buffer.from(JSON.stringify(message))));
  }

  /** Asks, and resolves with the response's body. */
  async ask(message: Any): Promise<Any> {
    this.send(message);
    const { ServiceID, SaleID } = message.SaleToPOIRequest.MessageHeader;
    return this.response(ServiceID, SaleID);
  }

  /** The body of the response to a service; rejects when the connection ends without. */
  response(ServiceID: string, SaleID = 'POS1'): Promise<Any> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const at = this.received.findIndex(({ SaleToPOIResponse: response }) => {
          const header = response?.MessageHeader;
          return (
            header?.ServiceID === ServiceID && header.SaleID === SaleID && header.MessageClass === 'Service'
          );
        });
        if (at === -1 && !this.isOver) return;
        this.#watchers.delete(look);
        if (at === -1) {
          reject(new Error(`the connection ended without a response to ${ServiceID}`));
          return;
        }
        const [found] = this.received.splice(at, 1);
        const { MessageHeader, ...bodies } = found.SaleToPOIResponse;
        resolve(Object.values(bodies)[0]);
      };
      this.#watchers.add(look);
      look();
    });
  }

  close(): void {
    this.#stream.destroy();
  }

  #look(): void {
    for (const look of [...this.#watchers]) look();
  }
}
