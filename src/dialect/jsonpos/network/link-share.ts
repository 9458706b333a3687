import { dataBytesIn } from './data.ts';

/** How the bytes of a link are shared out, all of it following from its speed. */
export interface LinkShare {
  /** Bytes a second of the link; infinite: as fast as it goes. */
  readonly linkSpeed: number;
  /** Bytes a second that `Data` may take, as they stand on the wire. */
  readonly dataRate: number;
  /** Bytes that `Data` may take at once after a silence. */
  readonly dataBurst: number;
  /** Bytes of a connection in one `Data`, at most. */
  readonly chunkBytes: number;
  /** A connection of which more waits is not read for the time being. */
  readonly queueBytes: number;
  /** While more than this waits for the wire, no `Data` is added to it. */
  readonly aheadBytes: number;
}

/** What a terminal has at least, and what is taken for the speed of one that does not say. */
export const LEAST_LINK_SPEED = 10_240;

/** What is left on the link for everything else, and for a backlog inside it to run dry. */
const DATA_SHARE = 0.95;
/** Seconds of the link. An answer to a keepalive waits for one frame, and for one burst inside the link. */
const FRAME_S = 0.1;
const BURST_S = 0.1;
const QUEUE_S = 1;
const AHEAD_S = 0.02;
/** Two thirds of a frame is payload even on the slowest link. */
const LEAST_CHUNK = 256 - 1;
/** Beyond this longer frames save nothing. */
const MOST_CHUNK = 12_288;
const LEAST_QUEUE = 4096;
const MOST_QUEUE = 262_144;
const LEAST_AHEAD = 256;
const MOST_AHEAD = 131_072;

/** `linkSpeed`: bytes a second, above 0, or infinite. */
export function shareLink(linkSpeed: number): LinkShare {
  const dataRate = linkSpeed * DATA_SHARE;
  return {
    linkSpeed,
    dataRate,
    dataBurst: linkSpeed * BURST_S,
    chunkBytes: within(LEAST_CHUNK, dataBytesIn(Math.min(linkSpeed * FRAME_S, 2 * MOST_CHUNK)), MOST_CHUNK),
    queueBytes: within(LEAST_QUEUE, linkSpeed * QUEUE_S, MOST_QUEUE),
    aheadBytes: within(LEAST_AHEAD, linkSpeed * AHEAD_S, MOST_AHEAD),
  };
}

function within(least: number, value: number, most: number): number {
  return Math.floor(Math.min(most, Math.max(least, value)));
}
