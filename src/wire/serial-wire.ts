import { type OnLineError, unmarkedWire } from './line-wire.ts';
import type { SerialPortHandle } from './serial-open.ts';
import { ttyWire } from './tty-wire.ts';
import type { Wire, WireEvents } from './wire.ts';
import { WireFault } from './wire-fault.ts';
import { WireLife } from './wire-life.ts';

/**
 * An open serial port as a wire.
 *
 * A line has no end: `endOutput` only refuses further writes, the peer notices nothing, and input goes on until
 * `destroy`. Destroyed with nothing under way, the line is closed when the kernel has transmitted what it took, after 2
 * s at most; with a write under way what is left is discarded. A line that hangs up closes with WIRE_UNPLUGGED.
 */
export class SerialWire implements Wire {
  readonly framing = 'stream';
  readonly peer = { text: 'serial' };
  readonly isLine = true;
  readonly #life = new WireLife();
  readonly #line: Wire;
  #isCut = false;

  constructor(port: SerialPortHandle, onLineError: OnLineError | undefined) {
    const release = (done: () => void) => void this.#giveBack(port).then(done);
    this.#line = unmarkedWire(ttyWire({ fd: port.fd, peer: this.peer, release }, 'both'), onLineError);
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
    this.#line.start({
      chunk: (bytes) => this.#life.chunk(bytes),
      end: () => {
        this.#unplugged();
        this.#line.destroy();
      },
      closed: (fault) => {
        if (fault !== undefined) this.#unplugged(fault);
        this.#life.close();
      },
    });
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    if (!this.#life.take(done)) return;
    this.#line.write(bytes, (fault) => {
      if (fault === undefined) this.#life.taken();
    });
  }

  pause(): void {
    this.#line.pause();
  }

  resume(): void {
    this.#line.resume();
  }

  endOutput(): void {
    this.#life.endOutput();
  }

  destroy(): void {
    if (this.#life.doom()) this.#isCut = this.#life.isWriting;
    this.#line.destroy();
  }

  /** Closes without transmitting what the kernel still holds. */
  reset(): void {
    if (this.#life.doom()) this.#isCut = true;
    this.#line.destroy();
  }

  #unplugged(cause?: Error): void {
    if (this.#life.doom(new WireFault('WIRE_UNPLUGGED', undefined, { cause }))) this.#isCut = true;
  }

  async #giveBack(port: SerialPortHandle): Promise<void> {
    // Closing a line that holds output would wait for half a minute.
    if (this.#isCut || !(await port.drain(DRAIN_LIMIT_MS))) await port.flush();
    await port.close();
  }
}

const DRAIN_LIMIT_MS = 2000;
