import type { Socket } from 'node:net';
import { afterSilence, type Clock, systemClock, type Timer } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';

/** A peer that belongs needs milliseconds. */
export const HANDSHAKE_LIMIT_MS = 5000;
/** Handshakes under way that a small `--max-connections` has room for all the same. */
const MIN_PENDING = 8;
/** Of the connections that are allowed, so many may be without a handshake. */
const SHARE = 4;
/** Between two reports of newcomers that were dropped. */
const REPORT_MS = 10_000;

/**
 * Peers that have connected and have not said what they want: each has 5 s, all together a share of the connections.
 * One that comes when that is used up takes the place of the oldest, so that many who say nothing keep nobody out. The
 * first one that is dropped is reported at once, the others of a burst together.
 */
export class Handshakes {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #report: (fault: Error) => void;
  /** Since the last report. */
  #dropped = 0;
  #reportTimer: Timer | undefined;
  /**
   * Oldest first, by who is at the other end: a socket that TLS is put around is another object, with the same peer.
   */
  readonly #pending = new Map<string | Socket, { readonly socket: Socket; readonly deadline: Timer }>();

  constructor(
    maxConnections: number,
    { clock = systemClock, report }: { readonly clock?: Clock; readonly report: (fault: Error) => void },
  ) {
    this.#clock = clock;
    this.#report = report;
    this.#limit = Math.max(MIN_PENDING, Math.ceil(maxConnections / SHARE));
  }

  get pending(): number {
    return this.#pending.size;
  }

  begin(socket: Socket): void {
    const [oldest] = this.#pending.values();
    if (oldest !== undefined && this.#pending.size >= this.#limit) {
      this.#giveUp(oldest.socket);
      this.#noteDropped();
    }
    const deadline = afterSilence(this.#clock, HANDSHAKE_LIMIT_MS, () => this.#giveUp(socket));
    const peer = peerOf(socket);
    this.#end(peer);
    this.#pending.set(peer, { socket, deadline });
    socket.once('close', () => {
      if (this.#pending.get(peer)?.socket === socket) this.#end(peer);
    });
  }

  /** Nobody is let in any more. */
  close(): void {
    for (const { socket } of [...this.#pending.values()]) this.#giveUp(socket);
    this.#reportDropped();
    this.#reportTimer?.cancel();
  }

  /** It has said what it wants. */
  done(socket: Socket): void {
    if (this.#pending.size > 0) this.#end(peerOf(socket));
  }

  #noteDropped(): void {
    this.#dropped += 1;
    if (this.#reportTimer !== undefined) return;
    this.#reportDropped();
    this.#reportTimer = this.#clock.after(REPORT_MS, () => {
      this.#reportTimer = undefined;
      this.#reportDropped();
    });
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    const who = this.#dropped === 1 ? 'a newcomer' : `${this.#dropped} newcomers`;
    this.#dropped = 0;
    const text = `dropped ${who} before the handshake: ${this.#limit} others were in theirs, and more may not be at one time`;
    this.#report(new BridgeError('WIRE_FAULT', text));
  }

  #giveUp(socket: Socket): void {
    this.done(socket);
    socket.destroy();
  }

  #end(peer: string | Socket): void {
    this.#pending.get(peer)?.deadline.cancel();
    this.#pending.delete(peer);
  }
}

/** Who is at a UNIX socket has no address, and no TLS either. */
function peerOf(socket: Socket): string | Socket {
  const { remoteAddress, remotePort } = socket;
  return remoteAddress === undefined ? socket : `${remoteAddress} ${remotePort}`;
}
