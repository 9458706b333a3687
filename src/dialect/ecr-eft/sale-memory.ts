import { errorText } from '../../rpc/error-object.ts';
import type { AnswerText } from '../dialect.ts';
import { type AskedSale, readEnd, unknownOutcome } from './asked-sale.ts';

const MAX_SALES = 1000;

interface Remembered {
  readonly sale: AskedSale;
  readonly token: number;
  /** Undefined while it is not known. */
  outcome: AnswerText | undefined;
  /** It is being carried out on a link that lives. */
  isRunning: boolean;
}

/**
 * What this process knows of the sales that it has asked a terminal for, whichever link they went through. The wire has no question
 * about an earlier sale; but whoever has lost an answer on the way to us can still get it here, and so can an S2 that comes late
 * find its sale.
 */
export class SaleMemory {
  /** By key, the oldest first. */
  readonly #sales = new Map<string, Remembered>();

  begin(sale: AskedSale, token: number): void {
    this.#sales.delete(sale.key);
    this.#sales.set(sale.key, { sale, token, outcome: undefined, isRunning: true });
    const [oldest] = this.#sales.keys();
    if (this.#sales.size > MAX_SALES && oldest !== undefined) this.#sales.delete(oldest);
  }

  /** It was not carried out, or nobody can say. */
  forget({ key }: AskedSale): void {
    this.#sales.delete(key);
  }

  lost({ key }: AskedSale): void {
    const known = this.#sales.get(key);
    if (known !== undefined) known.isRunning = false;
  }

  ended({ key }: AskedSale, outcome: AnswerText): void {
    const known = this.#sales.get(key);
    if (known === undefined) return;
    known.outcome = { kind: outcome.kind, text: Buffer.from(outcome.text) };
    known.isRunning = false;
  }

  /** S2 for a sale that nobody waits for any more. Undefined: for none that is known. */
  late(token: number, fields: readonly Buffer[]): AnswerText | undefined {
    for (const known of this.#sales.values()) {
      if (known.token !== token || known.isRunning || known.outcome !== undefined) continue;
      const outcome = readEnd(fields, known.sale);
      this.ended(known.sale, outcome);
      return outcome;
    }
    return undefined;
  }

  /** The answer to `Check`. */
  check(key: string | undefined): AnswerText {
    const known = key === undefined ? undefined : this.#sales.get(key);
    if (known?.outcome !== undefined) return known.outcome;
    if (!known?.isRunning)
      return unknownOutcome('an ECR-EFT terminal cannot be asked about an earlier payment');
    return { kind: 'error', text: errorText('TRANSACTION_ACTIVE', 'the terminal is carrying it out') };
  }
}
