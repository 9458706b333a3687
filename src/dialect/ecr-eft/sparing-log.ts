import type { LogFields, Logger } from '../../base/log.ts';

/**
 * Tells the first of each kind at its level and the others at `debug`: no peer can fill the log by doing the same again
 * and again.
 */
export class SparingLog {
  readonly #log: Logger;
  readonly #told = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param text one of a fixed number of texts. */
  tell(level: 'info' | 'warn' | 'error', text: string, fields: LogFields = {}): void {
    if (this.#told.has(text)) {
      this.#log.debug(text, fields);
      return;
    }
    this.#told.add(text);
    this.#log[level](text, fields);
  }
}
