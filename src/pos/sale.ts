import type { ErrorReason, JsonObject } from './answer.ts';
import type { PosError, SaleIdentity } from './pos-error.ts';

/**
 * How a sale ended, always the truth: money was moved (`approved`) or was not (the others). `not-started`: it was
 * refused before anything began; `not-reached`: the terminal does not know it.
 */
export type Outcome = 'approved' | 'declined' | 'cancelled' | 'not-started' | 'not-reached';

export interface SaleRequest {
  /** In the currency's smallest unit: 1230 is 12.30 EUR. 1 to 999 999 999 999. */
  readonly amountMinor: number;
  /** ISO 4217, as in `EUR`. */
  readonly currency: string;
  /** Default: the next number of the store. Given ones must be new for every sale. */
  readonly receiptId?: string | number | undefined;
  /** Default 1; null: the sale goes out without one. */
  readonly sequenceId?: string | number | null | undefined;
  /** Further params of the request. */
  readonly extra?: JsonObject | undefined;
  /**
   * Stored with the sale and never sent: what a program wants to find in the store with it. Secrets in it are masked.
   */
  readonly memo?: JsonObject | undefined;
}

/** What undoes an approved sale: `amountMinor` and `currency` are that sale's, the identifiers its own. */
export interface ReversalRequest extends SaleRequest {
  readonly originalReceiptId: string | number;
  /** null: the original had none. Default: what the store says, else none. */
  readonly originalSequenceId?: string | number | null | undefined;
}

/** What every sale that has an outcome tells. */
interface EndedSale extends SaleIdentity {
  /** `Purchase`, `Refund` or `Reversal`; empty for a sale that the store does not know. */
  readonly method: string;
  /** Undefined for a sale that the store does not know. */
  readonly amountMinor: number | undefined;
  readonly currency: string | undefined;
  /** The result or error object as the terminal wrote it; from the store: without card secrets. */
  readonly text: string;
  /** False: the disk refused the outcome. It is true all the same, and `recover` will find it again. */
  readonly isRecorded: boolean;
  /** When the outcome was stored, ISO 8601; undefined where that failed, and for a sale that the store did not know. */
  readonly endedAt?: string;
}

/** Money was moved. */
export interface ApprovedSale extends EndedSale {
  readonly outcome: 'approved';
  /** The terminal's result. */
  readonly result: JsonObject;
  /** False: the result names another amount or currency than was asked for, or an amount that cannot be read. */
  readonly isAsAsked: boolean;
  /** What the result names, where it does and can be read. */
  readonly approvedAmountMinor: number | undefined;
  readonly approvedCurrency: string | undefined;
  /** The receipt that the result names instead of this one: a Check of this one may not find the sale. */
  readonly otherReceiptId: string | undefined;
  readonly reason?: never;
}

/** No money was moved. */
export interface UnapprovedSale extends EndedSale {
  readonly outcome: Exclude<Outcome, 'approved'>;
  /** Why. */
  readonly reason: ErrorReason;
  readonly result?: never;
}

/** A sale that has ended; `outcome` tells which of the two it is. */
export type SaleOutcome = ApprovedSale | UnapprovedSale;

/** A sale that was made here: what was asked for is known. */
export type MadeSale = SaleOutcome & { readonly amountMinor: number; readonly currency: string };

/** A sale whose outcome nobody could tell yet; its entry stays open. */
export interface UnknownSale extends SaleIdentity {
  readonly outcome: 'unknown';
  readonly method: string;
  readonly amountMinor: number | undefined;
  readonly currency: string | undefined;
  readonly error: PosError;
}

/**
 * Where a sale is. `recorded`: on disk, nothing sent; `sent`: may be charged from here on; `lost`: the connection went
 * away; `asking`: the terminal is asked for the outcome, `count` times so far (what it is asked every minute while the
 * sale is under way is not told); `decided`: the outcome is known; `contradicted`: a result came after "not charged"
 * was told, and counts now.
 */
export interface SaleProgress extends SaleIdentity {
  readonly step: 'recorded' | 'connected' | 'sent' | 'lost' | 'asking' | 'decided' | 'contradicted';
  readonly method: string;
  readonly count?: number;
}

/** What `recover` leaves open without telling anything about it. */
export interface RecoverySummary {
  /** Sales that another process, or another call, is at. */
  readonly busy: number;
  /** Entries that cannot be read any more: only a person can find out about them. */
  readonly unreadable: number;
}

/** What `recover` made of an entry. */
export type RecoveredSale = SaleOutcome | UnknownSale;
