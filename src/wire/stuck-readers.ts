import type { ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { Clock, Timer } from '../base/clock.ts';

/**
 * Cuts off whoever reads nothing of an answer that is there. Every now and then it looks for connections on which
 * something waits to be written, and only these get a time-out: one for each request would cost more than all else that
 * a server does for it.
 */
export class StuckReaders {
  readonly #sockets = new Set<Socket>();
  readonly #clock: Clock;
  readonly #limitMs: number;
  #timer: Timer | undefined;

  /** Whoever has read nothing for `limitMs` is cut off, at the latest after half as long again. */
  constructor(server: Server, clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      this.#timer ??= this.#later();
    });
  }

  /** Of every response: an answer may take its time, but one that is there is to be read. */
  watch(response: ServerResponse): void {
    response.on('timeout', cutIfStuck);
  }

  close(): void {
    this.#timer?.cancel();
  }

  #later(): Timer {
    return this.#clock.after(this.#limitMs / 2, () => {
      for (const socket of this.#sockets) {
        // Not once more: the time that has gone by counts.
        if (socket.writableLength > 0 && socket.timeout !== this.#limitMs) socket.setTimeout(this.#limitMs);
      }
      this.#timer = this.#sockets.size === 0 ? undefined : this.#later();
    });
  }
}

function cutIfStuck(socket: Socket): void {
  if (socket.writableLength > 0) socket.destroy();
}
