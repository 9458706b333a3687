import { readAnswer, type Statement } from '../oracle.ts';
import { keyOf } from './ledger.ts';
import type { RawConnection } from './raw-register.ts';

/** In the currency's smallest unit. */
export const AMOUNT = 1250;

export interface Identifiers {
  readonly receipt_id: string | number;
  readonly sequence_id?: number;
}

/** What a register wants to be paid for, once. */
export interface Sale {
  readonly key: string;
  readonly params: Identifiers;
  /** The machine of its register: who asks is told apart by it. */
  readonly till: number;
  purchases: number;
}

export interface SalesOptions {
  /** Whether the bridges have one. */
  readonly hasJournal: boolean;
  /**
   * Whether the application says at present of a running sale that it is not found. Where no journal knows since when
   * it runs, a register gets the application's own words, and has to know what they are worth.
   */
  mayForget(): boolean;
}

/** Every intention of the registers of a history, and all that they were told. */
export class Sales {
  readonly statements: Statement[] = [];
  readonly #sales = new Map<string, Sale>();
  readonly #options: SalesOptions;

  constructor(options: SalesOptions) {
    this.#options = options;
  }

  /** @param register what the bridge calls the till, if it does */
  add(params: Identifiers, till: number, register: string | undefined): Sale {
    const key = keyOf({ ...params }, register);
    const sale = this.#sales.get(key) ?? { key, params, till, purchases: 0 };
    this.#sales.set(key, sale);
    return sale;
  }

  get all(): readonly Sale[] {
    return [...this.#sales.values()];
  }

  isKnown({ key }: Sale): boolean {
    return this.statements.some((statement) => statement.key === key && statement.says !== 'not begun');
  }

  /** How often its register has been told what became of it. */
  toldOf({ key }: Sale): number {
    return this.statements.filter((statement) => statement.key === key).length;
  }

  tell(statement: Statement): void {
    this.statements.push(statement);
  }

  /** Asks the bridge, and keeps what it answers; resolves when it has, or its connection is lost. */
  async ask(connection: RawConnection, method: 'Purchase' | 'Check', sale: Sale, id: string): Promise<void> {
    const { process } = connection;
    const { random } = process;
    const { key } = sale;
    if (method === 'Purchase') sale.purchases += 1;
    const { sequence_id } = sale.params;
    // The same number in another form is the same number.
    const spelled = sequence_id !== undefined && random.chance(0.1) && { sequence_id: String(sequence_id) };
    const money = method === 'Purchase' && { amount: AMOUNT, currency: 'EUR' };
    const askedMs = process.machine.world.nowMs;
    process.tell(`${method} ${key} (${id})?`);
    const message = await connection.request(method, { ...sale.params, ...spelled, ...money }, id);
    const words =
      message === undefined ? (connection.closeReason ?? 'connection lost') : JSON.stringify(message);
    process.tell(`${method} ${key} (${id}): ${words.slice(0, 300)}`);
    if (message === undefined) return;
    const isOnly = sale.purchases === 1;
    const { hasJournal, mayForget } = this.#options;
    const code = message.error?.data?.['string_code'];
    if (code === 'TRANSACTION_NOT_FOUND' && !hasJournal && mayForget()) return;
    const statement = readAnswer({ method, key, askedMs, isOnly, hasJournal }, message);
    if (statement !== undefined) this.tell(statement);
  }
}
