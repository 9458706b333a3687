import { afterSilence, type Clock, type Timer } from '../../base/clock.ts';
import { parseMessage } from '../../rpc/message.ts';
import { encodeFrame } from './frame.ts';
import { FrameScanner, MAX_SCANNED_BYTES } from './frame-scanner.ts';

/** What a link that wakes up may eat or spoil, and how long it needs. */
const FILLER_BYTES = 64;
const FILLER_MS = 100;
const LIMIT_MS = 5000;

export type SyncOutcome = 'synchronised' | 'failed' | 'echoes';

export interface SyncAskerOptions {
  readonly clock: Clock;
  /** A new id, different at every call, over restarts too. */
  readonly nextId: () => string;
  /** Writes to the wire, as one piece. */
  readonly send: (bytes: Uint8Array) => void;
  /** How long what comes is thrown away before anything is asked: leftovers of an old connection. Default 0. */
  readonly discardMs?: number;
  /**
   * The end, once: the terminal has answered, or has not in time (SYNC_FAILED), or the question itself has come back.
   * Never from inside the constructor.
   */
  readonly settled: (outcome: SyncOutcome) => void;
}

/**
 * The register's end of a link that loses bytes and keeps old ones: finds out where in the stream the terminal is.
 *
 *   discarding ──discardMs: 64 newlines──▶ filling ──100 ms: `_Sync`──▶ asking ──its result──▶ over (synchronised)
 *                                                                       asking ──5 s────────▶ over (failed)
 *                                                                       asking ──itself─────▶ over (echoes)
 *
 * The answer is looked for at every byte offset: an old half-frame may announce a length that never comes. An error is
 * no answer, nor is a result for another id. The strict framing begins right behind the answer.
 *
 * Source: JSONPOS integration guide, section 5; figures of the public SDKs
 */
export class SyncAsker {
  readonly #options: SyncAskerOptions;
  readonly #scanner = new FrameScanner();
  #state: 'discarding' | 'filling' | 'asking' | 'over' = 'discarding';
  #id = '';
  #timer: Timer | undefined;

  /** Begins at once. */
  constructor(options: SyncAskerOptions) {
    this.#options = options;
    const { discardMs = 0 } = options;
    if (discardMs === 0) this.#fill();
    else this.#after(discardMs, () => this.#fill());
  }

  /**
   * Takes what the wire brings.
   *
   * @returns after `settled` has been told `synchronised`, what stands behind the answer, perhaps nothing.
   */
  receive(chunk: Buffer): Buffer | undefined {
    if (this.#state !== 'asking') return undefined;
    let heard: 'synchronised' | 'echoes' | undefined;
    const rest = this.#scanner.push(chunk, (text) => {
      heard = this.#read(text);
      return heard !== undefined;
    });
    if (heard !== undefined) this.#settle(heard);
    return heard === 'synchronised' ? rest : undefined;
  }

  /** The wire is gone: nothing is sent or told any more. Safe to repeat. */
  stop(): void {
    this.#state = 'over';
    this.#timer?.cancel();
  }

  #fill(): void {
    this.#state = 'filling';
    this.#options.send(Buffer.alloc(FILLER_BYTES, '\n'));
    this.#after(FILLER_MS, () => this.#ask());
  }

  #ask(): void {
    this.#state = 'asking';
    this.#id = this.#options.nextId();
    const text = JSON.stringify({ jsonrpc: '2.0', id: this.#id, method: '_Sync', params: {} });
    const frame = encodeFrame([text], MAX_SCANNED_BYTES);
    if (frame === undefined) throw new RangeError('nextId: too long');
    this.#options.send(frame);
    this.#timer = afterSilence(this.#options.clock, LIMIT_MS, () => this.#settle('failed'));
  }

  #read(text: Buffer): 'synchronised' | 'echoes' | undefined {
    const parsed = parseMessage(text, 'wire');
    if (!parsed.ok || !('id' in parsed.message) || parsed.message.id !== this.#id) return undefined;
    if (parsed.message.kind === 'request') return 'echoes';
    return parsed.message.kind === 'result' ? 'synchronised' : undefined;
  }

  #settle(outcome: SyncOutcome): void {
    this.stop();
    this.#options.settled(outcome);
  }

  #after(delayMs: number, run: () => void): void {
    this.#timer = this.#options.clock.after(delayMs, run);
  }
}

/**
 * How long to wait before the next attempt, after so many failures in a row: 1 s, and 2 s more each time, up to 10 s.
 */
export function retryDelayMs(failures: number): number {
  return Math.min(1000 + 2000 * failures, 10_000);
}
