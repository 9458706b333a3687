import { stopSignals } from './stop-signals.ts';

/**
 * What the user's signals do to work that is under way: the first Ctrl-C (SIGINT) may ask for something, the next one
 * stops; SIGTERM and SIGHUP stop. To stop is to stop waiting: whoever works decides what is still to be said.
 */
export class Interrupts {
  readonly #stop = new AbortController();
  readonly #listeners: readonly (readonly [NodeJS.Signals, () => void])[];
  #ask: () => 'asked' | 'stop' = () => 'stop';
  #hasAsked = false;

  constructor() {
    const stop = () => this.#stop.abort();
    const interrupt = () => this.#interrupt();
    this.#listeners = stopSignals().map((signal) => [signal, signal === 'SIGINT' ? interrupt : stop]);
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  /** Aborts when the user wants no more. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** What the first Ctrl-C does; `stop`: what the second one would. */
  onFirst(ask: () => 'asked' | 'stop'): void {
    this.#ask = ask;
  }

  close(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #interrupt(): void {
    if (this.#hasAsked || this.#ask() === 'stop') this.#stop.abort();
    else this.#hasAsked = true;
  }
}
