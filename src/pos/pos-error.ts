import { BridgeError, type BridgeErrorCode } from '../base/errors.ts';
import { maskText } from '../base/mask.ts';
import type { Answer, ErrorReason } from './answer.ts';

/** What can go wrong on the register's own side; each has a line in docs/errors.md. */
export type PosErrorCode = Extract<
  BridgeErrorCode,
  | 'NOT_CONNECTED'
  | 'CONNECTION_CLOSED'
  | 'KEEPALIVE'
  | 'TIMEOUT'
  | 'ABORTED'
  | 'OUTCOME_UNKNOWN'
  | 'TRANSACTION_ACTIVE'
  | 'DUPLICATE_TRANSACTION'
  | 'STORE_FAILED'
>;

/** What identifies a sale for ever, as text. */
export interface SaleIdentity {
  readonly receiptId: string;
  /** Undefined where the sale has none. */
  readonly sequenceId: string | undefined;
}

export interface PosErrorOptions extends ErrorOptions {
  readonly sale?: SaleIdentity | undefined;
}

/** A fault on the register's side: the terminal has said nothing of the kind. `text` is one masked line for people. */
export class PosError extends BridgeError {
  declare readonly code: PosErrorCode;
  /** The sale that it is about. */
  readonly sale: SaleIdentity | undefined;

  constructor(code: PosErrorCode, text: string, options: PosErrorOptions = {}) {
    super(code, maskText(text), options);
    const { sale } = options;
    this.sale = sale && { receiptId: sale.receiptId, sequenceId: sale.sequenceId };
  }
}

/**
 * What the terminal answered instead of a result. `message` is masked, and says the first of the texts for the cashier,
 * for people and for technicians that there is; the other texts are the terminal's own.
 */
export class PeerError extends Error {
  /** `data.string_code`, for programs. */
  readonly code: string;
  /** `message` of the error object: a sentence for people. */
  readonly peerMessage: string;
  /** `data.details`: for technicians; may be empty. */
  readonly details: string;
  /** `data.display_message`: for the cashier, in the cashier's language. */
  readonly displayMessage: string | undefined;
  /** The whole error object as it was written. */
  readonly text: string;

  constructor(answer: Answer, reason: ErrorReason) {
    const words = [reason.displayMessage, reason.message, reason.details].find((text) => text);
    super(maskText(words === undefined ? reason.code : `${reason.code}: ${words}`));
    this.name = new.target.name;
    this.code = reason.code;
    this.peerMessage = reason.message;
    this.details = reason.details;
    this.displayMessage = reason.displayMessage;
    this.text = answer.text;
  }
}

/** Thrown by a handler of the terminal's requests, it becomes the answer. */
export class RequestRefused extends Error {
  readonly code: string;
  readonly details: string;

  /** `code`: the string code; `details`: one plain sentence that may cross the wire. */
  constructor(code: string, details: string) {
    super(`${code}: ${details}`);
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}
