import { connect, type Socket } from 'node:net';
import { afterSilence, type Clock, systemClock, type Timer } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { SocketReader, socketWire } from './socket-wire.ts';
import { ABSTRACT_NAME_HINT, hasExactAbstractNames, unixName } from './unix-name.ts';
import type { Wire } from './wire.ts';

export { socketWire } from './socket-wire.ts';

export type SocketEndpoint = Extract<Endpoint, { kind: 'tcp' | 'unix' }>;

export interface ConnectOptions {
  /** For everything together: name look-up, connecting, waiting for a place in a full backlog. Default 5 s. */
  readonly timeoutMs?: number;
  /** Gives the attempt up. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

export const DEFAULT_CONNECT_TIMEOUT_MS = 5000;

/** Connects. Rejects with WIRE_OPEN_FAILED, or ENDPOINT_INVALID for a UNIX name that is too long. */
export async function connectWire(endpoint: SocketEndpoint, options: ConnectOptions = {}): Promise<Wire> {
  const { timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS, signal, clock = systemClock } = options;
  const target =
    endpoint.kind === 'tcp' ? { host: endpoint.host, port: endpoint.port } : { path: unixName(endpoint) };
  return new Promise((resolve, reject) => {
    const attempt = new Attempt(target, clock, (fault, wire) => {
      deadline.cancel();
      signal?.removeEventListener('abort', abort);
      if (wire !== undefined) resolve(wire);
      else reject(openFailed(endpoint, fault));
    });
    const deadline = afterSilence(clock, timeoutMs, () =>
      attempt.giveUp(`no connection within ${timeoutMs} ms`),
    );
    const abort = () => attempt.giveUp('given up');
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort();
  });
}

type Target = { readonly host: string; readonly port: number } | { readonly path: string };

/** Tries until there is an outcome. A UNIX listener with a full backlog says EAGAIN at once: it is asked again. */
class Attempt {
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #outcome: (fault: unknown, wire?: Wire) => void;
  #socket: Socket | undefined;
  #pause: Timer | undefined;
  #isOver = false;

  constructor(target: Target, clock: Clock, outcome: (fault: unknown, wire?: Wire) => void) {
    this.#target = target;
    this.#clock = clock;
    this.#outcome = outcome;
    this.#try();
  }

  giveUp(why: string): void {
    this.#settle(why);
    this.#socket?.destroy();
  }

  #try(): void {
    const reader = new SocketReader();
    const socket = connect({ ...this.#target, allowHalfOpen: true, ...reader.options });
    this.#socket = socket;
    socket.pause();
    const refused = (fault: NodeJS.ErrnoException) => {
      if (fault.code === 'EAGAIN' && !this.#isOver) {
        this.#pause = this.#clock.after(BACKLOG_PAUSE_MS, () => this.#try());
      } else {
        this.#settle(fault);
      }
    };
    socket.on('error', refused);
    socket.once('connect', () => {
      if (this.#isOver) return;
      const wire = socketWire(socket, { reader });
      socket.removeListener('error', refused);
      this.#settle(undefined, wire);
    });
  }

  #settle(fault: unknown, wire?: Wire): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#pause?.cancel();
    this.#outcome(fault, wire);
  }
}

function openFailed(endpoint: SocketEndpoint, fault: unknown): BridgeError {
  const isAbstract = endpoint.kind === 'unix' && endpoint.abstract;
  const hint = isAbstract && !hasExactAbstractNames ? ` (${ABSTRACT_NAME_HINT})` : '';
  const text = `cannot connect to ${endpoint.text}: ${describeFault(fault)}${hint}`;
  return new BridgeError('WIRE_OPEN_FAILED', text, { cause: fault });
}

const BACKLOG_PAUSE_MS = 50;
