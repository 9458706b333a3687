import type { Clock } from '../base/clock.ts';
import type { Beside, BesideEvents } from '../dialect/dialect.ts';
import { Speaker } from '../wire/speaker.ts';
import type { Wire } from '../wire/wire.ts';

/**
 * A second connection to a peer, on another port: opening → open → closed. What is sent while it opens waits for
 * it.
 */
export class BesideLine implements Beside {
  readonly #events: BesideEvents;
  readonly #giveUp = new AbortController();
  #speaker: Speaker | undefined;
  #waiting: Uint8Array[] = [];
  #isClosed = false;

  constructor(open: (signal: AbortSignal) => Promise<Wire>, clock: Clock, events: BesideEvents) {
    this.#events = events;
    open(this.#giveUp.signal).then(
      (wire) => this.#opened(wire, clock),
      () => this.#closed(),
    );
  }

  send(bytes: Uint8Array): void {
    if (this.#speaker === undefined) this.#waiting.push(bytes);
    else this.#speaker.send(bytes, 'normal');
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#giveUp.abort();
    this.#speaker?.finish({ limit: 'from now' });
  }

  #opened(wire: Wire, clock: Clock): void {
    if (this.#isClosed) {
      wire.destroy();
      return;
    }
    const nothing = () => {};
    this.#speaker = new Speaker(
      wire,
      { clock, peer: 'the other port' },
      {
        chunk: (bytes) => !this.#isClosed && this.#events.received(bytes),
        inputEnded: () => this.#closed(),
        congested: nothing,
        lost: () => this.#closed(),
        closed: nothing,
      },
    );
    this.#speaker.start();
    for (const bytes of this.#waiting.splice(0)) this.#speaker.send(bytes, 'normal');
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.closed();
  }
}
