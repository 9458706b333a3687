import type { Clock } from '../base/clock.ts';
import { type Cardholder, Ended, type Presented, type Scene, type TextEntry } from './cardholder.ts';
import { MASTERCARD, type Verification } from './cards.ts';
import { type Course, courseOf, LATE_MS } from './outcomes.ts';
import type { Panel } from './panel.ts';
import { sleep } from './sleep.ts';

/** What it types when a register asks for a text. */
export const AUTOMATIC_TEXT = '12345';

export interface AutomaticOptions {
  readonly clock: Clock;
  readonly panel: Panel;
  /**
   * From a Purchase to its answer: a third for presenting the card, a third for the issuer, the rest for taking it
   * back.
   */
  readonly delayMs: number;
}

/** A cardholder who does, after fixed times, what the amount's last digits say. */
export class AutomaticCardholder implements Cardholder {
  readonly #options: AutomaticOptions;
  readonly #partMs: number;

  constructor(options: AutomaticOptions) {
    this.#options = options;
    this.#partMs = Math.floor(options.delayMs / 3);
  }

  async presentCard(scene: Scene): Promise<Presented> {
    if (this.#courseOf(scene) === 'no-card') {
      await this.#sleep(this.#options.delayMs, scene.signal);
      throw new Ended('CARD_TIMEOUT');
    }
    await this.#sleep(this.#partMs, scene.signal);
    this.#options.panel.insertedCard = MASTERCARD.id;
    return { card: MASTERCARD, entryMode: MASTERCARD.inserted };
  }

  async verify(scene: Scene): Promise<Verification> {
    const course = this.#courseOf(scene);
    if (course === 'signature') return 'SIGNATURE';
    if (course === 'wrong-pin') {
      scene.say('pin', 'enter_pin');
      await this.#sleep(this.#partMs / 2, scene.signal);
      scene.say('pin', 'wrong_pin');
      await this.#sleep(this.#partMs / 2, scene.signal);
      scene.say('processing', 'processing');
    }
    return 'PIN';
  }

  async authorise(scene: Scene): Promise<void> {
    const course = this.#courseOf(scene);
    if (course === 'card-removed') {
      await this.#sleep(this.#partMs / 2, scene.signal);
      this.#options.panel.insertedCard = undefined;
      throw new Ended('CARD_REMOVED');
    }
    const lateMs = Math.max(0, LATE_MS - this.#options.delayMs + this.#partMs);
    await this.#sleep(course === 'late' ? lateMs : this.#partMs, scene.signal);
    if (course === 'declined') throw new Ended('DECLINED');
  }

  sign({ signal }: Scene): Promise<void> {
    return this.#sleep(this.#partMs, signal);
  }

  async removeCard({ signal }: Scene): Promise<void> {
    await this.#sleep(this.#options.delayMs - 2 * this.#partMs, signal);
    this.#options.panel.insertedCard = undefined;
  }

  async enterText({ signal, maxLength }: TextEntry): Promise<string> {
    await this.#sleep(this.#options.delayMs, signal);
    return AUTOMATIC_TEXT.slice(0, maxLength);
  }

  #courseOf({ purchase }: Scene): Course {
    return courseOf(purchase.amountMinor);
  }

  #sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleep(this.#options.clock, delayMs, signal);
  }
}
