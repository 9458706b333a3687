import { HEARTBEAT_MS, type ScreenUpdate, SOCKET_PATH } from '../protocol.ts';

export type ConnectionState = 'connecting' | 'open' | 'lost';

export interface ConnectionEvents<State, Message> {
  state(state: ConnectionState): void;
  /** `isFirst` on this WebSocket: it carries everything, and what was known before no longer counts. */
  update(update: ScreenUpdate<State, Message>, isFirst: boolean): void;
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5000;
/** Longer than this without an update, and the server is gone, whatever the network believes. */
const SILENCE_LIMIT_MS = 2.5 * HEARTBEAT_MS;

/**
 * The page's line to its server; lasts as long as the page.
 *
 * connecting → open or lost; open → lost; lost → (tries again, after waits that double, or when the network is back) →
 * open
 */
export class Connection<State, Message, Action> {
  readonly #events: ConnectionEvents<State, Message>;
  #socket: WebSocket | undefined;
  #retryMs = FIRST_RETRY_MS;
  #retry: number | undefined;
  #silence: number | undefined;

  constructor(events: ConnectionEvents<State, Message>) {
    this.#events = events;
    window.addEventListener('online', () => this.#hurry());
    document.addEventListener('visibilitychange', () => this.#hurry());
    this.#connect();
  }

  /** What is done while the connection is lost is not done later: the display will have changed. */
  act(action: Action): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(action));
  }

  #connect(): void {
    // With the page's query: it holds the token.
    const url = new URL(SOCKET_PATH + location.search, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url);
    let isFirst = true;
    this.#socket = socket;
    this.#listen();
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      if (socket !== this.#socket) return;
      this.#listen();
      this.#retryMs = FIRST_RETRY_MS;
      if (isFirst) this.#events.state('open');
      this.#events.update(JSON.parse(data) as ScreenUpdate<State, Message>, isFirst);
      isFirst = false;
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#socket?.close();
      this.#lost();
    }, SILENCE_LIMIT_MS);
  }

  #lost(): void {
    this.#socket = undefined;
    clearTimeout(this.#silence);
    this.#events.state('lost');
    const jitter = 0.5 + Math.random() / 2;
    this.#retry = setTimeout(() => this.#connectAgain(), this.#retryMs * jitter);
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }

  #hurry(): void {
    if (this.#retry !== undefined) this.#connectAgain();
  }

  #connectAgain(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#connect();
  }
}
