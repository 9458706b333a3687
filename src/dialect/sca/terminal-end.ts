import { describeFault } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { WebSocketWishes } from '../../base/web.ts';
import type { Assumptions } from './assumptions.ts';
import type { ScaDocument } from './document.ts';
import type { LastPayment, TerminalMemory } from './memory.ts';
import { Registrations } from './registrations.ts';
import { Terminal } from './terminal.ts';

/**
 * How a register proves itself. `skip`: not at all, the connection does; `optional`: both ends have certificates, so a
 * register may also go without a MAC; `required`: by MAC.
 */
export type Authentication = 'skip' | 'optional' | 'required';

export interface TerminalEndOptions {
  readonly currency: string;
  readonly authentication: Authentication;
  readonly assumed: Assumptions;
  readonly memory: TerminalMemory;
  /** Registers pair without a code that somebody types. */
  readonly pairsAlone: boolean;
  /** The terminal has opened the connection itself: whoever is at its other end is the same register every time. */
  readonly dials: boolean;
  readonly webSocket: WebSocketWishes;
}

/** A response that a register has not got, or may not have got. */
export interface Undelivered {
  readonly payment: LastPayment;
  /** Undefined: the outcome is not known yet. */
  response: ScaDocument | undefined;
}

/** What all connections of one terminal share: its state, its registrations, the last payment of each register. */
export class TerminalEnd {
  readonly options: TerminalEndOptions;
  readonly terminal: Terminal;
  readonly registrations: Registrations;
  /** The COUNTER of the last request, where nobody registers. */
  lastCounter = '1';
  readonly #last = new Map<string, LastPayment>();
  readonly #undelivered = new Map<string, Undelivered>();

  constructor(options: TerminalEndOptions) {
    this.options = options;
    this.terminal = new Terminal(options.assumed);
    const { remembered } = options.memory;
    this.registrations = new Registrations(remembered?.registrations);
    for (const [register, payment] of Object.entries(remembered?.last ?? {})) {
      this.#last.set(register, payment);
      if (payment.isOpen) this.#undelivered.set(register, { payment, response: undefined });
    }
  }

  lastOf(register: string): LastPayment | undefined {
    return this.#last.get(register);
  }

  /** Whether there were payments of registers that have no names, and so cannot be told from who asks. */
  get hasNameless(): boolean {
    return [...this.#last.values()].some(({ isNameless }) => isNameless === true);
  }

  /** From now on it is the last payment of this register; undefined: there is none. */
  setLast(register: string, payment: LastPayment | undefined): void {
    this.#last.delete(register);
    if (payment !== undefined) this.#last.set(register, payment);
    const [oldest] = this.#last.keys();
    if (this.#last.size > MAX_REGISTERS && oldest !== undefined) this.#last.delete(oldest);
  }

  undeliveredFor(register: string): Undelivered | undefined {
    return this.#undelivered.get(register);
  }

  /** Keeps the response to this payment for the register's next connection; at most one a register. */
  keep(register: string, payment: LastPayment, response: ScaDocument | undefined): void {
    this.#undelivered.delete(register);
    this.#undelivered.set(register, { payment, response });
    const [oldest] = this.#undelivered.keys();
    if (this.#undelivered.size > MAX_REGISTERS && oldest !== undefined) this.#undelivered.delete(oldest);
  }

  /** The register has it, or nobody needs it any more. */
  delivered(register: string): void {
    this.#undelivered.delete(register);
  }

  /**
   * Resolves when everything that must outlive a restart is stored. A disk that fails is reported, and does not stop
   * anybody.
   */
  async save(log: Logger): Promise<void> {
    const last = Object.fromEntries(this.#last);
    try {
      await this.options.memory.save({ registrations: this.registrations.stored, last });
    } catch (fault) {
      log.error('what the terminal must remember cannot be stored', { why: describeFault(fault) });
    }
  }
}

const MAX_REGISTERS = 1000;
