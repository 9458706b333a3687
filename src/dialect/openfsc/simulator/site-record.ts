import type { Arguments, MethodName } from '../methods.ts';

/** Pumps, transactions, … of one site that are remembered; the oldest make room. */
const MAX_ENTRIES = 4096;

/** A line's arguments in order. */
export type Words = readonly string[];

interface Told {
  readonly words: Words;
  /** Which of all lines it was. */
  readonly count: number;
}

/** A pump that was unlocked for a customer of ours. */
interface Release {
  readonly pump: number;
  state: 'unlocked' | 'over';
}

/** What the platform knows of a site, whatever session it came by. */
export class SiteRecord {
  readonly siteAccessKey: string;
  readonly secret: string;
  /** By method and by what each line is about. */
  readonly #told = new Map<string, Map<string, Told>>();
  /** By fscTransactionId in lower case. */
  readonly #releases = new Map<string, Release>();
  #count = 0;

  constructor(siteAccessKey: string, secret: string) {
    this.siteAccessKey = siteAccessKey;
    this.secret = secret;
  }

  /** A notification of the site. `words` are its arguments. */
  told(method: MethodName, words: Words): void {
    const [first = '', second = ''] = words;
    const key = PAIRED.has(method) ? `${Number(first)} ${second}` : first;
    this.#count += 1;
    put(this.#of(method), key, { words, count: this.#count });
    const release = method === 'TRANSACTION' ? this.#releases.get(second.toLowerCase()) : undefined;
    if (release !== undefined) release.state = 'over';
  }

  /** The latest of each pump, transaction, …, oldest first. */
  known(method: MethodName): readonly Words[] {
    return [...this.#of(method).values()].map(({ words }) => words);
  }

  /** Before TRANSACTIONS: what is not told from now on is not there any more. */
  get mark(): number {
    return this.#count;
  }

  /** After its OK. @param pump the one that was asked for, else all. */
  forgetUntold(mark: number, pump: string | undefined): void {
    const transactions = this.#of('TRANSACTION');
    for (const [key, { words, count }] of transactions) {
      if (count <= mark && (pump === undefined || Number(words[0]) === Number(pump)))
        transactions.delete(key);
    }
  }

  cleared(pump: string, siteTransactionId: string, fscTransactionId: string): void {
    this.notReleased(fscTransactionId);
    this.#of('TRANSACTION').delete(`${Number(pump)} ${siteTransactionId}`);
  }

  released(pump: string, fscTransactionId: string): void {
    put(this.#releases, fscTransactionId.toLowerCase(), { pump: Number(pump), state: 'unlocked' });
  }

  notReleased(fscTransactionId: string): void {
    this.#releases.delete(fscTransactionId.toLowerCase());
  }

  /** The platform has locked the pump again. */
  locked(pump: string): void {
    for (const release of this.#releases.values()) {
      if (release.pump === Number(pump)) release.state = 'over';
    }
  }

  /** LOCKEDPUMP of the site; the error to answer, or undefined for OK. */
  lockedPump({ values }: Arguments): { readonly code: number; readonly text: string } | undefined {
    const { pump = '', fscTransactionId = '', reason = '' } = values;
    if (reason !== 'aborted' && reason !== 'timeout') return { code: 400, text: 'Invalid reason' };
    const release = this.#releases.get(fscTransactionId.toLowerCase());
    if (release?.pump !== Number(pump)) return { code: 404, text: 'Pump and transaction do not match' };
    // Once more is no harm: the answer may have been lost.
    const isRepeat = this.known('LOCKEDPUMP').some(([, id]) => id === fscTransactionId);
    if (release.state === 'over' && !isRepeat) return { code: 403, text: 'The pump is not unlocked' };
    release.state = 'over';
    this.told('LOCKEDPUMP', [String(Number(pump)), fscTransactionId, reason]);
    return undefined;
  }

  #of(method: MethodName): Map<string, Told> {
    const known = this.#told.get(method) ?? new Map<string, Told>();
    this.#told.set(method, known);
    return known;
  }
}

/** What is about a pump and a transaction together. */
const PAIRED: ReadonlySet<MethodName> = new Set(['TRANSACTION', 'LOCKEDPUMP']);

function put<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_ENTRIES && oldest !== undefined) map.delete(oldest);
}
