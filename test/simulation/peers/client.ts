import type { PosClient } from '../../../src/index.ts';
import type { Subject } from '../subject.ts';
import type { Machine } from '../world/machine.ts';
import { Process } from '../world/process.ts';
import { keyOf } from './ledger.ts';
import { AMOUNT, type Sales } from './sales.ts';
import { pause } from './till.ts';

const STORE = '/var/lib/till';
const OUTCOME_WAIT_MS = 120_000;
/** To open a store, one a second: a disk that never works any more is not simulated. */
const MOST_ATTEMPTS = 1000;

export interface ClientOptions {
  readonly subject: Subject;
  readonly machine: Machine;
  /** Which of the tills it is. */
  readonly till: number;
  readonly place: string;
  readonly sales: Sales;
  /** What the bridge calls it, if it does. */
  readonly register: string | undefined;
  /** Whether faults go on. */
  readonly isRough: () => boolean;
}

/** A register that is built on the library, with a store. */
export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Some sales, one after the other; the process may die at any of them, and comes back. */
  async sell(count: number): Promise<void> {
    const { machine, sales, till, register, isRough } = this.#options;
    for (let index = 0; index < count && isRough(); ) {
      const process = new Process(machine, `client ${index}`);
      const ended = new Promise<void>((resolve) => process.onEnd(resolve));
      const selling = async () => {
        const client = await this.#open(process);
        while (index < count && isRough()) {
          const sale = sales.add({ receipt_id: `C-${index}`, sequence_id: 1 }, till, register);
          index += 1;
          sale.purchases += 1;
          await this.#sell(process, client, sale.key, `C-${index - 1}`);
        }
        await client.close();
        process.kill('done');
      };
      await Promise.race([selling(), ended]);
      await new Promise<void>((resolve) => machine.world.schedule.after(500, resolve));
    }
  }

  async #sell(process: Process, client: PosClient, key: string, receiptId: string): Promise<void> {
    const askedMs = process.machine.world.nowMs;
    try {
      const { outcome } = await client.purchase({ amountMinor: AMOUNT, currency: 'EUR', receiptId });
      process.tell(`hears ${outcome} of ${key}`);
      const says = outcome === 'approved' ? 'charged' : 'not charged';
      this.#options.sales.tell({ key, says, askedMs, words: `PosClient: ${outcome}` });
    } catch (fault) {
      process.tell(`hears nothing of ${key}: ${String(fault)}`);
    }
  }

  /** Every open sale of its store, until none is left that can be known. */
  async recover(isUnknowable: (key: string) => boolean): Promise<void> {
    const { machine, sales, register } = this.#options;
    const process = new Process(machine, 'recovery');
    const client = await this.#open(process);
    for (let isOpen = true; isOpen; ) {
      isOpen = false;
      for await (const sale of client.recover()) {
        const { outcome, receiptId, sequenceId } = sale;
        const key = keyOf({ receipt_id: receiptId, sequence_id: sequenceId }, register);
        process.tell(`hears ${outcome} of ${key}`);
        if (outcome === 'unknown') isOpen ||= !isUnknowable(key);
        else {
          const says = outcome === 'approved' ? 'charged' : 'not charged';
          sales.tell({ key, says, askedMs: 0, words: `recover: ${outcome}` });
        }
      }
      if (isOpen) await pause(process, 5000);
    }
    await client.close();
    process.kill('done');
  }

  /** A disk may be full for a while. */
  async #open(process: Process): Promise<PosClient> {
    const { subject, place } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await subject.client(process, { to: place, store: STORE, outcomeWaitMs: OUTCOME_WAIT_MS });
      } catch (fault) {
        process.tell(`has no store: ${String(fault)}`);
        if (attempt === MOST_ATTEMPTS) throw fault;
        await pause(process, 1000);
      }
    }
  }
}
