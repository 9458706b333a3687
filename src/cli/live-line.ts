import { constants, openSync, writeSync } from 'node:fs';
import type { Clock, Timer } from '../base/clock.ts';
import type { LogSink } from '../base/log-sink.ts';

const FRAME_MS = 120;
const BRAILLE = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'];
const ASCII = [...'-\\|/'];
/** To the first column, without wrapping: the terminal cuts what is too long for its width. */
const BEGIN = '\r\u001b[?7l';
const END = '\u001b[K\u001b[?7h';
const CLEAR = '\r\u001b[K';

export interface LiveLineOptions {
  readonly clock: Clock;
  /** Writes to the terminal; what it does not take at once may be lost. */
  readonly write: (text: string) => void;
  /** The terminal can show more than ASCII. */
  readonly isUnicode: boolean;
}

/**
 * The last line of a terminal, with a spinner in front of a text that may change. Other lines are written above it, by
 * `around`. Texts are shown as they are: whoever makes them escapes them.
 *
 *   hidden ──show──▶ shown ──hide──▶ hidden …
 */
export class LiveLine {
  readonly #options: LiveLineOptions;
  readonly #frames: readonly string[];
  #text: string | undefined;
  #turn = 0;
  #timer: Timer | undefined;

  constructor(options: LiveLineOptions) {
    this.#options = options;
    this.#frames = options.isUnicode ? BRAILLE : ASCII;
  }

  show(text: string): void {
    this.#text = text;
    this.#draw();
    this.#timer ??= this.#turnLater();
  }

  /** Takes the line away, as if it had never been there. */
  hide(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#text === undefined) return;
    this.#text = undefined;
    this.#options.write(CLEAR);
  }

  /** The same sink with the line out of its way while it writes. */
  around(sink: LogSink): LogSink {
    return {
      write: (line) => {
        if (this.#text !== undefined) this.#options.write(CLEAR);
        sink.write(line);
        this.#draw();
      },
      flush: () => sink.flush(),
    };
  }

  #turnLater(): Timer {
    return this.#options.clock.after(FRAME_MS, () => {
      this.#turn += 1;
      this.#draw();
      this.#timer = this.#turnLater();
    });
  }

  #draw(): void {
    if (this.#text === undefined) return;
    const frame = this.#frames[this.#turn % this.#frames.length] ?? '';
    this.#options.write(`${BEGIN}${frame} ${this.#text}${END}`);
  }
}

/**
 * Writes to a terminal without ever waiting for it: one that was stopped (Ctrl-S) misses frames and holds nobody up. It
 * is opened a second time, so that it becomes non-blocking here alone; undefined where that cannot be.
 */
export function terminalWriter(fd: number): ((text: string) => void) | undefined {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    const own = openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    return (text) => {
      try {
        writeSync(own, text);
      } catch {
        // The next frame may get through.
      }
    };
  } catch {
    return undefined;
  }
}

/** Whether the user's locale says UTF-8. */
export function isUnicode(env: Readonly<Record<string, string | undefined>>): boolean {
  return /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '');
}
