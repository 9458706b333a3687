import type { WebSocket } from 'ws';
import type { Logger } from '../base/log.ts';
import type { ScreenSource } from '../base/screen-source.ts';
import type { ScreenUpdate } from '../page/protocol.ts';

/** WebSocket close code (RFC 6455, section 7.4.1). */
const POLICY_VIOLATION = 1008;
/** With more than this on its way to a browser its pings stay unanswered, so that they cannot fill the memory. */
const MAX_UNSENT_BYTES = 1024 * 1024;
/** Heartbeats that may go by without a pong. */
const MAX_MISSED = 2;

/**
 * One browser that looks at the screen.
 *
 * up to date → stale → sending → up to date. At most one update is on its way; whoever is slow gets the newest
 * state next and never what lay between.
 */
export class Viewer {
  readonly #ws: WebSocket;
  readonly #source: ScreenSource;
  #isStale = false;
  #isSending = false;
  #lastNumber = 0;
  #missed = 0;

  /** `ws` is not to answer pings by itself. To be made in the turn in which it opens; sees nothing before `update`. */
  constructor(ws: WebSocket, source: ScreenSource, log: Logger) {
    this.#ws = ws;
    this.#source = source;
    // 'close' follows each error.
    ws.on('error', (fault) => log.warn('screen viewer failed', { fault }));
    ws.on('pong', () => {
      this.#missed = 0;
    });
    ws.on('ping', (data) => {
      if (ws.bufferedAmount <= MAX_UNSENT_BYTES) ws.pong(data);
    });
    ws.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
  }

  /** There is something new, or is to be seen for the first time. */
  update(): void {
    this.#isStale = true;
    if (!this.#isSending) this.#send();
  }

  /** Sends a sign of life, and gives up a browser that gives none. */
  beat(): void {
    if (this.#missed >= MAX_MISSED) {
      this.close();
      return;
    }
    this.#missed += 1;
    this.#ws.ping();
    this.update();
  }

  close(): void {
    this.#ws.terminate();
  }

  #send(): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#isStale = false;
    this.#isSending = true;
    const messages = this.#source.messages.filter(({ number }) => number > this.#lastNumber);
    this.#lastNumber = messages.at(-1)?.number ?? this.#lastNumber;
    const update: ScreenUpdate = { state: this.#source.state, messages };
    this.#ws.send(JSON.stringify(update), () => {
      this.#isSending = false;
      if (this.#isStale) this.#send();
    });
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    if (isBinary || !this.#source.act(data.toString())) this.#ws.close(POLICY_VIOLATION, 'unknown action');
  }
}
