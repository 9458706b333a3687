import { type JsonObject, textAt } from '../../rpc/json-tree.ts';
import type { Asked } from './approval.ts';
import type { TransactionCategory } from './message-reference.ts';
import { RecentTexts } from './recent-texts.ts';

/** A transaction that a register has asked for: what its answers have to repeat. */
export interface AskedTransaction extends Asked {
  readonly category: TransactionCategory;
  readonly ServiceID: string;
  readonly SaleID: string;
  readonly SaleTransactionID: JsonObject | undefined;
  /** Of a Reversal: what it undoes, as the register named it. */
  readonly OriginalPOITransaction?: JsonObject | undefined;
  /** The code of the error that it was answered with. */
  errorCode?: string;
}

/** How a register names a payment that is to be undone: by what the terminal has called it. */
export interface OriginalName {
  readonly TransactionID: string;
  readonly TimeStamp: string;
  readonly SaleID: string;
}

/** An approved payment, and how much was taken. */
export interface Original {
  readonly asked: Pick<AskedTransaction, 'ServiceID' | 'SaleID'>;
  readonly amount: number;
  readonly currency: string;
}

const MAX_SERVICES = 10_000;
const MAX_TRANSACTIONS = 10_000;
const MAX_REGISTERS = 1000;

/**
 * What the terminal's end knows beyond one connection, as long as the process lives: over HTTP every request comes on a
 * connection of its own. What must outlive the process is in the bridge's journal.
 */
export class RegisterMemory {
  /** The terminal's name; where none is configured, the first request says it. */
  poiId: string | undefined;
  readonly #services = new RecentTexts(MAX_SERVICES);
  readonly #transactions = new Map<string, AskedTransaction>();
  readonly #originals = new Map<string, Original | 'several'>();
  readonly #registers = new Map<string, Register>();

  constructor(poiId: string | undefined) {
    this.poiId = poiId;
  }

  /** False: this register has used the ServiceID before. */
  begins(SaleID: string, ServiceID: string): boolean {
    return this.#services.add(nameOf(SaleID, ServiceID));
  }

  asked(transaction: AskedTransaction): void {
    const { SaleID, ServiceID } = transaction;
    bounded(this.#transactions, MAX_TRANSACTIONS).set(nameOf(SaleID, ServiceID), transaction);
    this.#register(SaleID).last = transaction;
  }

  transaction(SaleID: string, ServiceID: string): AskedTransaction | undefined {
    return this.#transactions.get(nameOf(SaleID, ServiceID));
  }

  forget({ SaleID, ServiceID }: AskedTransaction): void {
    this.#transactions.delete(nameOf(SaleID, ServiceID));
  }

  /** The transaction that this register asked for last. */
  lastOf(SaleID: string): AskedTransaction | undefined {
    return this.#registers.get(SaleID)?.last;
  }

  /** @param named `POITransactionID`, as the register was told it. */
  approved(
    named: JsonObject | undefined,
    { ServiceID, SaleID }: AskedTransaction,
    { amount, currency }: Pick<Asked, 'amount' | 'currency'>,
  ): void {
    const TransactionID = textAt(named, 'TransactionID');
    const TimeStamp = textAt(named, 'TimeStamp') ?? '';
    if (TransactionID === undefined || amount === undefined || currency === undefined) return;
    const name = originalKey({ TransactionID, TimeStamp, SaleID });
    const known = this.#originals.get(name);
    const isOther = known !== undefined && (known === 'several' || known.asked.ServiceID !== ServiceID);
    const original = isOther ? 'several' : { asked: { ServiceID, SaleID }, amount, currency };
    bounded(this.#originals, MAX_TRANSACTIONS).set(name, original);
  }

  /** `several`: the terminal has given the same name more than once. */
  original(name: OriginalName): Original | 'several' | undefined {
    return this.#originals.get(originalKey(name));
  }

  login(SaleID: string, language: string | undefined): void {
    const register = this.#register(SaleID);
    register.isLoggedIn = true;
    register.language = language;
  }

  logout(SaleID: string): void {
    this.#register(SaleID).isLoggedIn = false;
  }

  isLoggedIn(SaleID: string): boolean {
    return this.#registers.get(SaleID)?.isLoggedIn ?? false;
  }

  /** The cashier's, as the Login said. */
  languageOf(SaleID: string): string | undefined {
    return this.#registers.get(SaleID)?.language;
  }

  #register(SaleID: string): Register {
    const known = this.#registers.get(SaleID);
    if (known !== undefined) return known;
    const register: Register = { isLoggedIn: false, language: undefined, last: undefined };
    bounded(this.#registers, MAX_REGISTERS).set(SaleID, register);
    return register;
  }
}

interface Register {
  isLoggedIn: boolean;
  language: string | undefined;
  last: AskedTransaction | undefined;
}

function nameOf(SaleID: string, ServiceID: string): string {
  return JSON.stringify([SaleID, ServiceID]);
}

/** The same moment is the same name, however it is written: some libraries read times and write them again. */
function originalKey({ TransactionID, TimeStamp, SaleID }: OriginalName): string {
  const ms = Date.parse(TimeStamp);
  return JSON.stringify([TransactionID, Number.isNaN(ms) ? TimeStamp : ms, SaleID]);
}

/** The map with room for one more: the oldest goes. */
function bounded<T>(map: Map<string, T>, limit: number): Map<string, T> {
  const [oldest] = map.keys();
  if (map.size >= limit && oldest !== undefined) map.delete(oldest);
  return map;
}
