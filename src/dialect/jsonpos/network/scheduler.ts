import type { Clock } from '../../../base/clock.ts';
import { TokenBucket } from '../../../base/token-bucket.ts';
import { frameBytesOf } from './data.ts';
import type { Lane } from './lane.ts';
import type { LinkShare } from './link-share.ts';

/** How long a connection that had more than its queue may hold counts as background. */
const BACKGROUND_MS = 5000;
/** While the terminal is busy, background connections are served this often, all together. */
const BUSY_INTERVAL_MS = 500;
/** One turn of so many goes to whoever waits longest, background or not. */
const TURNS = 4;
/** How late a timer may be, on a machine that is busy, without costing throughput: the link has run dry meanwhile. */
const SLACK_MS = 250;

/** `lane`: it may send now, at most `bytes`. `wait`: nobody may, for `ms`. Undefined: nobody wants to. */
export type Turn =
  | { readonly kind: 'lane'; readonly lane: Lane; readonly bytes: number }
  | { readonly kind: 'wait'; readonly ms: number };

interface Standing {
  /** The turn in which it was served last; 0: never. */
  servedIn: number;
  /** It has had more than its queue may hold, and still has more than half of that. */
  isFull: boolean;
  /** When that was so last; undefined: never. */
  fullMs: number | undefined;
}

/**
 * Whose `Data` goes out next, and when. Decides and sends nothing.
 *
 * Every turn goes to the connection that was served least recently, three of four to an interactive one if any waits:
 * one that has not been held back, for having more than its queue may hold, within the last 5 s. While the terminal is
 * busy, background ones get a turn twice a second: what a card payment needs goes ahead, and nothing stops altogether.
 */
export class Scheduler {
  readonly #clock: Clock;
  readonly #share: LinkShare;
  /** Tokens are bytes on the wire; undefined: there is no limit. */
  readonly #bucket: TokenBucket | undefined;
  readonly #lanes = new Map<Lane, Standing>();
  #turn = 0;
  #backgroundMs: number | undefined;
  /** A transaction is running. */
  isBusy = false;

  constructor({ clock, share }: { readonly clock: Clock; readonly share: LinkShare }) {
    this.#clock = clock;
    this.#share = share;
    if (Number.isFinite(share.dataRate)) {
      const { dataRate: ratePerS, dataBurst: burst } = share;
      this.#bucket = new TokenBucket({ ratePerS, burst, slackMs: SLACK_MS, clock });
    }
  }

  add(lane: Lane): void {
    this.#lanes.set(lane, { servedIn: 0, isFull: false, fullMs: undefined });
  }

  remove(lane: Lane): void {
    this.#lanes.delete(lane);
  }

  /** Bytes have come into a lane. */
  noteQueued(lane: Lane): void {
    const standing = this.#lanes.get(lane);
    if (standing === undefined || lane.queuedBytes <= this.#share.queueBytes) return;
    standing.isFull = true;
    standing.fullMs = this.#clock.nowMs();
  }

  /** It should get no more for the time being. */
  isFull(lane: Lane): boolean {
    return this.#lanes.get(lane)?.isFull === true;
  }

  next(): Turn | undefined {
    const nowMs = this.#clock.nowMs();
    const pauseMs = this.#backgroundPauseMs(nowMs);
    let interactive: Candidate | undefined;
    let background: Candidate | undefined;
    for (const [lane, standing] of this.#lanes) {
      if (lane.queuedBytes === 0) continue;
      if (this.#isBackground(standing, nowMs)) background = longerWaiting(background, lane, standing);
      else interactive = longerWaiting(interactive, lane, standing);
    }
    if (interactive === undefined && background === undefined) return undefined;
    const eligible = pauseMs === 0 ? background : undefined;
    const isForAll = this.#turn % TURNS === TURNS - 1;
    const chosen =
      isForAll && interactive !== undefined && eligible !== undefined
        ? longerWaiting(interactive, eligible.lane, eligible.standing)
        : (interactive ?? eligible);
    if (chosen === undefined) return { kind: 'wait', ms: pauseMs };
    const bytes = Math.min(chosen.lane.queuedBytes, this.#share.chunkBytes);
    const waitMs = this.#bucket?.msUntil(frameBytesOf(bytes)) ?? 0;
    return waitMs > 0 ? { kind: 'wait', ms: waitMs } : { kind: 'lane', lane: chosen.lane, bytes };
  }

  /** The turn was used: `bytes` have been taken from the lane. True: it was full, and has room again. */
  served(lane: Lane, bytes: number): boolean {
    const nowMs = this.#clock.nowMs();
    this.#turn += 1;
    this.#bucket?.take(frameBytesOf(bytes));
    const standing = this.#lanes.get(lane);
    if (standing === undefined) return false;
    standing.servedIn = this.#turn;
    if (this.#isBackground(standing, nowMs)) this.#backgroundMs = nowMs;
    if (!standing.isFull) return false;
    standing.fullMs = nowMs;
    standing.isFull = lane.queuedBytes > this.#share.queueBytes / 2;
    return !standing.isFull;
  }

  #isBackground({ isFull, fullMs }: Standing, nowMs: number): boolean {
    return isFull || (fullMs !== undefined && nowMs - fullMs < BACKGROUND_MS);
  }

  #backgroundPauseMs(nowMs: number): number {
    if (!this.isBusy || this.#backgroundMs === undefined) return 0;
    return Math.max(0, Math.ceil(this.#backgroundMs + BUSY_INTERVAL_MS - nowMs));
  }
}

interface Candidate {
  readonly lane: Lane;
  readonly standing: Standing;
}

function longerWaiting(known: Candidate | undefined, lane: Lane, standing: Standing): Candidate {
  return known !== undefined && known.standing.servedIn <= standing.servedIn ? known : { lane, standing };
}
