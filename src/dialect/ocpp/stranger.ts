import type { Conversation, ConversationHost } from '../dialect.ts';

/** The end of a wire on which nobody has said who is there: OCPP says it in the path of a WebSocket alone. */
export class Stranger implements Conversation {
  readonly #host: ConversationHost;
  #isOver = false;

  constructor(host: ConversationHost) {
    this.#host = host;
    const text = 'no charge point without a WebSocket: use --listen ws://…, or --websocket';
    host.log.error(text);
    // The host is told when it is ready to hear it.
    queueMicrotask(() => this.#end(text));
  }

  receive(): void {}

  endOfInput(): void {
    this.#end('the peer has gone');
  }

  congested(): void {}

  lost(): void {
    this.#end('the peer has gone');
  }

  stop(): void {
    this.#end('the bridge is being stopped');
  }

  #end(text: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#host.finished({ code: 'CONNECTION_CLOSED', text, by: 'us' }, 'broken');
  }
}
