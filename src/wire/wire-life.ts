import { setImmediate } from 'node:timers';
import type { WireEvents } from './wire.ts';
import { WireFault } from './wire-fault.ts';

/**
 * What the life of every wire has in common; a carrier only says what happened to it.
 *
 *   open ──begin──▶ started ──doom(fault?)──▶ doomed ──close──▶ over
 *
 * `doom` is the decision (a fault, or `destroy`), the first one sticks and silences the input; `close` says
 * that every descriptor is back. It settles the write under way, then reports `closed`: at once, or after
 * `begin` if that comes later. The carrier calls `chunk`, `end` and `close` from turns of their own.
 */
export class WireLife {
  #events: WireEvents | undefined;
  #done: ((fault?: Error) => void) | undefined;
  #fault: Error | undefined;
  #isDoomed = false;
  #isOver = false;
  #hasEnded = false;
  #isDelivering = false;
  #outputHasEnded: boolean;

  constructor(options: { readonly hasOutput: boolean } = { hasOutput: true }) {
    this.#outputHasEnded = !options.hasOutput;
  }

  get isStarted(): boolean {
    return this.#events !== undefined;
  }

  get isDoomed(): boolean {
    return this.#isDoomed;
  }

  get isWriting(): boolean {
    return this.#done !== undefined;
  }

  get isDelivering(): boolean {
    return this.#isDelivering;
  }

  begin(events: WireEvents): void {
    if (this.#events !== undefined) throw new TypeError('a wire is started once');
    this.#events = events;
    if (this.#isOver) setImmediate(() => events.closed(this.#fault));
  }

  chunk(bytes: Buffer): void {
    if (this.#isDoomed || this.#isOver) return;
    this.#isDelivering = true;
    this.#events?.chunk(bytes);
    this.#isDelivering = false;
  }

  end(): void {
    if (this.#hasEnded || this.#isDoomed || this.#isOver) return;
    this.#hasEnded = true;
    this.#events?.end();
  }

  /** Begins a write. False: nothing may be handed to the carrier, `done` gets its fault from here. */
  take(done: (fault?: Error) => void): boolean {
    if (this.#done !== undefined) throw new TypeError('a wire takes one write at a time');
    this.#done = done;
    if (this.#isOver) setImmediate(() => this.#settle(this.#fault ?? new WireFault('WIRE_CLOSED')));
    else if (this.#isDoomed) return false;
    else if (this.#outputHasEnded) setImmediate(() => this.#settle(new WireFault('WIRE_OUTPUT_ENDED')));
    else return true;
    return false;
  }

  /**
   * The carrier has taken all of the write. After `doom` that is not believed, for Node reports success for
   * what it drops with a destroyed socket: `close` settles it.
   */
  taken(): void {
    if (!this.#isDoomed) this.#settle();
  }

  /** True once, for the carrier to end its output. */
  endOutput(): boolean {
    if (this.#outputHasEnded || this.#isDoomed || this.#isOver) return false;
    this.#outputHasEnded = true;
    return true;
  }

  /** False: it was decided before. */
  doom(fault?: Error): boolean {
    if (this.#isDoomed || this.#isOver) return false;
    this.#isDoomed = true;
    this.#fault = fault;
    return true;
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#settle(this.#fault ?? new WireFault('WIRE_CLOSED'));
    this.#events?.closed(this.#fault);
  }

  #settle(fault?: Error): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(fault);
  }
}
