import { type Clock, isoTime } from '../base/clock.ts';
import { maskText } from '../base/mask.ts';
import { shorten } from '../base/printable.ts';
import { Router } from '../bridge/router.ts';
import { routes } from '../dialect/jsonpos/routes.ts';
import { type LoggedMessage, MAX_MESSAGES } from './screen-model.ts';

const MAX_TEXT_CHARACTERS = 2000;
/** A longer text is cut before it is masked. */
const MAX_MASKED_CHARACTERS = 65_536;

/** The newest messages on the channels, masked, for a screen. Keeps nothing until somebody looks. */
export class MessageLog {
  readonly #clock: Clock;
  /**
   * By the method: as a bridge sends it where nobody has changed the routes; the terminal's own by what they are about.
   */
  readonly #router = new Router(new Map(), [], { ...routes, StatusEvent: 'device', PosMessage: 'ui' });
  #messages: LoggedMessage[] | undefined;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get messages(): readonly LoggedMessage[] {
    return this.#messages ?? [];
  }

  open(): void {
    this.#messages ??= [];
  }

  /** Whether it was kept. `text` is JSON. */
  add(
    message: Pick<LoggedMessage, 'direction' | 'kind' | 'method' | 'id' | 'connection'>,
    text: Buffer,
  ): boolean {
    if (this.#messages === undefined) return false;
    this.#count += 1;
    this.#messages.push({
      ...message,
      method: maskText(message.method),
      number: this.#count,
      time: isoTime(this.#clock),
      channel: this.#router.channelOf(message.method),
      text: shorten(maskText(shorten(text.toString(), MAX_MASKED_CHARACTERS)), MAX_TEXT_CHARACTERS),
    });
    if (this.#messages.length > MAX_MESSAGES) this.#messages.shift();
    return true;
  }
}
