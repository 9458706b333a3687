import { describeFault } from '../../base/errors.ts';
import type { JournalDeskOptions } from './desk-options.ts';

/** Who repeats a transaction on one new connection after the other has lost something else than an answer. */
const MAX_CARRIERS = 64;

/**
 * Which connections have carried the outcome of a transaction to their peer, as far as this one is concerned: whoever
 * has its answer does not mean the same transaction when it asks again.
 */
export class Carrying {
  readonly #options: JournalDeskOptions;
  /** The entries that say that this connection has carried their outcome to a repeated transaction. */
  readonly #marked = new Set<string>();
  #hasLeft = false;

  constructor(options: JournalDeskOptions) {
    this.#options = options;
  }

  /** The peer is gone: it is told nothing any more. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** The peer has sent something: what it was answered before has reached it. */
  spoke(): void {
    this.#options.journal.carriers.spoke(this.#options.connection);
  }

  left(): void {
    this.#hasLeft = true;
    this.#options.journal.carriers.leave(this.#options.connection);
  }

  /** From now on other connections can know what becomes of this one. */
  async enter(): Promise<void> {
    const { journal, connection } = this.#options;
    await journal.carriers.join(connection).catch((fault) => this.#unmarked(fault));
    if (this.#hasLeft) journal.carriers.leave(connection);
  }

  /** This connection carries the outcome of the entry. */
  carries(id: string): void {
    this.#options.journal.carriers.carries(this.#options.connection, id);
  }

  /** The same, said in the entry itself, for other processes. */
  async carriesAgain(id: string, carriers: readonly string[]): Promise<void> {
    const { journal, connection } = this.#options;
    if (!carriers.includes(connection) && !this.#marked.has(id)) {
      this.#marked.add(id);
      await journal.carried(id, connection).catch((fault) => this.#unmarked(fault));
    }
    this.carries(id);
  }

  /** Whether a register has the outcome already: on this connection, or on one that is open and has gone on. */
  async isTaken(id: string, carriers: readonly string[]): Promise<boolean> {
    const { journal, connection } = this.#options;
    if (carriers.includes(connection) || carriers.length >= MAX_CARRIERS) return true;
    await this.enter();
    return journal.carriers.haveGoneOn(carriers, id).catch((fault) => {
      this.#unmarked(fault);
      return false;
    });
  }

  #unmarked(fault: unknown): void {
    this.#options.log.warn('which connections have an answer is known to one process only', {
      why: describeFault(fault),
    });
  }
}
