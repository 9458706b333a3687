import { afterSilence, type Clock, type Timer } from '../base/clock.ts';
import type { PatientWebSocket } from './ws-socket.ts';

/**
 * Asks a peer for a sign of life; one that gives none until the next time is silent. Nobody is judged while nothing is
 * read.
 */
export class Pings {
  readonly #ws: PatientWebSocket;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #silent: () => void;
  #isAwaited = false;
  #timer: Timer | undefined;

  constructor(ws: PatientWebSocket, clock: Clock, intervalMs: number, silent: () => void) {
    this.#ws = ws;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#silent = silent;
    const heard = () => {
      this.#isAwaited = false;
    };
    for (const event of ['pong', 'ping', 'message']) ws.on(event, heard);
    ws.on('close', () => this.#timer?.cancel());
    this.#wait();
  }

  #wait(): void {
    this.#timer = afterSilence(this.#clock, this.#intervalMs, () => this.#ask());
  }

  #ask(): void {
    if (this.#isAwaited && !this.#ws.isPaused) {
      this.#silent();
      return;
    }
    this.#isAwaited = true;
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.ping(() => {});
    this.#wait();
  }
}
