import { Delivery } from './delivery.ts';
import { macVerdict } from './pairing.ts';
import { readCounter } from './registrations.ts';
import type { ScaRequest } from './request.ts';
import type { Verdict } from './responses.ts';
import type { Speaking } from './speaking.ts';
import type { Owner } from './terminal.ts';

/** Who speaks, and whether that is proved. */
export interface Speaker {
  readonly owner: Owner;
  /** The request had a valid MAC. */
  readonly isVerified: boolean;
}

/** The registers that speak on one connection, how they prove it, and the counters that they use. */
export class Registers {
  readonly #speaking: Speaking;
  /** What registers without a label are called, where nobody can tell one from another. */
  readonly #nobody: string;
  /** By MAC_LABEL; the empty one is whoever needs none. */
  readonly #owners = new Map<string, Owner>();
  readonly #deliveries: Delivery[] = [];
  #counter: string | undefined;

  constructor(speaking: Speaking, random: string) {
    this.#speaking = speaking;
    this.#nobody = speaking.end.options.dials ? 'link' : `connection-${random}`;
  }

  /** The register that we have dialled gets at once what it has missed; another one when it says who it is. */
  connected(): void {
    if (this.#speaking.end.options.dials) this.#owner('');
  }

  disconnected(): void {
    for (const owner of this.#owners.values()) owner.isOpen = false;
    for (const delivery of this.#deliveries) delivery.stop();
  }

  has(owner: Owner): boolean {
    return [...this.#owners.values()].includes(owner);
  }

  /** Finds out who sends a request. A verdict: it is refused. */
  identify(request: ScaRequest): Speaker | Verdict {
    const { functionType, command, macLabel } = request;
    const isExempt = functionType === 'SECURITY' || command === 'GET_COUNTER';
    const verdict = isExempt ? 'open' : this.#authenticate(request);
    if (typeof verdict === 'object') return verdict;
    const isVerified = verdict === 'verified';
    return { owner: this.#owner(isVerified ? (macLabel ?? '') : ''), isVerified };
  }

  /** Remembers the COUNTER of a request that needs no MAC. */
  note(counter: string | undefined): void {
    const { end } = this.#speaking;
    if (counter === undefined || readCounter(counter) === undefined) return;
    if (end.options.assumed['counter-of'] === 'connection') this.#counter = counter;
    else end.lastCounter = counter;
  }

  /**
   * What GET_COUNTER tells: the last counter of a label, else of whoever needs none. Undefined: there is no such label.
   */
  counterFor({ macLabel }: ScaRequest): string | undefined {
    const { options, registrations, lastCounter } = this.#speaking.end;
    if (options.authentication !== 'skip' && macLabel !== undefined)
      return registrations.counterOf(macLabel)?.toString();
    return options.assumed['counter-of'] === 'connection' ? (this.#counter ?? '1') : lastCounter;
  }

  #authenticate({ macLabel, mac, echo, rules }: ScaRequest): 'verified' | 'open' | Verdict {
    const { end, host } = this.#speaking;
    const { authentication } = end.options;
    if (authentication === 'skip') return 'open';
    const hasNone = macLabel === undefined && mac === undefined;
    if (hasNone && (authentication === 'optional' || rules.isSecondary)) return 'open';
    const verdict = end.registrations.verify(macLabel, echo.counter, mac);
    if (verdict === 'valid') return 'verified';
    host.log.warn('a request without a valid MAC is refused', { why: verdict });
    return macVerdict(verdict, end);
  }

  /** Whoever speaks for the first time on this connection gets first what did not arrive on another one. */
  #owner(label: string): Owner {
    const known = this.#owners.get(label);
    if (known !== undefined) return known;
    const owner: Owner = {
      register: label === '' ? this.#nobody : label,
      isOpen: true,
      isNameless: label === '' && !this.#speaking.end.options.dials,
    };
    this.#owners.set(label, owner);
    if (this.#speaking.port === 'secondary') return owner;
    const delivery = new Delivery(this.#speaking, owner.register);
    this.#deliveries.push(delivery);
    delivery.start();
    return owner;
  }
}
