/** What callers see, and the page as well: types and nothing else. */

export type Kind = 'purchase' | 'refund';

/** `pending`: being carried out, or asked about; `unknown`: it may be charged, and so far nobody could tell. */
export type SaleState =
  | 'pending'
  | 'approved'
  | 'declined'
  | 'cancelled'
  | 'not-started'
  | 'not-reached'
  | 'unknown';

export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly displayMessage?: string | undefined;
}

/** A sale as callers see it. */
export interface Sale {
  readonly id: string;
  readonly terminal: string;
  readonly kind: Kind;
  readonly state: SaleState;
  readonly amount: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly approvedAmount?: string;
  readonly approvedAmountMinor?: number;
  readonly approvedCurrency?: string;
  readonly otherReceiptId?: string;
  readonly reference: string | null;
  readonly reason: Reason | null;
  readonly card: Card | null;
  readonly receipts: Receipts;
  readonly settledBy?: string;
  readonly isContradicted?: true;
  readonly createdAt: string;
  readonly endedAt: string | null;
}

export interface Card {
  readonly scheme?: string;
  readonly maskedNumber?: string;
  readonly entryMode?: string;
  readonly verificationMethod?: string;
  readonly authorizationCode?: string;
}

export interface Receipts {
  readonly merchant: readonly string[] | null;
  readonly customer: readonly string[] | null;
}

export type TerminalState = 'ready' | 'busy' | 'not-ready' | 'not-connected';

/** A terminal as callers see it. */
export interface TerminalView {
  readonly name: string;
  readonly state: TerminalState;
  readonly protocol: string;
  /** Where it is. */
  readonly place: string;
  /** What it is, as far as it has said so. */
  readonly version: string | null;
  readonly serialNumber: string | null;
  readonly location: string | null;
  /** What it is doing, in its own word. */
  readonly activity: string | null;
  readonly isOnline: boolean | null;
  readonly isConnected: boolean;
  /** The sale that it is busy with. */
  readonly sale: RunningView | null;
}

export interface RunningView {
  readonly id: string | null;
  readonly kind: Kind;
  readonly since: string;
}

/** How a person may end a sale of which nobody else can tell any more. */
export type Settlement = 'approved' | 'not-charged';
