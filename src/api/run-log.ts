import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { memberOf } from '../base/member.ts';
import { randomId } from '../base/random-id.ts';

/** A moment from which on the clock may have gone over times that it had shown before. */
interface Mark {
  readonly run: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

const FILE_NAME = 'runs';
/** Older ones are forgotten: whoever comes with an id of theirs is told everything. */
const MAX_MARKS = 2000;

/**
 * When the service was started, and when its clock was set back: a line in a file of the store for each. A reader of
 * events who has been told everything up to noon, by a clock that was set back to eleven meanwhile, has to be told
 * again from eleven on.
 *
 * Where the file cannot be read or written, an id of another run is one that nobody knows.
 */
export class RunLog {
  /** The name of this run. */
  readonly run = randomId();
  readonly #file: string | undefined;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #marks: Mark[];
  #shownMs: number;
  #writing: Promise<void> = Promise.resolve();

  /** Never rejects. */
  static async open(folder: string, clock: Clock, log: Logger): Promise<RunLog> {
    const file = path.join(folder, FILE_NAME);
    const marks = await readMarks(file).catch((fault: unknown) => {
      log.warn('the list of earlier runs cannot be read', { file, why: describeFault(fault) });
      return [];
    });
    const runs = new RunLog({ file, marks, clock, log });
    await runs.settled();
    return runs;
  }

  /** `file`: undefined for one that is not kept. */
  constructor({ file, marks = [], clock, log }: RunLogOptions) {
    this.#file = file;
    this.#marks = [...marks];
    this.#clock = clock;
    this.#log = log;
    this.#shownMs = clock.wallMs();
    this.#mark(this.#shownMs);
  }

  /** Milliseconds since 1970, as the clock shows them. */
  now(): number {
    const nowMs = this.#clock.wallMs();
    if (nowMs < this.#shownMs) this.#mark(nowMs);
    this.#shownMs = nowMs;
    return nowMs;
  }

  /**
   * From which time on anything may be new to a reader who knows everything up to `timeMs` by the clock of `run`.
   * `startsWithRun`: times from before that run may be among what it has told. Undefined: nobody knows.
   */
  since(run: string, timeMs: number, startsWithRun: boolean): number | undefined {
    const first = this.#marks.findIndex((mark) => mark.run === run);
    if (first === -1) return undefined;
    const later = this.#marks.slice(startsWithRun ? first : first + 1);
    return later.reduce((least, { atMs }) => Math.min(least, atMs), timeMs);
  }

  /** Resolves when everything is written, as far as it can be. */
  settled(): Promise<void> {
    return this.#writing;
  }

  #mark(atMs: number): void {
    const mark = { run: this.run, atMs };
    this.#marks.push(mark);
    const file = this.#file;
    if (file === undefined) return;
    const write = async () => {
      if (this.#marks.length <= MAX_MARKS) return appendFile(file, linesOf([mark]), { mode: 0o600 });
      this.#marks.splice(0, this.#marks.length - MAX_MARKS / 2);
      await writeFile(`${file}.new`, linesOf(this.#marks), { mode: 0o600, flush: true });
      await rename(`${file}.new`, file);
    };
    this.#writing = this.#writing.then(write).catch((fault: unknown) => {
      this.#log.warn('the list of runs cannot be written', { file, why: describeFault(fault) });
    });
  }
}

export interface RunLogOptions {
  readonly file?: string | undefined;
  readonly marks?: readonly Mark[];
  readonly clock: Clock;
  readonly log: Logger;
}

function linesOf(marks: readonly Mark[]): string {
  return marks.map((mark) => `${JSON.stringify(mark)}\n`).join('');
}

/** A line that cannot be read makes every id of an earlier run unknown. */
async function readMarks(file: string): Promise<Mark[]> {
  const text = await readFile(file, 'utf8').catch((fault: NodeJS.ErrnoException) => {
    if (fault.code === 'ENOENT') return '';
    throw fault;
  });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [run, atMs] = ['run', 'atMs'].map((name) => memberOf(JSON.parse(line), name));
      if (typeof run !== 'string' || typeof atMs !== 'number')
        throw new Error('a line of it is none of ours');
      return { run, atMs };
    });
}
