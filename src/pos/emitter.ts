import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';

/** Listeners by event. One that throws is logged and harms nobody: a sale goes on whatever a screen does. */
export class Emitter<Events extends object> {
  readonly #log: Logger;
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The answer takes the listener away again. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const own = (event: Events[Name]) => listener(event);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(own));
    return () => void listeners.delete(own);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (fault) {
        this.#log.error('a listener failed', { event: String(name), why: describeFault(fault), fault });
      }
    }
  }
}
