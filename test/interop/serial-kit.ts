import { constants, openSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { ReadStream } from 'node:tty';
import { frameOf, type RegisterOptions, TestRegister } from '../kit/register.ts';

/** How long a register waits for the answer to its `_Sync` before it tries again. Shorter than in life. */
const SYNC_LIMIT_MS = 400;
const FILLER = '\n'.repeat(64);
let syncs = 0;

/**
 * A register at a serial line: it finds the stream's position as the protocol says (newlines, `_Sync`, everything
 * ignored up to the answer), and is strict from then on.
 */
export class SerialRegister {
  readonly #port: ReadStream;
  /** How often it has asked for synchronisation. */
  attempts = 0;
  #text = '';
  #speaking: PassThrough | undefined;
  #look: () => void = () => {};

  constructor(path: string) {
    const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
    this.#port = new ReadStream(openSync(path, O_RDWR | O_NOCTTY | O_NONBLOCK), {
      // The type leaves out what every net.Socket can.
      writable: true,
    } as never);
    this.#port.setMaxListeners(0); // every TestRegister on it listens for errors
    this.#port.on('error', () => {});
    this.#port.on('data', (bytes: Buffer) => {
      if (this.#speaking !== undefined) this.#speaking.write(bytes);
      else {
        this.#text += bytes.toString('latin1');
        this.#look();
      }
    });
  }

  write(bytes: string | Buffer): void {
    this.#port.write(bytes as never);
  }

  /** Forgets the connection that it has, and resolves with a new one. Tries until it works. */
  async synchronise(options?: RegisterOptions): Promise<TestRegister> {
    this.#speaking = undefined;
    for (;;) {
      const rest = await this.#ask();
      if (rest === undefined) continue;
      const speaking = new PassThrough();
      this.#speaking = speaking;
      const register = new TestRegister({ readable: speaking, writable: this.#port as never }, options);
      speaking.write(Buffer.from(rest, 'latin1'));
      return register;
    }
  }

  /** What stands behind the answer; undefined when none came in time. */
  #ask(): Promise<string | undefined> {
    syncs += 1;
    this.attempts += 1;
    const id = `sync-${process.pid}-${syncs}`;
    this.#text = '';
    this.write(`${FILLER}${frameOf({ jsonrpc: '2.0', id, method: '_Sync', params: {} })}`);
    return new Promise((resolve) => {
      const settle = (rest: string | undefined) => {
        clearTimeout(limit);
        this.#look = () => {};
        resolve(rest);
      };
      const limit = setTimeout(() => settle(undefined), SYNC_LIMIT_MS);
      this.#look = () => {
        const answer = new RegExp(`[0-9a-f]{8}:[^\\n]*"id":"${id}"[^\\n]*"result":{}}\\n`).exec(this.#text);
        if (answer !== null) settle(this.#text.slice(answer.index + answer[0].length));
      };
    });
  }

  close(): void {
    this.#port.destroy();
  }
}
