import type { Clock } from '../base/clock.ts';
import {
  CARD_LIMIT_MS,
  type Cardholder,
  Ended,
  type Presented,
  type Scene,
  type TextEntry,
} from './cardholder.ts';
import { cardOf, TEST_PIN, type Verification } from './cards.ts';
import type { Panel } from './panel.ts';
import type { ScreenAction } from './screen-model.ts';
import { sleep } from './sleep.ts';

const PIN_LIMIT_MS = 60_000;
const PIN_TRIES = 3;
const MAX_PIN_DIGITS = 12;
const SIGNATURE_LIMIT_MS = 300_000;

export interface PersonOptions {
  readonly clock: Clock;
  readonly panel: Panel;
  /** How long the issuer takes. */
  readonly processingMs: number;
}

/** Reads an action: undefined when there is more to wait for, else what it came to. */
type Take<T> = (action: ScreenAction) => { readonly value: T } | undefined;

/** A person at the screen. One thing is waited for at a time; what nobody waits for only moves the card. */
export class Person implements Cardholder {
  readonly #options: PersonOptions;
  #take: ((action: ScreenAction) => void) | undefined;

  constructor(options: PersonOptions) {
    this.#options = options;
  }

  /** Whether something waits for it. */
  get isAsked(): boolean {
    return this.#take !== undefined;
  }

  act(action: ScreenAction): void {
    const { panel } = this.#options;
    if (action.do === 'insert') {
      if (panel.insertedCard !== undefined || cardOf(action.card)?.canInsert !== true) return;
      panel.insertedCard = action.card;
    } else if (action.do === 'remove') {
      if (panel.insertedCard === undefined) return;
      panel.insertedCard = undefined;
    }
    this.#take?.(action);
  }

  async presentCard({ signal }: Scene): Promise<Presented> {
    const inserted = cardOf(this.#options.panel.insertedCard ?? '');
    if (inserted !== undefined) return { card: inserted, entryMode: inserted.inserted };
    return this.#wait<Presented>(signal, CARD_LIMIT_MS, 'CARD_TIMEOUT', (action) => {
      if (action.do !== 'insert' && action.do !== 'tap') return undefined;
      const card = cardOf(action.card);
      if (card === undefined || (action.do === 'tap' && !card.canTap)) return undefined;
      return { value: { card, entryMode: action.do === 'tap' ? 'CONTACTLESS' : card.inserted } };
    });
  }

  async verify(scene: Scene, { card, entryMode }: Presented): Promise<Verification> {
    if (entryMode !== 'CHIP') return 'NONE';
    if (card.verification === 'PIN') {
      await this.#enterPin(scene);
      scene.say('processing', 'processing');
    }
    return card.verification;
  }

  async authorise(scene: Scene, { card, entryMode }: Presented): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([scene.signal, over.signal]);
    try {
      await Promise.race([
        sleep(this.#options.clock, this.#options.processingMs, signal),
        this.#watchCard(signal, entryMode === 'CHIP'),
      ]);
    } finally {
      over.abort();
    }
    if (card.verdict !== 'approved') throw new Ended(card.verdict);
  }

  sign({ signal }: Scene): Promise<void> {
    return this.#wait(signal, SIGNATURE_LIMIT_MS, 'SIGNATURE_REFUSED', (action) => {
      if (action.do !== 'sign') return undefined;
      if (!action.accepted) throw new Ended('SIGNATURE_REFUSED');
      return { value: undefined };
    });
  }

  /** A card that is forgotten does not keep the register waiting for ever. */
  async removeCard({ signal }: Scene): Promise<void> {
    await this.#wait<void>(
      signal,
      CARD_LIMIT_MS,
      'CARD_TIMEOUT',
      ({ do: what }) => (what === 'remove' ? { value: undefined } : undefined),
      'keys do nothing',
    ).catch((fault) => {
      if (signal.aborted) throw fault;
    });
  }

  async enterText({ signal, maxLength }: TextEntry): Promise<string | undefined> {
    let text = '';
    return this.#wait(signal, undefined, 'CANCELLED', (action) => {
      if (action.do === 'text') return { value: action.text.slice(0, maxLength) };
      if (action.do !== 'key') return undefined;
      if (action.key === 'ok') return { value: text };
      if (action.key === 'clear') text = text.slice(0, -1);
      else if (action.key !== 'stop' && text.length < maxLength) text += action.key;
      this.#options.panel.echo({ kind: 'text', text });
      return undefined;
    }).catch((fault) => {
      if (signal.aborted) throw fault;
      return undefined;
    });
  }

  async #enterPin(scene: Scene): Promise<void> {
    for (let tries = 1; tries <= PIN_TRIES; tries += 1) {
      scene.say('pin', tries === 1 ? 'enter_pin' : 'wrong_pin');
      if ((await this.#readPin(scene.signal)) === TEST_PIN) return;
    }
    throw new Ended('PIN_TRIES_EXCEEDED');
  }

  #readPin(signal: AbortSignal): Promise<string> {
    let pin = '';
    const echo = () => this.#options.panel.echo({ kind: 'pin', count: pin.length });
    echo();
    return this.#wait(signal, PIN_LIMIT_MS, 'PIN_TIMEOUT', (action) => {
      if (action.do === 'remove') throw new Ended('CARD_REMOVED');
      if (action.do !== 'key') return undefined;
      if (action.key === 'ok') return pin.length < 4 ? undefined : { value: pin };
      if (action.key === 'clear') pin = pin.slice(0, -1);
      else if (action.key !== 'stop' && pin.length < MAX_PIN_DIGITS) pin += action.key;
      echo();
      return undefined;
    });
  }

  /** Never resolves: rejects when the card is taken away, or the stop key is pressed. */
  #watchCard(signal: AbortSignal, isInserted: boolean): Promise<never> {
    return this.#wait<never>(signal, undefined, 'CANCELLED', ({ do: what }) => {
      if (what === 'remove' && isInserted) throw new Ended('CARD_REMOVED');
      return undefined;
    });
  }

  /** Waits for an action that `take` can use. The stop key cancels; a limit ends with its code. */
  #wait<T>(
    signal: AbortSignal,
    limitMs: number | undefined,
    late: Ended['code'],
    take: Take<T>,
    stop: 'stop key cancels' | 'keys do nothing' = 'stop key cancels',
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (run: () => void) => {
        limit?.cancel();
        signal.removeEventListener('abort', abort);
        this.#take = undefined;
        run();
      };
      const fail = (fault: unknown) => settle(() => reject(fault));
      const abort = () => fail(signal.reason);
      const limit =
        limitMs === undefined ? undefined : this.#options.clock.after(limitMs, () => fail(new Ended(late)));
      this.#take = (action) => {
        if (stop === 'stop key cancels' && action.do === 'key' && action.key === 'stop') {
          return fail(new Ended('CANCELLED'));
        }
        try {
          const taken = take(action);
          if (taken !== undefined) settle(() => resolve(taken.value));
        } catch (fault) {
          fail(fault);
        }
      };
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
  }
}
