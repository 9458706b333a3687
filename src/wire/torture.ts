import { setImmediate } from 'node:timers';
import { ByteLengthParser } from '@serialport/parser-byte-length';
import type { Peer, Wire, WireEvents } from './wire.ts';
import { WireLife } from './wire-life.ts';

/**
 * The same wire at its worst, for tests: every chunk of input is one byte, and output is handed to the transport a byte
 * at a time. A wire with message borders has no such worst case and is returned as it is.
 */
export function tortureWire(wire: Wire): Wire {
  return wire.framing === 'stream' ? new TortureWire(wire) : wire;
}

/**
 * Input waits in the parser; while that holds more than it wants, the wire is paused.
 *
 *   open ──wire closed──▶ draining ──last byte passed on──▶ closed
 *                             └──paused, with a fault: the rest is dropped──▶ closed
 */
class TortureWire implements Wire {
  readonly framing = 'stream';
  readonly peer: Peer;
  readonly isLine: boolean;
  readonly #wire: Wire;
  readonly #life = new WireLife();
  /** Without `readableObjectMode` bytes that wait would be joined again. */
  readonly #bytes = new ByteLengthParser({ length: 1, readableObjectMode: true });
  #isPaused = false;
  #isFull = false;
  #inputEnded = false;
  #outputEnds = false;
  /** How the wire closed. */
  #closing: { readonly fault: Error | undefined } | undefined;

  constructor(wire: Wire) {
    this.#wire = wire;
    this.peer = wire.peer;
    this.isLine = wire.isLine ?? false;
  }

  start(events: WireEvents): void {
    this.#life.begin(events);
    this.#bytes.on('data', (byte: Buffer) => {
      if (byte.length > 0) this.#life.chunk(byte);
    });
    this.#bytes.on('drain', () => {
      this.#isFull = false;
      this.#flow();
    });
    this.#bytes.on('end', () => {
      if (this.#inputEnded) this.#life.end();
      if (this.#closing !== undefined) this.#close();
    });
    this.#flow();
    this.#wire.start({
      chunk: (bytes) => {
        if (this.#life.isDoomed) return;
        // A copy, for it may wait beyond the call.
        this.#isFull = !this.#bytes.write(Buffer.from(bytes));
        this.#flow();
      },
      end: () => {
        this.#inputEnded = true;
        this.#bytes.end();
      },
      closed: (fault) => this.#wireClosed(fault),
    });
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    if (!this.#life.take(done)) return;
    let at = 0;
    const writeNext = () => {
      at += 1;
      this.#wire.write(bytes.subarray(at - 1, at), (fault) => {
        if (fault !== undefined) return; // closing settles it
        if (at < bytes.length && !this.#life.isDoomed) writeNext();
        else this.#written();
      });
    };
    writeNext();
  }

  pause(): void {
    this.#isPaused = true;
    this.#flow();
    if (this.#closing?.fault !== undefined) setImmediate(() => this.#close());
  }

  resume(): void {
    this.#isPaused = false;
    this.#flow();
  }

  endOutput(): void {
    if (!this.#life.endOutput()) return;
    this.#outputEnds = true;
    if (!this.#life.isWriting) this.#wire.endOutput();
  }

  destroy(): void {
    this.#giveUp();
    this.#wire.destroy();
  }

  reset(): void {
    this.#giveUp();
    if (this.#wire.reset === undefined) this.#wire.destroy();
    else this.#wire.reset();
  }

  #giveUp(): void {
    this.#life.doom();
    this.#bytes.destroy();
    if (this.#closing !== undefined) setImmediate(() => this.#close());
  }

  #written(): void {
    this.#life.taken();
    if (this.#outputEnds) this.#wire.endOutput();
  }

  #flow(): void {
    if (!this.#life.isStarted) return;
    if (this.#isPaused) this.#bytes.pause();
    else this.#bytes.resume();
    if (this.#isPaused || this.#isFull) this.#wire.pause();
    else this.#wire.resume();
  }

  #wireClosed(fault: Error | undefined): void {
    this.#closing = { fault };
    const isDone = this.#bytes.readableEnded || this.#life.isDoomed;
    if (isDone || (this.#isPaused && fault !== undefined)) this.#close();
    else if (!this.#inputEnded) this.#bytes.end();
  }

  #close(): void {
    if (this.#closing?.fault !== undefined) this.#life.doom(this.#closing.fault);
    this.#bytes.destroy();
    this.#life.close();
  }
}
