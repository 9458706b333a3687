import { close, closeSync, constants, open, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Clock, Timer } from '../base/clock.ts';
import { type DescriptorUse, isAnonymousPipe, isClosedWithSocket } from './descriptor.ts';
import { SocketReader, socketWire } from './socket-wire.ts';
import type { Wire } from './wire.ts';
import { WireFault } from './wire-fault.ts';

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

/**
 * The input of a pipe or FIFO.
 *
 * A pipe is opened again through /proc, so that O_NONBLOCK is set on a description of our own: set on the
 * inherited one it would reach every process that shares it, and stay there after kill -9.
 */
export function pipeInput(use: DescriptorUse): Wire {
  const own = reopen(use.fd, O_RDONLY);
  if (own !== undefined && !isAnonymousPipe(use.fd)) wakeEndOfFile(use.fd);
  const reader = new SocketReader();
  const socket = new Socket({ fd: own ?? use.fd, readable: true, writable: false, ...reader.options });
  return socketWire(socket, {
    direction: 'read',
    peer: use.peer ?? PIPE,
    reader,
    release: releasing(use, own),
  });
}

/** The output of a pipe or FIFO; also notices within half a second that nobody reads any more. */
export function pipeOutput(use: DescriptorUse, clock: Clock): Wire {
  const own = reopen(use.fd, O_WRONLY);
  const socket = new Socket({ fd: own ?? use.fd, readable: false, writable: true });
  const watch = new ReaderWatch(use.fd, clock, (fault) => socket.destroy(fault));
  const release = releasing(use, own);
  return socketWire(socket, {
    direction: 'write',
    peer: use.peer ?? PIPE,
    release(done) {
      watch.stop();
      release(done);
    },
  });
}

const PIPE = { text: 'pipe' };

/** Not possible without /proc, or for another user's pipe (made by root, then setuid): the inherited one has to do. */
function reopen(fd: number, access: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, access | O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/**
 * A named FIFO that is opened for reading after its last writer has left never reports end of file, only
 * after a writer that comes and leaves later: be that writer. With other writers there it changes nothing.
 */
function wakeEndOfFile(fd: number): void {
  try {
    closeSync(openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK));
  } catch {
    // Not ours to write.
  }
}

/** Without a description of our own the socket is made on the inherited descriptor itself. */
function releasing(use: DescriptorUse, own: number | undefined): DescriptorUse['release'] {
  return own === undefined && isClosedWithSocket(use.fd) ? (done) => done() : use.release;
}

/**
 * An idle writer gets no event when its reader leaves, so it asks: opening the pipe for writing again fails
 * with ENXIO when nobody has it open for reading.
 */
class ReaderWatch {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #gone: (fault: Error) => void;
  #timer: Timer;
  #isStopped = false;

  constructor(fd: number, clock: Clock, gone: (fault: Error) => void) {
    this.#fd = fd;
    this.#clock = clock;
    this.#gone = gone;
    this.#timer = this.#later();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer.cancel();
  }

  #later(): Timer {
    return this.#clock.after(WATCH_INTERVAL_MS, () => this.#ask());
  }

  #ask(): void {
    open(`/proc/self/fd/${this.#fd}`, O_WRONLY | O_NONBLOCK, (fault, probe) => {
      if (fault === null) close(probe);
      if (this.#isStopped) return;
      if (fault === null) this.#timer = this.#later();
      else if (fault.code === 'ENXIO') this.#gone(new WireFault('EPIPE'));
    });
  }
}

const WATCH_INTERVAL_MS = 500;
