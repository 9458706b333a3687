import type { Clock } from '../../base/clock.ts';
import type { CloseReason } from '../../base/close-reason.ts';
import type { Logger } from '../../base/log.ts';

export interface AskedOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** What the terminal's amounts are in, where that is known. */
  readonly currency: string | undefined;
  /** So long after a sale was sent the terminal may still be posting it. */
  readonly hostTimeoutMs: number;
  /** A POS_RECON of ours: short, and different at every call. */
  readonly nextId: () => string;
  /** Ends the wire. */
  readonly close: (reason: CloseReason) => void;
}
