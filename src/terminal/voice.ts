import type { Caller } from '../application/registers.ts';
import type { Logger } from '../base/log.ts';
import type { MessageLog } from './message-log.ts';

export interface VoiceOptions {
  readonly log: Logger;
  readonly messages: MessageLog;
  /** A message was added that a screen may show. */
  readonly shown: () => void;
}

/** What the terminal says by itself, and the record of everything that is said. */
export class Voice {
  readonly #options: VoiceOptions;

  constructor(options: VoiceOptions) {
    this.#options = options;
  }

  notify(caller: Caller, method: string, params: object): void {
    const text = Buffer.from(JSON.stringify(params));
    this.record(caller, { direction: 'out', kind: 'notification', method, id: '' }, text);
    caller.end.notify(caller.connection, method, params);
  }

  record(
    { connection = '' }: Pick<Caller, 'connection'>,
    message: Omit<Parameters<MessageLog['add']>[0], 'connection'>,
    text: Buffer,
  ): void {
    const { log, messages, shown } = this.#options;
    if (log.enabled('trace')) log.trace('message', { ...message, connection, text: text.toString() });
    if (messages.add({ ...message, connection }, text)) shown();
  }
}
