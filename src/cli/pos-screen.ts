import { isatty } from 'node:tty';
import { systemClock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import { type LogSink, openLogSink } from '../base/log-sink.ts';
import { isUnicode, LiveLine, terminalWriter } from './live-line.ts';
import { type PosEvent, Stage } from './pos-stage.ts';
import { eventLine, jsonLine } from './pos-view.ts';
import { RepeatedFailures } from './repeated-failures.ts';
import { outputFailure, writeLines } from './stdout.ts';

/**
 * Where a register's words go: results to stdout, progress to stderr, there as a live line on a terminal and as plain
 * lines otherwise; for programs everything as objects on stdout. Nothing that anybody reads or does not read holds the
 * work up.
 */
export class PosScreen {
  readonly isJson: boolean;
  /** For log lines: they go above the live line. */
  readonly sink: LogSink;
  readonly #events: LogSink | undefined;
  readonly #live: LiveLine | undefined;
  readonly #failures = new RepeatedFailures();
  #stage: Stage | undefined;
  #shown = '';
  #hasLostLines = false;
  readonly #unread = new AbortController();

  constructor({ isJson, describeLost }: { isJson: boolean; describeLost: (lines: number) => string }) {
    this.isJson = isJson;
    process.stdout.on('error', () => {}); // told to the callback
    const stderr = openLogSink(2, describeLost);
    if (isJson) {
      const describeLostEvents = (lines: number) => jsonLine({ event: 'lost', lines });
      this.#events = openLogSink(1, describeLostEvents, (fault) => this.#unwritten(outputFailure(fault)));
      this.sink = stderr;
      return;
    }
    const write = isatty(2) && process.env['TERM'] !== 'dumb' ? terminalWriter(2) : undefined;
    if (write !== undefined) {
      this.#live = new LiveLine({ clock: systemClock, write, isUnicode: isUnicode(process.env) });
    }
    this.sink = this.#live?.around(stderr) ?? stderr;
  }

  /** There is a terminal that shows one line that changes. */
  get isLive(): boolean {
    return this.#live !== undefined;
  }

  /** From here on it is shown where things stand, beginning with `text`; `subject` is what it is about. */
  begin(text: string, subject?: string): void {
    this.#stage = new Stage(text, subject);
    this.#show();
  }

  receive(event: PosEvent): void {
    this.#events?.write(eventLine(event));
    this.#stage?.receive(event);
    if (this.#isWorthShowing(event)) this.#show();
  }

  /** A line for people that stays; programs do not get it. */
  say(line: string): void {
    if (!this.isJson) this.sink.write(line);
  }

  /** A live text in the place of the stage. */
  showStatus(line: string): void {
    if (this.isJson || line === this.#shown) return;
    this.#shown = line;
    if (this.#live !== undefined) this.#live.show(line);
    else this.sink.write(line);
  }

  /** No more progress. */
  end(): void {
    this.#stage = undefined;
    this.#live?.hide();
  }

  /** Lines on stdout, all of them, unless nobody reads any more. */
  async print(lines: readonly string[]): Promise<void> {
    this.end();
    this.#events?.flush();
    try {
      await writeLines(lines);
    } catch (failure) {
      this.#unwritten(failure);
    }
  }

  /** Aborted when nothing more can be written for programs: nobody reads any more, or the disk is full. */
  get unread(): AbortSignal {
    return this.#unread.signal;
  }

  /** Lines could not be written though somebody may want them: the disk is full. */
  get hasLostLines(): boolean {
    return this.#hasLostLines;
  }

  /** The last words are out, as far as somebody reads. */
  close(): void {
    this.end();
    this.#events?.flush();
    this.sink.flush();
  }

  /** Without a failure: the reader has gone away, which is no fault. */
  #unwritten(failure: unknown): void {
    if (failure !== undefined && !this.#hasLostLines) {
      this.#hasLostLines = true;
      this.sink.write(`posbridge: ${describeFault(failure)}`);
    }
    this.#unread.abort();
  }

  /** A line that stays is not for every attempt of many. */
  #isWorthShowing(event: PosEvent): boolean {
    if (event.kind !== 'disconnected') return true;
    const isWorthALine = this.#failures.isWorthALine(event.disconnection);
    return this.#live !== undefined || isWorthALine;
  }

  #show(): void {
    if (this.#stage === undefined) return;
    this.showStatus(this.#stage.text);
  }
}
