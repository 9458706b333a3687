/** What an application knows of one sale; on its disk before anything is said about it. */
export interface LedgerEntry {
  begunMs: number | undefined;
  charges: number;
  /** What Check is told. */
  answer: { readonly kind: 'result' | 'error'; readonly text: string; readonly code?: string } | undefined;
  /** When somebody was told first that there is no such sale. */
  firstDeniedMs: number | undefined;
  /** Whoever was told so had reason to believe it: it is refused from then on. */
  isDenied: boolean;
  /** It was charged, and called declined first. */
  isContradicted: boolean;
}

/** The truth about the money of one terminal. */
export class Ledger {
  readonly #entries = new Map<string, LedgerEntry>();

  entry(key: string): LedgerEntry {
    const entry = this.#entries.get(key) ?? {
      begunMs: undefined,
      charges: 0,
      answer: undefined,
      firstDeniedMs: undefined,
      isDenied: false,
      isContradicted: false,
    };
    this.#entries.set(key, entry);
    return entry;
  }

  get keys(): readonly string[] {
    return [...this.#entries.keys()];
  }

  charges(key: string): number {
    return this.#entries.get(key)?.charges ?? 0;
  }
}

/** The name of a sale in ledgers and stories. */
export function keyOf(params: { readonly [name: string]: unknown }, register = ''): string {
  const { receipt_id, sequence_id } = params;
  return `${register}:${receipt_id}/${sequence_id ?? ''}`;
}
