import type { JsonObject } from './answer.ts';
import type { Disconnection } from './keeper.ts';
import type { SaleProgress } from './sale.ts';
import type { Status } from './status.ts';

/** What a client reports while it lives. */
export interface PosEvents {
  /** An attempt to connect begins. */
  readonly connecting: { readonly to: string };
  /** A connection can be spoken on. */
  readonly connected: { readonly to: string };
  /** A connection ended, or could not be had; not the end that `close` makes. */
  readonly disconnected: Disconnection;
  /** What the terminal says about itself, by itself or when asked. */
  readonly status: Status;
  /** A text for the cashier, in the cashier's language. */
  readonly message: string;
  /** Where a sale is. */
  readonly progress: SaleProgress;
  /** Any other notification of the terminal. */
  readonly notification: { readonly method: string; readonly params: JsonObject };
}
