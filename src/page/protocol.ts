/**
 * What crosses the WebSocket between a screen's server and its page.
 *
 * Shape:  JSON text messages; to the page a `ScreenUpdate`, from it an action of the page's own
 * Limits: MAX_ACTION_BYTES an action; an update as large as its state, at most one on its way at a time
 */
export interface ScreenUpdate<State = unknown, Message = unknown> {
  readonly state: State;
  /** New since the last update, oldest first; the first update on a connection carries them all. */
  readonly messages: readonly Message[];
}

/** Relative to the page. */
export const SOCKET_PATH = 'socket';
export const MAX_ACTION_BYTES = 4096;
/** An update goes out at least this often, so that silence means a lost connection. */
export const HEARTBEAT_MS = 10_000;
