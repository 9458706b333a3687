import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import type { Logger } from '../base/log.ts';
import { maskValue } from '../base/mask.ts';
import { type Answer, errorAnswer } from './answer.ts';
import { type Action, isPartOf, type Script, type Step } from './script.ts';
import { sleep } from './sleep.ts';

/** Who has asked, as far as a script is concerned. */
export interface Asker {
  answer(answer: Answer): void;
  notify(method: string, params: object): void;
  /** Closes the attachment. */
  close(): void;
}

export interface PlayerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the process like kill -9. */
  readonly die: () => void;
}

export interface ScriptSummary {
  readonly steps: number;
  readonly done: number;
  /** Requests that did not fit. */
  readonly misfits: number;
}

/**
 * Plays a script: waiting for step 1 → … → waiting for the last one → finished, when the actions of all are done. A
 * request that does not fit the step that is waited for gets INTERNAL_ERROR, which no register takes for an outcome,
 * and is reported; the step is still waited for.
 */
export class ScriptPlayer {
  readonly #script: Script;
  readonly #options: PlayerOptions;
  readonly #stopping = new AbortController();
  readonly #finished = deferred<ScriptSummary>();
  #next = 0;
  #playing = 0;
  #misfits = 0;

  constructor(script: Script, options: PlayerOptions) {
    this.#script = script;
    this.#options = options;
    this.#finishIfDone();
  }

  /** Resolves when the script is played, or stopped. */
  get finished(): Promise<ScriptSummary> {
    return this.#finished.promise;
  }

  get summary(): ScriptSummary {
    return { steps: this.#script.steps.length, done: this.#next - this.#playing, misfits: this.#misfits };
  }

  /** Whether the terminal is to answer by itself. */
  leaves(method: string): boolean {
    return this.#script.asUsual.has(method);
  }

  request(method: string, params: Buffer, asker: Asker): void {
    const step = this.#script.steps[this.#next];
    const value: unknown = JSON.parse(params.toString());
    const why = step === undefined ? 'the script is over' : whyUnfit(step, method, value);
    if (step === undefined || why !== undefined) {
      this.#misfits += 1;
      const text = `script: ${step === undefined ? '' : `step ${this.#next + 1}: `}${why}`;
      this.#options.log.warn('a request does not fit the script', {
        why: text,
        method,
        params: maskValue(value),
      });
      asker.answer(errorAnswer('INTERNAL_ERROR', text));
      return;
    }
    this.#next += 1;
    this.#options.log.info('script', { step: this.#next, of: this.#script.steps.length, method });
    this.#playing += 1;
    void this.#play(step.actions, asker).finally(() => {
      this.#playing -= 1;
      this.#finishIfDone();
    });
  }

  stop(): void {
    this.#stopping.abort(new Error('the terminal is closed'));
    this.#finished.resolve(this.summary);
  }

  async #play(actions: readonly Action[], asker: Asker): Promise<void> {
    try {
      for (const { afterMs, deed } of actions) {
        if (afterMs > 0) await sleep(this.#options.clock, afterMs, this.#stopping.signal);
        if (deed.kind === 'answer') asker.answer(deed.answer);
        else if (deed.kind === 'notify') asker.notify(deed.method, deed.params);
        else if (deed.kind === 'close') asker.close();
        else this.#options.die();
      }
    } catch (fault) {
      if (!this.#stopping.signal.aborted) throw fault;
    }
  }

  #finishIfDone(): void {
    if (this.#next === this.#script.steps.length && this.#playing === 0) this.#finished.resolve(this.summary);
  }
}

function whyUnfit(step: Step, method: string, params: unknown): string | undefined {
  if (method !== step.method) return `expects ${step.method}, got ${method}`;
  if (step.params === undefined || isPartOf(step.params, params)) return undefined;
  return `expects ${step.method} with ${JSON.stringify(maskValue(step.params))}, got other params`;
}
