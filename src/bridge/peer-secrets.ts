import { HiddenLiterals } from '../base/mask/literals.ts';
import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';

/**
 * Values that no log shows as long as the connection lives: what the dialect calls secret, whoever repeats it in
 * whatever text.
 */
export class PeerSecrets {
  readonly #names: readonly string[];
  readonly #hidden = new HiddenLiterals();

  /** @param names members of a request's `params` whose texts are secret. */
  constructor(names: readonly string[] = []) {
    this.#names = names;
  }

  hide(value: string): void {
    this.#hidden.hide(value);
  }

  hideIn(params: Buffer): void {
    const names = this.#names.filter((name) => params.includes(name));
    if (names.length === 0) return;
    for (const value of scanObject(params, names).values) {
      if (value !== undefined && kindOf(value) === 'string') this.hide(decodeString(value.toString()));
    }
  }

  release(): void {
    this.#hidden.release();
  }
}
