import type { LoggedMessage, ScreenState } from '../screen-model.ts';

/**
 * What crosses the WebSocket between the screen's server and its page.
 *
 * Shape:  JSON text messages; to the page a `ScreenUpdate`, from it a `ScreenAction`
 * Limits: MAX_ACTION_BYTES an action; an update as large as its state, at most one on its way at a time
 */
export interface ScreenUpdate {
  readonly state: ScreenState;
  /** New since the last update, oldest first; the first update on a connection carries them all. */
  readonly messages: readonly LoggedMessage[];
}

/** Relative to the page. */
export const SOCKET_PATH = 'socket';
export const MAX_ACTION_BYTES = 4096;
/** An update goes out at least this often, so that silence means a lost connection. */
export const HEARTBEAT_MS = 10_000;
