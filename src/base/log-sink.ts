import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { LogQueue } from './log-queue.ts';

/** Where log lines go. Neither call throws, and `write` never waits for a reader. */
export interface LogSink {
  /** One line, without its line break. */
  write(line: string): void;
  /** Last words: writes what is queued, waiting for a slow reader 200 ms at most. */
  flush(): void;
}

/** Keeps lines for a test. */
export interface MemorySink extends LogSink {
  readonly lines: string[];
}

export function memorySink(): MemorySink {
  const lines: string[] = [];
  return { lines, write: (line) => void lines.push(line), flush: () => {} };
}

/**
 * A sink on an inherited descriptor. What a reader does not take is queued, up to 256 KiB; lines beyond that,
 * and lines that cannot be written at all, are counted and reported by one line as soon as there is room.
 *
 * - A pipe or terminal is opened a second time, so that it can be made non-blocking for this process alone.
 * - Where that is refused (a pipe made by another user before privileges were dropped) and for sockets, the
 *   inherited descriptor itself becomes non-blocking; for 0, 1 and 2 Node puts that back when it exits.
 *   Writing from a thread is no way out: a process with a thread stuck in `write` cannot exit.
 * - A regular file is written in order, away from the main thread.
 *
 * `onFault` is told whenever lines cannot be written at all; it must not write.
 */
export function openLogSink(
  fd = 2,
  describeLost: (lines: number) => string = (lines) => `${lines} lines lost`,
  onFault: (fault: unknown) => void = () => {},
): LogSink {
  const output: Output = { fd, queue: new LogQueue(describeLost), onFault };
  try {
    const stat = fstatSync(fd);
    if (stat.isFile()) return new FileSink(output);
    if (!stat.isFIFO() && !stat.isSocket() && !isatty(fd)) return new StreamSink(output);
    return openStream(output);
  } catch {
    return { write: () => {}, flush: () => {} }; // no such descriptor: nobody wants to know
  }
}

interface Output {
  readonly fd: number;
  readonly queue: LogQueue;
  readonly onFault: (fault: unknown) => void;
}

function openStream(output: Output): LogSink {
  const { fd } = output;
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    const again = openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    return new StreamSink({ ...output, fd: again });
  } catch {
    return new StreamSink(output, nonBlocking(fd));
  }
}

/** Taking a descriptor into a socket is what makes it non-blocking; the socket itself is never used. */
function nonBlocking(fd: number): Socket | undefined {
  try {
    return new Socket({ fd, readable: false, writable: true }).on('error', () => {});
  } catch {
    return undefined; // a terminal that cannot be opened again
  }
}

const FLUSH_MS = 200;
const FIRST_RETRY_MS = 10;
const LAST_RETRY_MS = 160;

/** A pipe, terminal, socket or device: written at once as far as it takes something, then from a timer. */
class StreamSink implements LogSink {
  readonly #fd: number;
  readonly #queue: LogQueue;
  readonly #onFault: Output['onFault'];
  /** Keeps the descriptor open as long as the sink lives. */
  readonly holder: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor({ fd, queue, onFault }: Output, holder?: Socket) {
    this.#fd = fd;
    this.#queue = queue;
    this.#onFault = onFault;
    this.holder = holder;
  }

  write(line: string): void {
    this.#queue.add(line);
    if (this.#timer === undefined && this.#drain() === 'full') this.#retryLater();
  }

  flush(): void {
    const deadlineS = process.uptime() + FLUSH_MS / 1000; // `performance` loads a module of Node.js
    while (this.#drain() === 'full' && process.uptime() < deadlineS) sleep(5);
  }

  #retryLater(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const before = this.#queue.bytes;
      const state = this.#drain();
      this.#retryMs =
        this.#queue.bytes < before ? FIRST_RETRY_MS : Math.min(this.#retryMs * 2, LAST_RETRY_MS);
      if (state === 'full') this.#retryLater();
    }, this.#retryMs);
    this.#timer.unref();
  }

  /** Line by line, so that short lines stay whole on a pipe that several processes write to. */
  #drain(): 'empty' | 'full' | 'broken' {
    for (let head = this.#queue.head(); head !== undefined; head = this.#queue.head()) {
      try {
        this.#queue.written(writeSync(this.#fd, head));
      } catch (fault) {
        const code = (fault as NodeJS.ErrnoException).code;
        if (code === 'EAGAIN') return 'full';
        if (code === 'EINTR') continue;
        this.#queue.lose();
        this.#onFault(fault);
        return 'broken';
      }
    }
    return 'empty';
  }
}

/** A regular file: one write at a time, of everything that has gathered since the last one. */
class FileSink implements LogSink {
  readonly #fd: number;
  readonly #queue: LogQueue;
  readonly #onFault: Output['onFault'];
  #isWriting = false;

  constructor({ fd, queue, onFault }: Output) {
    this.#fd = fd;
    this.#queue = queue;
    this.#onFault = onFault;
  }

  write(line: string): void {
    this.#queue.add(line);
    this.#pump();
  }

  flush(): void {
    if (this.#isWriting) sleep(FILE_WRITE_MS); // its end cannot be seen from here
    try {
      for (let head = this.#queue.head(); head !== undefined; head = this.#queue.head()) {
        this.#queue.written(writeSync(this.#fd, head));
      }
    } catch (fault) {
      this.#lose(fault);
    }
  }

  #lose(fault: unknown, lines = 0): void {
    this.#queue.lose(lines);
    this.#onFault(fault);
  }

  #pump(): void {
    if (this.#isWriting) return;
    const batch = this.#queue.take();
    if (batch === undefined) return;
    this.#isWriting = true;
    write(this.#fd, batch.bytes, 0, batch.bytes.length, null, (fault, written) => {
      this.#isWriting = false;
      if (fault === null) this.#queue.putBack(batch, written);
      else this.#lose(fault, batch.lines);
      if (fault === null) this.#pump();
    });
  }
}

/** What a write to a local file may take before later lines overtake it at exit. */
const FILE_WRITE_MS = 20;

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
