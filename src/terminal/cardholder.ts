import type { OutcomeCode } from './answer.ts';
import type { Card, EntryMode, Verification } from './cards.ts';
import type { Purchase } from './purchase.ts';
import type { Stage } from './screen-model.ts';
import type { TextName } from './texts.ts';

/** How long the terminal waits for a card. */
export const CARD_LIMIT_MS = 30_000;

/** A transaction ends without money having moved; thrown out of whatever it waits for. */
export class Ended extends Error {
  readonly code: OutcomeCode;
  readonly display: TextName;

  /** @param details instead of the sentence that belongs to the code. */
  constructor(code: OutcomeCode, details: string = ENDINGS[code].details) {
    super(details);
    this.name = new.target.name;
    this.code = code;
    this.display = ENDINGS[code].display;
  }
}

const ENDINGS: Readonly<Record<OutcomeCode, { readonly details: string; readonly display: TextName }>> = {
  DECLINED: { details: 'the issuer declined the transaction', display: 'declined' },
  CANCELLED: { details: 'the cardholder cancelled the transaction', display: 'cancelled' },
  ABORTED: { details: 'the register cancelled the transaction', display: 'aborted' },
  CARD_REMOVED: {
    details: 'the card was removed before the transaction was decided',
    display: 'card_removed',
  },
  CARD_TIMEOUT: { details: 'no card was presented in time', display: 'card_timeout' },
  CARD_EXPIRED: { details: 'the card has expired', display: 'card_expired' },
  PIN_TIMEOUT: { details: 'no PIN was entered in time', display: 'pin_timeout' },
  PIN_TRIES_EXCEEDED: { details: 'the PIN was wrong three times', display: 'pin_tries' },
  SIGNATURE_REFUSED: { details: 'the cashier did not accept the signature', display: 'signature_refused' },
  REVERSAL_REFUSED: { details: 'there is nothing to reverse', display: 'reversal_refused' },
  TRANSACTION_INTERRUPTED: {
    details:
      'the terminal was stopped before the transaction was decided; it was reversed, nothing was charged',
    display: 'interrupted',
  },
};

/** What a running transaction shows its cardholder, and how it ends from outside. */
export interface Scene {
  readonly purchase: Purchase;
  /** Aborted with an `Ended`, or with another reason when the terminal itself is closed. */
  readonly signal: AbortSignal;
  /** Shows a text on the display and tells it to the cashier. */
  say(stage: Stage, text: TextName): void;
}

export interface Presented {
  readonly card: Card;
  readonly entryMode: EntryMode;
}

/**
 * Who holds the card: presents it, proves whose it is, waits, signs, takes it back, in this order. Each step resolves
 * when it is done, and rejects with `Ended` when the transaction comes to nothing, or with the signal's reason.
 */
export interface Cardholder {
  presentCard(scene: Scene): Promise<Presented>;
  /** `SIGNATURE`: to be signed when the issuer has agreed. */
  verify(scene: Scene, presented: Presented): Promise<Verification>;
  /** The time that the issuer takes, and its answer: resolves when it is yes. */
  authorise(scene: Scene, presented: Presented): Promise<void>;
  sign(scene: Scene): Promise<void>;
  removeCard(scene: Scene): Promise<void>;
  /** A text that a register asks for; undefined when it is cancelled. */
  enterText(options: TextEntry): Promise<string | undefined>;
}

export interface TextEntry {
  readonly signal: AbortSignal;
  readonly maxLength: number;
}
