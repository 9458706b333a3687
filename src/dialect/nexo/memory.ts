import type { JsonObject } from '../../rpc/json-tree.ts';
import type { Asked } from './approval.ts';
import { RecentTexts } from './recent-texts.ts';

/** A payment that a register has asked for: what its answers have to repeat. */
export interface AskedPayment extends Asked {
  readonly ServiceID: string;
  readonly SaleID: string;
  readonly SaleTransactionID: JsonObject | undefined;
  /** The code of the error that it was answered with. */
  errorCode?: string;
}

const MAX_SERVICES = 10_000;
const MAX_PAYMENTS = 10_000;
const MAX_REGISTERS = 1000;

/**
 * What the terminal's end knows beyond one connection, as long as the process lives: over HTTP every request comes on a
 * connection of its own. What must outlive the process is in the bridge's journal.
 */
export class RegisterMemory {
  /** The terminal's name; where none is configured, the first request says it. */
  poiId: string | undefined;
  readonly #services = new RecentTexts(MAX_SERVICES);
  readonly #payments = new Map<string, AskedPayment>();
  readonly #registers = new Map<string, Register>();

  constructor(poiId: string | undefined) {
    this.poiId = poiId;
  }

  /** False: this register has used the ServiceID before. */
  begins(SaleID: string, ServiceID: string): boolean {
    return this.#services.add(nameOf(SaleID, ServiceID));
  }

  asked(payment: AskedPayment): void {
    const { SaleID, ServiceID } = payment;
    bounded(this.#payments, MAX_PAYMENTS).set(nameOf(SaleID, ServiceID), payment);
    this.#register(SaleID).last = payment;
  }

  payment(SaleID: string, ServiceID: string): AskedPayment | undefined {
    return this.#payments.get(nameOf(SaleID, ServiceID));
  }

  forget({ SaleID, ServiceID }: AskedPayment): void {
    this.#payments.delete(nameOf(SaleID, ServiceID));
  }

  /** The payment that this register asked for last. */
  lastOf(SaleID: string): AskedPayment | undefined {
    return this.#registers.get(SaleID)?.last;
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
  last: AskedPayment | undefined;
}

function nameOf(SaleID: string, ServiceID: string): string {
  return JSON.stringify([SaleID, ServiceID]);
}

/** The map with room for one more: the oldest goes. */
function bounded<T>(map: Map<string, T>, limit: number): Map<string, T> {
  const [oldest] = map.keys();
  if (map.size >= limit && oldest !== undefined) map.delete(oldest);
  return map;
}
