import { constants, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { type EcrMessage, encodeFrame, readMessage } from '../../src/dialect/ecr-eft/frame.ts';
import { ACK, FrameDecoder } from '../../src/dialect/ecr-eft/frame-decoder.ts';

const STUCK_MS = 45_000;

/** A register of ECR-EFT, frame by frame: what it gets is written down, and acknowledged unless told otherwise. */
export class EcrRegister {
  /** ACK, NAK, or `TOKEN TYPE field,field`, in order. */
  readonly heard: string[] = [];
  isClosed = false;
  readonly #writable: Writable;
  readonly #acknowledges: boolean;
  #look: () => void = () => {};

  constructor(
    { readable, writable }: { readonly readable: Readable; readonly writable: Writable },
    { acknowledges = true } = {},
  ) {
    this.#writable = writable;
    this.#acknowledges = acknowledges;
    const decoder = new FrameDecoder();
    readable.on('data', (bytes: Buffer) => {
      decoder.push(bytes, {
        frame: (content) => {
          if (this.#acknowledges) this.write(Buffer.from([ACK]));
          this.#hear(shown(content));
        },
        rejected: (why) => this.#hear(`rejected ${why}`),
        acknowledged: () => this.#hear('ACK'),
        refused: () => this.#hear('NAK'),
      });
    });
    readable.on('error', () => {});
    writable.on('error', () => {});
    readable.on('close', () => {
      this.isClosed = true;
      this.#look();
    });
  }

  write(bytes: Buffer): void {
    this.#writable.write(bytes);
  }

  send(token: number, type: string, ...fields: string[]): void {
    this.write(encodeFrame({ token, type, fields: fields.map((field) => Buffer.from(field, 'latin1')) }));
  }

  /** A sale of 9.28 PLN. */
  sell(token: number, paymentId: string): void {
    this.send(token, 'S1', 'S', 'ABC1234567890', paymentId, '928', '828', '100', 'PLN', '0', '30000');
  }

  /** The first that matches, or `undefined` when the connection closes without. */
  async waitFor(wanted: RegExp, count = 1): Promise<string | undefined> {
    const found = await this.#until(() => this.heard.filter((one) => wanted.test(one)).length >= count);
    return found ? this.heard.filter((one) => wanted.test(one))[count - 1] : undefined;
  }

  async closed(): Promise<void> {
    await this.#until(() => this.isClosed);
  }

  end(): void {
    this.#writable.end();
  }

  #hear(what: string): void {
    this.heard.push(what);
    this.#look();
  }

  /** False when it is closed before. */
  #until(isTrue: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const stuck = setTimeout(() => reject(new Error(`heard only ${JSON.stringify(this.heard)}`)), STUCK_MS);
      this.#look = () => {
        if (!isTrue() && !this.isClosed) return;
        clearTimeout(stuck);
        this.#look = () => {};
        resolve(isTrue());
      };
      this.#look();
    });
  }
}

/** One end of a pseudo-terminal as a stream. */
export function openPty(path: string): { readable: Readable; writable: Writable; close(): void } {
  const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
  const port = new ReadStream(openSync(path, O_RDWR | O_NOCTTY | O_NONBLOCK), {
    // The type leaves out what every net.Socket can.
    writable: true,
  } as never);
  port.on('error', () => {});
  return { readable: port, writable: port as never, close: () => port.destroy() };
}

function shown(content: Buffer): string {
  const read = readMessage(content);
  if (!read.ok) return `unreadable: ${read.why}`;
  const { token, type, fields }: EcrMessage = read.message;
  const texts = fields.map((field) => field.toString('latin1')).join(',');
  return `${token.toString(16).toUpperCase()} ${type}${texts === '' ? '' : ` ${texts}`}`;
}
