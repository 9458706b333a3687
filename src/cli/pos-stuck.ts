import type { Logger } from '../base/log.ts';
import type { PosClient } from '../pos/pos-client.ts';
import type { runStuckCommand } from './stuck.ts';

/** The command runs after so many failures in a row, and after every so many more. */
const COMMAND_FAILURES = 5;
/** Then a person has to look after the terminal. */
const ADVICE_FAILURES = 10;
const ADVICE =
  'the terminal cannot be reached: look whether it is on and its cable or network is there, restart it; pair a Bluetooth one again';

export interface StuckWatchOptions {
  /** Of `--on-stuck`. */
  readonly command: string | undefined;
  /** Where the terminal is. */
  readonly to: string;
  readonly log: Logger;
  readonly run?: typeof runStuckCommand;
}

/** Looks after a terminal that cannot be reached: runs the operator's command, and says what a person can try. */
export class StuckWatch {
  readonly #options: StuckWatchOptions;
  readonly #over = new AbortController();
  #running: Promise<void> | undefined;

  constructor(client: Pick<PosClient, 'on'>, options: StuckWatchOptions) {
    this.#options = options;
    client.on('disconnected', ({ failures }) => this.#failed(failures));
  }

  /** Ends the command. */
  async close(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }

  #failed(failures: number): void {
    const { command, log } = this.#options;
    if (failures === ADVICE_FAILURES) log.warn(ADVICE, { failures });
    const isDue = failures > 0 && failures % COMMAND_FAILURES === 0;
    if (command === undefined || !isDue || this.#running !== undefined || this.#over.signal.aborted) return;
    this.#running = this.#run(command, failures).finally(() => {
      this.#running = undefined;
    });
  }

  async #run(command: string, failures: number): Promise<void> {
    const { to, log } = this.#options;
    const run = this.#options.run ?? (await import('./stuck.ts')).runStuckCommand;
    await run(command, { wire: to, failures, log, signal: this.#over.signal });
  }
}
