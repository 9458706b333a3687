import type { WebSocketWishes } from '../../base/web.ts';

/** Between pings of the terminal (WEBSOCKETPINGINTERVAL_1), and before TCP asks itself (WEBSOCKETKEEPALIVEIDLE). */
export const PING_S = 45;
const KEEPALIVE_IDLE_MS = 45_000;

/** What a terminal says when it dials a broker, and how it finds out that the broker is gone. */
export function terminalWishes({
  host,
  pinpad,
  pingS = PING_S,
}: {
  /** Of the broker, as `Origin` names it. */
  readonly host?: string | undefined;
  readonly pinpad?: string | undefined;
  /** 0: none. */
  readonly pingS?: number;
}): WebSocketWishes {
  return {
    subprotocol: 'sci',
    isBinary: true,
    takesNoSubprotocol: true,
    keepaliveIdleMs: KEEPALIVE_IDLE_MS,
    ...(pingS > 0 && { pingMs: pingS * 1000 }),
    headers: {
      Pragma: 'no-cache',
      'Cache-Control': 'no-cache',
      ...(host !== undefined && { Origin: `http://${host}` }),
      ...(pinpad !== undefined && { 'x-vfi-pinpad-id': pinpad }),
    },
  };
}
