import { deferred } from '../base/deferred.ts';
import type { Wire } from '../wire/wire.ts';

/** How much may wait for a reader; who is further behind is cut off. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * Lines onto a wire, several in one write: idle ⇄ writing → closed. Its input is paused while it writes.
 */
export class LineOutput {
  readonly #wire: Wire;
  readonly #isClosed = deferred<void>();
  #waiting: Buffer[] = [];
  #written: (() => void)[] = [];
  #waitingBytes = 0;
  #state: 'idle' | 'writing' | 'closed' = 'idle';
  #isEnding = false;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** `written` is called when the wire has taken the line, if it ever does. */
  write(line: Buffer, written?: () => void): void {
    if (this.#state === 'closed' || this.#isEnding) return;
    this.#waiting.push(line);
    if (written !== undefined) this.#written.push(written);
    this.#waitingBytes += line.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#wire.destroy();
    else this.#flush();
  }

  /** Ends the output when all is written, then the wire. Resolves when that is closed. */
  finish(): Promise<void> {
    this.#isEnding = true;
    if (this.#state === 'idle') this.#end();
    return this.#isClosed.promise;
  }

  destroy(): void {
    this.#wire.destroy();
  }

  /** The wire is closed. */
  closed(): void {
    this.#state = 'closed';
    this.#waiting = [];
    this.#written = [];
    this.#isClosed.resolve();
  }

  #flush(): void {
    if (this.#state !== 'idle') return;
    if (this.#waiting.length === 0) {
      if (this.#isEnding) this.#end();
      return;
    }
    this.#state = 'writing';
    this.#wire.pause();
    const bytes = Buffer.concat(this.#waiting);
    const written = this.#written;
    this.#waiting = [];
    this.#written = [];
    this.#waitingBytes = 0;
    this.#wire.write(bytes, (fault) => {
      if (fault !== undefined || this.#state === 'closed') return; // `closed` follows or came already
      this.#state = 'idle';
      this.#wire.resume();
      this.#flush();
      for (const tell of written) tell();
    });
  }

  #end(): void {
    this.#wire.endOutput();
    this.#wire.destroy();
  }
}
