import type { CloseReason } from '../base/close-reason.ts';

/** Why nothing new begins. */
export const STOPPING = 'the bridge is being stopped';

/** How long open requests have then. */
const STOP_MS = 2500;
/** How long the goodbye may take after that. */
const GOODBYE_MS = 2300;

/** Times from being told to stop: until ordinary requests end, until transactions do, until the wire is cut. */
export function stopTimes(drainMs = 0): {
  readonly requestsMs: number;
  readonly transactionsMs: number;
  readonly wireMs: number;
} {
  const transactionsMs = Math.max(STOP_MS, drainMs);
  return { requestsMs: STOP_MS, transactionsMs, wireMs: transactionsMs + GOODBYE_MS };
}

/** Why a connection is closed whose peer has a newer one. */
export const CONNECTED_AGAIN: CloseReason = {
  code: 'CONNECTION_CLOSED',
  text: 'the peer has connected again, to another process',
  by: 'us',
};
