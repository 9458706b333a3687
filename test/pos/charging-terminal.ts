import type { FakeClock } from '../kit/fake-clock.ts';
import { type Any, PlayedTerminal } from './kit.ts';

/** What a sale costs a terminal in time. */
const SALE_MS = 1500;

/** How often what goes wrong; all zero unless told. */
export interface Mischief {
  readonly random: () => number;
  /** The connection vanishes when a request arrives, or when its answer is due. */
  readonly vanishes: number;
  /** An answer that says nothing about the money. */
  readonly misleads: number;
  /** The card is declined. */
  readonly declines: number;
}

const HARMLESS: Mischief = { random: () => 1, vanishes: 0, misleads: 0, declines: 0 };
const MISLEADING = [
  'CHANNEL_CLOSED',
  'TIMEOUT',
  'INTERNAL_ERROR',
  'OUTCOME_UNKNOWN',
  'TRANSACTION_ACTIVE',
  'RESPONSE_TOO_LARGE',
  'JSONRPC_INVALID_REQUEST',
  'UNKNOWN',
];

/**
 * A terminal that charges whatever Purchase reaches it, whoever waits for the answer, and answers Check with the truth.
 */
export class ChargingTerminal extends PlayedTerminal {
  /** Identities, each time that it was charged. */
  readonly charges: string[] = [];
  readonly declined = new Set<string>();
  readonly #running = new Set<string>();
  readonly #clock: FakeClock;
  readonly #mischief: Mischief;

  constructor(clock: FakeClock, mischief: Mischief = HARMLESS) {
    super();
    this.#clock = clock;
    this.#mischief = mischief;
    this.on('Purchase', (request, connection) => this.#purchase(request, connection));
    this.on('Check', (request, connection) => {
      if (this.#happens('vanishes')) connection.vanish();
      else if (this.#happens('misleads')) this.#mislead(request, connection);
      else this.#tell(request, connection);
    });
  }

  static keyOf({ params }: Any): string {
    return JSON.stringify([params.receipt_id, params.sequence_id]);
  }

  #purchase(request: Any, connection: Any): void {
    const key = ChargingTerminal.keyOf(request);
    if (this.#happens('vanishes')) {
      connection.vanish();
      if (this.#mischief.random() < 0.5) return; // it was not even read
    }
    this.#running.add(key);
    connection.send({ method: 'StatusEvent', params: { transaction_status: 'PROCESSING' } });
    if (this.#happens('misleads')) this.#mislead(request, connection);
    this.#clock.after(SALE_MS, () => {
      this.#running.delete(key);
      if (this.#happens('declines')) this.declined.add(key);
      else this.charges.push(key);
      if (this.#happens('vanishes')) connection.vanish();
      else this.#tell(request, connection);
    });
  }

  #tell(request: Any, connection: Any): void {
    const key = ChargingTerminal.keyOf(request);
    if (this.charges.includes(key)) connection.answer(request, { charged: this.charges.indexOf(key) });
    else if (this.declined.has(key)) connection.fail(request, 'DECLINED');
    else connection.fail(request, this.#running.has(key) ? 'TRANSACTION_ACTIVE' : 'TRANSACTION_NOT_FOUND');
  }

  #mislead(request: Any, connection: Any): void {
    const code = MISLEADING[Math.floor(this.#mischief.random() * MISLEADING.length)];
    connection.fail(request, code);
  }

  #happens(what: 'vanishes' | 'misleads' | 'declines'): boolean {
    return this.#mischief.random() < this.#mischief[what];
  }
}
