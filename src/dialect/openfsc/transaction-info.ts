import type { Clock, Timer } from '../../base/clock.ts';

/** Transactions whose details are kept at one time; the oldest makes room. */
const MAX_TRANSACTIONS = 64;
/** Keys of one transaction. */
const MAX_KEYS = 16;
/** Longest value, bytes. */
const MAX_VALUE_BYTES = 256;
/** Pumps whose last unlocking is remembered. */
const MAX_PUMPS = 4096;
/** Without a request for it, nothing is kept longer. */
const KEEP_MS = 600_000;

interface Details {
  readonly values: Map<string, Buffer>;
  readonly expiry: Timer;
}

/**
 * What the server has told about the cards of one session's transactions (TRANSACTIONINFO): kept in memory only, and
 * overwritten when no longer wanted, or after ten minutes.
 */
export class TransactionInfo {
  readonly #clock: Clock;
  /** By fscTransactionId in lower case, oldest first. */
  readonly #details = new Map<string, Details>();
  /** The transaction that a pump was unlocked for last. */
  readonly #unlockedFor = new Map<number, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#details.size;
  }

  /** The last value of a key counts. False: there are too many keys, or it is too long. */
  put(fscTransactionId: string, key: string, value: string): boolean {
    const id = fscTransactionId.toLowerCase();
    const details = this.#details.get(id) ?? this.#begin(id);
    const bytes = Buffer.from(value);
    const known = details.values.get(key);
    if (bytes.length > MAX_VALUE_BYTES || (known === undefined && details.values.size >= MAX_KEYS)) {
      bytes.fill(0);
      return false;
    }
    known?.fill(0);
    details.values.set(key, bytes);
    return true;
  }

  /**
   * A copy of the details as a JSON object; undefined when there are none. Who asks for it overwrites it.
   *
   * Shape: `{"pan":"…","approvalCode":"…","mileage":176439,"other":{"KEY":"VALUE"}}`, each where it was told; a mileage
   *   that was not told is 0
   */
  copy(fscTransactionId: string): Buffer | undefined {
    const values = this.#details.get(fscTransactionId.toLowerCase())?.values;
    if (values === undefined || values.size === 0) return undefined;
    const members: Buffer[] = [];
    const others: Buffer[] = [];
    for (const [key, value] of values) {
      const known = KNOWN.get(key);
      if (known?.form.test(value.toString('latin1'))) {
        const quote = known.isNumber ? '' : '"';
        members.push(joined([`"${known.member}":${quote}`, value, quote]));
      } else others.push(Buffer.from(`${JSON.stringify(key)}:${JSON.stringify(value.toString())}`));
    }
    if (!values.has('Mileage')) members.push(Buffer.from('"mileage":0'));
    if (others.length > 0) members.push(joined(['"other":{', list(others), '}']));
    const object = joined(['{', list(members), '}']);
    for (const part of [...members, ...others]) part.fill(0);
    return object;
  }

  wipe(fscTransactionId: string): void {
    const id = fscTransactionId.toLowerCase();
    const details = this.#details.get(id);
    if (details === undefined) return;
    this.#details.delete(id);
    details.expiry.cancel();
    for (const value of details.values.values()) value.fill(0);
  }

  /** Remembers what a pump is unlocked for, so that locking it wipes that too. */
  unlocked(pump: number, fscTransactionId: string): void {
    this.#unlockedFor.delete(pump);
    this.#unlockedFor.set(pump, fscTransactionId);
    const [oldest] = this.#unlockedFor.keys();
    if (this.#unlockedFor.size > MAX_PUMPS && oldest !== undefined) this.#unlockedFor.delete(oldest);
  }

  wipePump(pump: number): void {
    const fscTransactionId = this.#unlockedFor.get(pump);
    if (fscTransactionId !== undefined) this.wipe(fscTransactionId);
  }

  wipeAll(): void {
    for (const id of [...this.#details.keys()]) this.wipe(id);
  }

  #begin(id: string): Details {
    const [oldest] = this.#details.keys();
    if (this.#details.size >= MAX_TRANSACTIONS && oldest !== undefined) this.wipe(oldest);
    const details = { values: new Map(), expiry: this.#clock.after(KEEP_MS, () => this.wipe(id)) };
    this.#details.set(id, details);
    return details;
  }
}

interface KnownKey {
  readonly member: string;
  /** What does not look like this goes to `other`. */
  readonly form: RegExp;
  readonly isNumber: boolean;
}

const KNOWN: ReadonlyMap<string, KnownKey> = new Map([
  ['PAN', { member: 'pan', form: /^\d{1,32}$/, isNumber: false }],
  ['ApprovalCode', { member: 'approvalCode', form: /^[0-9A-Za-z]{1,32}$/, isNumber: false }],
  ['Mileage', { member: 'mileage', form: /^(?:0|[1-9]\d{0,14})$/, isNumber: true }],
]);

function joined(parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

function list(parts: readonly Buffer[]): Buffer {
  return joined(parts.flatMap((part, index) => (index === 0 ? [part] : [',', part])));
}
