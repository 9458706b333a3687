import type { Clock, Timer } from '../../../base/clock.ts';
import { dataParams } from './data.ts';
import type { Lane } from './lane.ts';
import type { LinkShare } from './link-share.ts';
import { Scheduler } from './scheduler.ts';

export interface OutletOptions {
  readonly clock: Clock;
  readonly share: LinkShare;
  /** Bytes that wait for the wire already. */
  readonly queuedBytes: () => number;
  /** Sends a `Data` notification with these params, which hold so many bytes. */
  readonly send: (params: string, bytes: number) => void;
}

/** Whose bytes go through an outlet. */
export interface LaneEvents {
  /** The lane holds little enough again. Only after `add` has said that it is full. */
  room(): void;
  /** All that it was given has been sent. Once, after `end`. */
  drained(): void;
}

interface LaneState extends LaneEvents {
  isEnding: boolean;
}

/**
 * Sends the bytes of all proxied connections over one link as `Data`, each in its turn: what waits waits here, where
 * others can be served before it, and not in the queue of the wire. `pump` must be called whenever the wire has taken
 * something.
 *
 * A lane: open ──end──▶ ending ──all sent──▶ drained; `close` from anywhere, and nothing is called any more.
 */
export class Outlet {
  readonly #options: OutletOptions;
  readonly #scheduler: Scheduler;
  readonly #lanes = new Map<Lane, LaneState>();
  #timer: Timer | undefined;
  #isPumping = false;
  #isClosed = false;

  constructor(options: OutletOptions) {
    this.#options = options;
    this.#scheduler = new Scheduler(options);
  }

  /** A transaction is running at the terminal. */
  set isBusy(isBusy: boolean) {
    this.#scheduler.isBusy = isBusy;
    this.pump();
  }

  open(lane: Lane, events: LaneEvents): void {
    this.#lanes.set(lane, {
      isEnding: false,
      room: () => events.room(),
      drained: () => events.drained(),
    });
    this.#scheduler.add(lane);
  }

  /** Bytes that belong to the outlet from now on. False: the lane is full; `room` says when it is no longer. */
  add(lane: Lane, bytes: Buffer): boolean {
    const state = this.#lanes.get(lane);
    if (state === undefined || state.isEnding) return true;
    lane.add(bytes);
    this.#scheduler.noteQueued(lane);
    this.pump();
    return !this.#scheduler.isFull(lane);
  }

  /** Nothing more will be added: `drained` follows, perhaps from inside. */
  end(lane: Lane): void {
    const state = this.#lanes.get(lane);
    if (state === undefined || state.isEnding) return;
    state.isEnding = true;
    this.#drainIfOver(lane);
  }

  /** Forgets a lane and what waits in it. */
  close(lane: Lane): void {
    lane.clear();
    this.#lanes.delete(lane);
    this.#scheduler.remove(lane);
  }

  /** Forgets everything; no timer is left. */
  closeAll(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const lane of [...this.#lanes.keys()]) this.close(lane);
  }

  /** Sends what may be sent now. */
  pump(): void {
    if (this.#isPumping || this.#isClosed) return;
    this.#isPumping = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    const { share, queuedBytes, send, clock } = this.#options;
    while (queuedBytes() <= share.aheadBytes) {
      const turn = this.#scheduler.next();
      if (turn === undefined || this.#isClosed) break;
      if (turn.kind === 'wait') {
        this.#timer = clock.after(turn.ms, () => this.pump());
        break;
      }
      const { lane, bytes } = turn;
      const taken = lane.take(bytes);
      const hasRoom = this.#scheduler.served(lane, bytes);
      send(dataParams(lane.id, taken), bytes);
      if (hasRoom) this.#lanes.get(lane)?.room();
      this.#drainIfOver(lane);
    }
    this.#isPumping = false;
  }

  #drainIfOver(lane: Lane): void {
    const state = this.#lanes.get(lane);
    if (state?.isEnding !== true || lane.queuedBytes > 0) return;
    this.close(lane);
    state.drained();
  }
}
