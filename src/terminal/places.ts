import { Backoff } from '../base/backoff.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { FifoEndpoint } from '../endpoint/endpoint.ts';
import type { SocketEndpoint } from '../wire/socket.ts';
import { connectWire } from '../wire/socket.ts';
import type { Wire } from '../wire/wire.ts';
import { PipeEnd } from './pipe-end.ts';
import type { Terminal } from './terminal.ts';

const FIRST_RETRY_MS = 100;
const RETRY_LIMIT_MS = 5000;

export interface PlaceContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

/** Attaches a wire that does not come back; resolves when it is closed. */
export function attachOnce(terminal: Terminal, wire: Wire): Promise<void> {
  return new Promise((resolve) => terminal.attach(wire, resolve));
}

/**
 * Connects to somebody who listens, such as a relay, and again whenever that was lost: trying → attached → waiting (0.1
 * s to 5 s) → trying … → closed. What is attached then is the terminal's to close.
 */
export class KeptConnection {
  readonly #terminal: Terminal;
  readonly #endpoint: SocketEndpoint;
  readonly #context: PlaceContext;
  readonly #backoff: Backoff;
  readonly #giveUp = new AbortController();
  #retry: Timer | undefined;

  constructor(terminal: Terminal, endpoint: SocketEndpoint, context: PlaceContext) {
    this.#terminal = terminal;
    this.#endpoint = endpoint;
    this.#context = context;
    const { random } = context;
    this.#backoff = new Backoff({ firstMs: FIRST_RETRY_MS, limitMs: RETRY_LIMIT_MS, random });
    void this.#try();
  }

  close(): void {
    this.#giveUp.abort();
    this.#retry?.cancel();
  }

  async #try(): Promise<void> {
    const { clock, log } = this.#context;
    const { signal } = this.#giveUp;
    const on = this.#endpoint.text;
    try {
      const wire = await connectWire(this.#endpoint, { clock, signal });
      if (signal.aborted) wire.destroy();
      else {
        log.info('attached', { on });
        this.#terminal.attach(wire, () => this.#lost('it closed', signal));
        this.#backoff.reset();
      }
    } catch (fault) {
      this.#lost(describeFault(fault), signal);
    }
  }

  #lost(why: string, signal: AbortSignal): void {
    if (signal.aborted) return;
    const delayMs = Math.round(this.#backoff.nextMs());
    this.#context.log.info('not attached', { on: this.#endpoint.text, why, 'again in ms': delayMs });
    this.#retry = this.#context.clock.after(delayMs, () => void this.#try());
  }
}

/**
 * Attaches named pipes, which bridges write; answers go to the pipe that each bridge reads, its device channel. Rejects
 * with CHANNEL_OPEN_FAILED. `over` resolves when they are closed.
 */
export async function attachPipes(
  terminal: Terminal,
  endpoints: readonly FifoEndpoint[],
  { clock, log }: PlaceContext,
): Promise<{ readonly over: Promise<void> }> {
  const { openFifoReader, openFifoWriter } = await import('../channel/fifo.ts');
  const readers: Wire[] = [];
  try {
    for (const { path } of endpoints) readers.push(await openFifoReader(path, { create: false }));
  } catch (fault) {
    for (const reader of readers) reader.destroy();
    throw fault;
  }
  const end = new PipeEnd(readers, {
    receiver: terminal,
    log,
    openWriter: (path) => openFifoWriter(path, { clock, env: process.env }),
  });
  return { over: new Promise((resolve) => terminal.attachEnd(end, resolve)) };
}
