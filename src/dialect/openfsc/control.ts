import type { DialogueOwner, LineWriter } from './dialogue.ts';
import type { Arguments, MethodName } from './methods.ts';

/** The owner of the initial connection as long as no site is logged in on it: for ever, where there are sessions. */
export class Control implements DialogueOwner {
  readonly isAuthenticated = false;
  readonly takesPan = false;
  readonly #log: LineWriter['log'];
  readonly #told: (method: MethodName, args: Arguments) => void;

  constructor(log: LineWriter['log'], told: (method: MethodName, args: Arguments) => void) {
    this.#log = log;
    this.#told = told;
  }

  /** Never: what needs a login is refused. */
  asked(): void {}

  told(method: MethodName, args: Arguments): void {
    this.#told(method, args);
  }

  drift(ms: number): void {
    this.#log.debug('heartbeat', { driftMs: ms });
  }
}
