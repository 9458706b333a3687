import { cutText } from '../base/printable.ts';
import type { Disconnection } from '../pos/keeper.ts';
import type { SaleProgress } from '../pos/sale.ts';
import type { Status } from '../pos/status.ts';
import { printable } from './journal-view.ts';

/** What a register hears while it works, one thing at a time. */
export type PosEvent =
  | { readonly kind: 'connected'; readonly to: string }
  | { readonly kind: 'disconnected'; readonly disconnection: Disconnection }
  | { readonly kind: 'progress'; readonly progress: SaleProgress }
  | { readonly kind: 'status'; readonly status: Status }
  | { readonly kind: 'message'; readonly text: string }
  /** Words of our own, about what is being done. */
  | { readonly kind: 'note'; readonly text: string };

const MAX_MESSAGE = 200;

/** Where things stand, in words for the cashier; what the terminal says is masked and escaped. */
export class Stage {
  readonly #subject: string;
  #text: string;
  #message = '';
  #isSent = false;

  /** `subject`: what it is about, such as an amount; may be empty. */
  constructor(text: string, subject = '') {
    this.#text = text;
    this.#subject = subject;
  }

  /** One line. */
  get text(): string {
    return [this.#subject, this.#text, this.#message].filter((part) => part !== '').join(': ');
  }

  receive(event: PosEvent): void {
    switch (event.kind) {
      case 'connected':
        this.#say(this.#isSent ? 'connected again, asking for the outcome' : 'connected');
        break;
      case 'disconnected':
        this.#say(disconnectedText(event.disconnection));
        break;
      case 'progress':
        this.#progress(event.progress);
        break;
      case 'status':
        // Between the terminal's last status and its answer nothing new is said.
        if (event.status.transactionStatus !== undefined) this.#change(transactionText(event.status));
        break;
      case 'message':
        this.#message = shown(event.text);
        break;
      case 'note':
        this.#say(event.text);
        break;
    }
  }

  #progress({ step, count }: SaleProgress): void {
    if (step === 'sent') this.#isSent = true;
    if (step === 'sent') this.#say('sent to the terminal');
    if (step === 'lost') this.#say('no answer, looking for the outcome');
    if (step === 'asking') this.#say(`asking the terminal for the outcome (${count ?? 1})`);
  }

  /** A text for the cashier holds as long as the terminal does the same. */
  #change(text: string): void {
    if (text !== this.#text) this.#say(text);
  }

  #say(text: string): void {
    this.#text = text;
    this.#message = '';
  }
}

/** The stage of a transaction, or what the terminal does when there is none. */
export function transactionText({ transactionStatus, readyForTransaction }: Status): string {
  if (transactionStatus === undefined) return readyForTransaction === false ? 'not ready' : 'ready';
  return TRANSACTION_WORDS.get(transactionStatus) ?? shown(transactionStatus);
}

const TRANSACTION_WORDS: ReadonlyMap<string, string> = new Map([
  ['WAIT_CARD_IN', 'waiting for the card'],
  ['PROCESSING', 'processing'],
  ['WAIT_CARD_OUT', 'waiting for the card to be taken out'],
  ['WAIT_POS', 'the terminal waits for the register'],
]);

/** `retryMs` is left out: the next attempt says enough. */
export function disconnectedText({ reason, failures }: Disconnection): string {
  const why = shown(reason.text === '' ? reason.code : reason.text);
  return failures > 1 ? `no connection (${why}), attempt ${failures} failed` : `no connection (${why})`;
}

function shown(text: string): string {
  return cutText(printable(text), MAX_MESSAGE);
}
