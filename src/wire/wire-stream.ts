import { Duplex } from 'node:stream';
import type { Wire } from './wire.ts';

/** A stream wire as a stream of Node.js, for libraries that want one. It takes the wire over, and starts it. */
export class WireStream extends Duplex {
  readonly #wire: Wire;
  #isClosed = false;
  #closed: (() => void) | undefined;

  constructor(wire: Wire) {
    super({ allowHalfOpen: true });
    this.#wire = wire;
    wire.start({
      chunk: (bytes) => {
        if (!this.push(Buffer.from(bytes))) wire.pause();
      },
      end: () => this.push(null),
      closed: (fault) => {
        this.#isClosed = true;
        this.#closed?.();
        this.destroy(fault);
      },
    });
  }

  override _read(): void {
    this.#wire.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (fault?: Error | null) => void): void {
    this.#wire.write(bytes, done);
  }

  override _final(done: () => void): void {
    this.#wire.endOutput();
    done();
  }

  override _destroy(fault: Error | null, done: (fault: Error | null) => void): void {
    if (this.#isClosed) {
      done(fault);
      return;
    }
    this.#closed = () => done(fault);
    this.#wire.destroy();
  }
}
