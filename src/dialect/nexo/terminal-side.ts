import { type Clock, isoTime } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { type JsonObject, listAt, memberAt, textAt } from '../../rpc/json-tree.ts';
import { failure, responseBody, SUCCESS } from './failures.ts';
import { responseHeader } from './header.ts';
import type { NexoMessage } from './message.ts';
import type { SaleEnd } from './sale-end.ts';

export interface TerminalSideOptions {
  readonly end: SaleEnd;
  readonly clock: Clock;
  readonly log: Logger;
  readonly write: (message: Buffer) => void;
  readonly notify: (method: 'PosMessage' | 'StatusEvent', params: JsonObject) => void;
}

/**
 * What a terminal says by itself: requests to the register's devices, and Events. The register hears PosMessage and
 * StatusEvent.
 */
export class TerminalSide {
  readonly #options: TerminalSideOptions;

  constructor(options: TerminalSideOptions) {
    this.#options = options;
  }

  /** The status, from memory. */
  get status(): JsonObject {
    return this.#options.end.memory.state.status;
  }

  transaction(isRunning: boolean): void {
    this.#options.end.memory.state.isRunning = isRunning;
    this.#changed();
  }

  request(message: NexoMessage): void {
    const { header, body } = message;
    const { poiId } = this.#options.end;
    if (header.POIID !== poiId) {
      this.#options.log.warn('another terminal asks for something', { poi: header.POIID });
      return;
    }
    const category = header.MessageCategory;
    if (category === 'Display') this.#display(message);
    else if (category === 'Input') {
      this.#show(listAt(body, 'DisplayOutput'));
      this.#respond(message, failure('UnavailableDevice', 'nobody can be asked here'));
    } else if (category === 'Print') {
      if (textAt(body, 'PrintOutput', 'ResponseMode') !== 'NotRequired') {
        this.#respond(message, failure('UnavailableDevice', 'there is no printer here'));
      }
    } else this.#respond(message, failure('UnavailableService', `${category} is not supported`));
  }

  #display(message: NexoMessage): void {
    const outputs = listAt(message.body, 'DisplayOutput');
    const isForCashier = outputs.some((output) => textAt(output, 'Device') !== 'CustomerDisplay');
    this.#show(outputs.filter((output) => textAt(output, 'Device') !== 'CustomerDisplay'));
    const isAwaited = (value: unknown) => value !== false;
    const isRequired = [...outputs, message.body].every((part) =>
      isAwaited(memberAt(part, 'ResponseRequiredFlag')),
    );
    if (isRequired) {
      this.#respond(
        message,
        isForCashier ? SUCCESS : failure('UnavailableDevice', 'there is no such display here'),
      );
    }
  }

  #show(outputs: readonly JsonObject[string][]): void {
    const lines = outputs
      .flatMap((output) => listAt(output, 'OutputContent', 'OutputText'))
      .map((line) => textAt(line, 'Text'));
    const message = lines.filter((line) => line !== undefined).join('\n');
    if (message !== '') this.#options.notify('PosMessage', { message });
  }

  #respond({ header, name, body, isWrapped }: NexoMessage, Response: JsonObject): void {
    const { end, write } = this.#options;
    const answer = responseBody(header.MessageCategory, body, Response);
    const outgoing = {
      header: responseHeader(header),
      name: name.replace(/Request$/, 'Response'),
      body: answer,
    };
    write(end.codec.encode(outgoing, isWrapped));
  }

  event(body: JsonObject): void {
    const event = textAt(body, 'EventToNotify') ?? '';
    this.#options.log.info('the terminal tells of an event', {
      event,
      details: textAt(body, 'EventDetails'),
    });
    const before = JSON.stringify(this.status);
    const { memory } = this.#options.end;
    memory.state.apply(event);
    if (event === 'Initialised') memory.isLoggedIn = false;
    if (JSON.stringify(this.status) !== before) this.#changed();
  }

  #changed(): void {
    this.#options.notify('StatusEvent', { timestamp: isoTime(this.#options.clock), ...this.status });
  }
}
