import type { Clock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { TerminalCallbacks } from '../dialect/asking.ts';
import type { InboundNotification, InboundRequest } from '../dialect/dialect.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { EXAMPLES, invalid } from '../endpoint/syntax.ts';
import type { Listener } from '../wire/listener.ts';
import type { TlsFiles } from '../wire/tls.ts';
import { TerminalConnection, type TerminalConnectionOptions } from './terminal-connection.ts';

/** A terminal says little by itself, and waits for the answer. */
const MAX_CONNECTIONS = 16;

export interface CallbacksOptions extends TerminalConnectionOptions {
  readonly tls?: TlsFiles | undefined;
  request(request: InboundRequest): void;
  notification(notification: InboundNotification): void;
}

/** Where a terminal can reach us that has no way to speak first on the wire that we have opened. */
export class Callbacks {
  readonly #callbacks: TerminalCallbacks;
  readonly #options: CallbacksOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  #listener: Promise<Listener> | undefined;
  #isClosed = false;

  constructor(callbacks: TerminalCallbacks, options: CallbacksOptions) {
    this.#callbacks = callbacks;
    this.#options = options;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Listens from now on. Rejects with LISTEN_FAILED; the next call tries again. */
  async open(): Promise<void> {
    this.#listener ??= this.#listen().catch((fault: unknown) => {
      this.#listener = undefined;
      throw fault;
    });
    await this.#listener;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const listener = await this.#listener?.catch(() => undefined);
    await listener?.close();
  }

  async #listen(): Promise<Listener> {
    const { listen } = await import('../wire/listen.ts');
    const { dialect, maxFrameBytes, tls } = this.#options;
    const spoken = { ...dialect, ask: this.#callbacks.hear };
    const listener = await listen(callbackEndpoint(this.#callbacks), {
      clock: this.#clock,
      maxConnections: MAX_CONNECTIONS,
      maxMessageBytes: maxFrameBytes,
      tls: tls && { cert: tls.cert, key: tls.key },
      onFault: (fault) => this.#log.warn('a terminal could not reach us', { why: describeFault(fault) }),
      onWire: (wire) => {
        if (this.#isClosed) {
          wire.destroy();
          return;
        }
        const connection = new TerminalConnection(
          wire,
          { ...this.#options, dialect: spoken, openBeside: undefined },
          {
            ready: () => {},
            heard: () => {},
            request: (request) => this.#options.request(request),
            notification: (notification) => this.#options.notification(notification),
            ended: () => {},
            closed: () => {},
          },
        );
        connection.begin();
      },
    });
    this.#log.info('the terminal can reach us', { on: listener.address });
    this.#callbacks.listening(listener.address);
    return listener;
  }
}

/** Errors: ENDPOINT_INVALID. */
export function callbackEndpoint({ listen }: TerminalCallbacks): Endpoint {
  const endpoint = parseEndpoint(listen, 'listen');
  if (endpoint.kind === 'http') return endpoint;
  throw invalid(listen, 'terminals post their messages: http: or https: is wanted', EXAMPLES.http);
}
