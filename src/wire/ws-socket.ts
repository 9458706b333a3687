import { WebSocket } from 'ws';

/**
 * Statuses with which the library ends a WebSocket whose peer broke the rules: protocol, text that is no UTF-8, too
 * many pieces, size.
 */
const FAULTS: ReadonlySet<number> = new Set([1002, 1007, 1008, 1009]);

/**
 * A WebSocket that leaves the last word to its owner. The library says goodbye as soon as the peer breaks the rules,
 * before it tells anybody; this one tells first, by `error`, and waits for `end`.
 */
export class PatientWebSocket extends WebSocket {
  #hasFailed = false;

  override close(code?: number, data?: string | Buffer): void {
    if (code === undefined || !FAULTS.has(code)) {
      super.close(code, data);
      return;
    }
    // The library calls this right before `error`; or to answer a peer that closed with this status, and then no error
    // follows.
    this.once('error', () => {
      this.#hasFailed = true;
    });
    queueMicrotask(() => {
      if (!this.#hasFailed) super.close(code, data);
    });
  }

  /** Says goodbye with this status. */
  end(code: number, data?: string): void {
    super.close(code, data);
  }
}
