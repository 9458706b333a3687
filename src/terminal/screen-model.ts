import type { ChannelName } from '../base/channel-name.ts';

/**
 * What the simulated terminal shows and what a person can do with it: the seam between the terminal and its screens.
 * Everything is plain data, for it crosses a WebSocket as JSON.
 */
export interface ScreenModel {
  readonly state: ScreenState;
  /** The newest messages, oldest first; at most MAX_MESSAGES. */
  readonly messages: readonly LoggedMessage[];
  /** Calls back from a later turn after each change, at most once a turn; the answer ends it. */
  watch(changed: () => void): () => void;
  /** Does what a person did. What makes no sense at the moment changes nothing. */
  act(action: ScreenAction): void;
}

export const MAX_MESSAGES = 300;
export const MAX_RECEIPT_LINES = 400;

/** What the terminal waits for, as a person sees it. */
export type Stage =
  | 'idle'
  | 'wait-card'
  | 'pin'
  | 'processing'
  | 'remove-card'
  | 'signature'
  | 'text-input'
  | 'message'
  | 'suspended';

export interface ScreenState {
  readonly stage: Stage;
  /** The cardholder's display, top to bottom; the first line is the heading. */
  readonly lines: readonly string[];
  /** Of the running transaction: `12.30`, `EUR`. */
  readonly amount?: { readonly text: string; readonly currency: string };
  /** Digits of the PIN, or characters of the text, entered so far; for a PIN only how many. */
  readonly entered?:
    | { readonly kind: 'pin'; readonly count: number }
    | { readonly kind: 'text'; readonly text: string };
  /** The card in the chip reader. */
  readonly insertedCard?: string;
  readonly cards: readonly TestCard[];
  /** Whether a person decides (`--interactive`) or the table of amounts does. */
  readonly isInteractive: boolean;
  /** The papers that have come out, oldest first, each with its lines; at most MAX_RECEIPT_LINES lines together. */
  readonly receipts: readonly (readonly string[])[];
  readonly registers: readonly RegisterState[];
  /** Whether the terminal has its line to a broker, where it has to dial one; the icon of the status bar shows it. */
  readonly link?: { readonly isConnected: boolean; readonly place: string };
  /** What the last transaction came to. */
  readonly lastOutcome?: { readonly kind: 'approved' | 'declined' | 'cancelled'; readonly text: string };
}

/** A terminal's line to the broker that it dials, as the terminal knows it. */
export interface LinkState {
  /** An endpoint. */
  readonly place: string;
  readonly isConnected: boolean;
  /** There was a connection before. */
  readonly wasConnected: boolean;
  /** Attempts in a row that have failed, and what the last of them failed with. */
  readonly failures: number;
  readonly why?: string | undefined;
  /** A register has a session open: a lost connection is no business of whoever stands there. */
  readonly hasSession: boolean;
}

export interface TestCard {
  readonly id: string;
  /** For the button: `Mastercard, contactless and chip`. */
  readonly name: string;
  readonly scheme: string;
  readonly canTap: boolean;
  readonly canInsert: boolean;
}

/** A register that is connected through a bridge. */
export interface RegisterState {
  /** The bridge's name for the connection; empty where the bridge gives none. */
  readonly connection: string;
  readonly peer: string;
  /** What it is doing here: `Purchase 12.30 EUR`. */
  readonly activity?: string;
}

/** One line on a channel, masked. */
export interface LoggedMessage {
  /** Counts up from 1. */
  readonly number: number;
  /** ISO 8601. */
  readonly time: string;
  readonly channel: ChannelName;
  readonly connection: string;
  /** `in`: from the register to the terminal. */
  readonly direction: 'in' | 'out';
  readonly kind: 'request' | 'notification' | 'result' | 'error';
  /** Of a response: that of its request. */
  readonly method: string;
  /** Pairs a response with its request, within one connection and direction; empty for a notification. */
  readonly id: string;
  /** `params`, `result` or `error` as JSON text, masked, at most 2000 characters. */
  readonly text: string;
}

export type ScreenAction =
  | { readonly do: 'insert' | 'tap'; readonly card: string }
  | { readonly do: 'remove' }
  /** A digit of the PIN or the text, or a key of the keypad. */
  | {
      readonly do: 'key';
      readonly key: '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9' | 'clear' | 'stop' | 'ok';
    }
  /** The whole text of a text input, from a real keyboard. */
  | { readonly do: 'text'; readonly text: string }
  | { readonly do: 'sign'; readonly accepted: boolean }
  | { readonly do: 'tear-receipt' };
