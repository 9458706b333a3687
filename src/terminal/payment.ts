import { type Clock, isoTime } from '../base/clock.ts';
import { formatAmount } from '../base/currency.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { TransactionStatus } from '../dialect/vocabulary.ts';
import { type Answer, errorAnswer, resultAnswer } from './answer.ts';
import { type Cardholder, Ended, type Presented, type Scene } from './cardholder.ts';
import type { Verification } from './cards.ts';
import type { Panel } from './panel.ts';
import type { Purchase } from './purchase.ts';
import { approval, type ReceiptForm } from './receipt.ts';
import type { Original } from './reversal.ts';
import type { ScreenState, Stage } from './screen-model.ts';
import { sleep } from './sleep.ts';
import type { TextName, Texts } from './texts.ts';
import type { OpenRecord } from './transaction-store.ts';

/** How often a disk that does not take the outcome is tried again. */
const STORE_AGAIN_MS = 1000;

export interface PaymentOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly panel: Panel;
  readonly texts: Texts;
  readonly cardholder: Cardholder;
  readonly receipts: ReceiptForm;
  /** The status has changed. */
  readonly statusChanged: () => void;
  /** A text for the cashier of the register that pays. */
  readonly tellCashier: (text: string) => void;
  /** Counts an approved transaction and names it. */
  readonly nextTransaction: () => { readonly trace: number; readonly transactionId: string };
  /** The outcome is on record, its answer is not on its way. */
  readonly recorded: (purchase: Purchase) => void;
}

/**
 * One transaction:
 *
 *   begun → WAIT_CARD_IN → PROCESSING → (WAIT_POS, for a signature) → decided → recorded → WAIT_CARD_OUT → over
 *
 * Until it is decided the register (`abort`), the cardholder and time limits may end it; then it is decided as well,
 * and recorded in the same way. WAIT_CARD_OUT only while a card is in the reader. A Reversal begins with PROCESSING: it
 * needs no card.
 */
export class Payment {
  readonly purchase: Purchase;
  readonly since: string;
  readonly #options: PaymentOptions;
  /** Aborted by whoever may end it before it is decided. */
  readonly #ending = new AbortController();
  /** Aborted when the terminal is closed. */
  readonly #stopping = new AbortController();
  #status: TransactionStatus | undefined;
  #isDecided = false;

  constructor(purchase: Purchase, options: PaymentOptions) {
    this.purchase = purchase;
    this.#options = options;
    this.since = isoTime(options.clock);
  }

  get status(): TransactionStatus | undefined {
    return this.#status;
  }

  /** For people: `Purchase 12.30 EUR`. */
  get text(): string {
    const { method, amountMinor, currency } = this.purchase;
    return `${method} ${formatAmount(amountMinor, currency)}`;
  }

  /** Runs it on its record; resolves with the answer when that may leave, or undefined when it was stopped. */
  async run(record: OpenRecord): Promise<Answer | undefined> {
    try {
      const { answer, receipt, shown } = await this.#decide(record.original);
      this.#isDecided = true;
      await this.#store(record, answer);
      this.#options.recorded(this.purchase);
      if (receipt !== undefined) this.#options.panel.print(receipt);
      this.#options.panel.ended(shown);
      await this.#returnCard();
      return answer;
    } catch (fault) {
      await record.release();
      if (!this.#stopping.signal.aborted) throw fault;
      return undefined;
    }
  }

  /** Ends it in the name of the register; false when it is too late. */
  abort(): boolean {
    if (this.#isDecided) return false;
    this.#ending.abort(new Ended('ABORTED'));
    return true;
  }

  /** The terminal is closed: waits for nothing any more. What is not decided yet stays so. */
  stop(): void {
    this.#stopping.abort(new Error('the terminal is closed'));
  }

  async #decide(original: OpenRecord['original']): Promise<Decision> {
    try {
      const consent = original === undefined ? this.#askCardholder() : this.#askIssuer(original);
      return this.#approve(await consent);
    } catch (fault) {
      if (!(fault instanceof Ended)) throw fault;
      const text = this.#say(fault.display);
      return {
        answer: errorAnswer(fault.code, fault.message, text),
        receipt: undefined,
        shown: {
          kind: fault.code === 'CANCELLED' || fault.code === 'ABORTED' ? 'cancelled' : 'declined',
          text,
        },
      };
    }
  }

  async #askCardholder(): Promise<Consent> {
    const { cardholder } = this.#options;
    const signal = AbortSignal.any([this.#ending.signal, this.#stopping.signal]);
    const scene = this.#scene(signal);
    this.#to('WAIT_CARD_IN', scene, 'wait-card', 'present_card');
    const presented = await cardholder.presentCard(scene);
    this.#to('PROCESSING', scene, 'processing', 'processing');
    const verification = await cardholder.verify(scene, presented);
    await cardholder.authorise(scene, presented);
    if (verification === 'SIGNATURE') {
      this.#to('WAIT_POS', scene, 'signature', 'check_signature');
      await cardholder.sign(scene);
    }
    signal.throwIfAborted(); // from here on it is decided
    return { ...presented, verification };
  }

  /** A Reversal: nobody has to be there. */
  async #askIssuer(original: Original | string): Promise<Consent> {
    if (typeof original === 'string') throw new Ended('REVERSAL_REFUSED', original);
    const signal = AbortSignal.any([this.#ending.signal, this.#stopping.signal]);
    const scene = this.#scene(signal);
    this.#to('PROCESSING', scene, 'processing', 'processing');
    await this.#options.cardholder.authorise(scene, original.presented);
    signal.throwIfAborted(); // from here on it is decided
    return { ...original.presented, verification: 'NONE' };
  }

  #approve(consent: Consent): Decision {
    const { clock, nextTransaction, receipts: form } = this.#options;
    const { result, paper } = approval({
      ...consent,
      ...nextTransaction(),
      purchase: this.purchase,
      timestamp: isoTime(clock),
      form,
    });
    return {
      answer: resultAnswer(result),
      receipt: paper,
      shown: { kind: 'approved', text: this.#say('approved') },
    };
  }

  /** A full disk holds the answer back: what is not recorded has not happened. */
  async #store(record: OpenRecord, answer: Answer): Promise<void> {
    const { clock, log } = this.#options;
    for (;;) {
      try {
        return await record.finish(answer);
      } catch (fault) {
        log.error('an outcome cannot be recorded, trying again', { why: describeFault(fault) });
        await sleep(clock, STORE_AGAIN_MS, this.#stopping.signal);
      }
    }
  }

  async #returnCard(): Promise<void> {
    const { cardholder, panel } = this.#options;
    if (panel.insertedCard === undefined) return;
    const scene = this.#scene(this.#stopping.signal);
    this.#to('WAIT_CARD_OUT', scene, 'remove-card', 'remove_card');
    await cardholder.removeCard(scene);
  }

  #scene(signal: AbortSignal): Scene {
    const { panel, tellCashier } = this.#options;
    const { purchase } = this;
    const { amountMinor, currency } = purchase;
    const amount = { text: formatAmount(amountMinor, currency).replace(` ${currency}`, ''), currency };
    return {
      purchase,
      signal,
      say: (stage, name) => {
        const text = this.#say(name);
        panel.show(stage, [text], { amount });
        tellCashier(text);
      },
    };
  }

  #to(status: TransactionStatus, scene: Scene, stage: Stage, text: TextName): void {
    this.#status = status;
    this.#options.statusChanged();
    scene.say(stage, text);
  }

  #say(name: TextName): string {
    return this.#options.texts.say(this.purchase.language, name);
  }
}

/** The cardholder and the issuer have agreed. */
interface Consent extends Presented {
  readonly verification: Verification;
}

interface Decision {
  readonly answer: Answer;
  /** For the customer. */
  readonly receipt: readonly string[] | undefined;
  readonly shown: NonNullable<ScreenState['lastOutcome']>;
}
