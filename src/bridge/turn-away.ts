import type { Clock } from '../base/clock.ts';
import type { CloseReason } from '../base/close-reason.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import type { Dialect } from '../dialect/dialect.ts';
import { Speaker } from '../wire/speaker.ts';
import type { Wire } from '../wire/wire.ts';

/**
 * Ends a wire for which there is no bridge, and says why in the peer's own protocol. Resolves when the wire is gone.
 */
export async function turnAway(
  wire: Wire,
  { turnAway: encode }: Pick<Dialect, 'turnAway'>,
  reason: CloseReason,
  clock: Clock,
): Promise<void> {
  const words = encode?.(wire.framing, reason);
  if (words === undefined) {
    wire.destroy();
    return;
  }
  const gone = deferred<void>();
  const nothing = () => {};
  const events = { chunk: nothing, inputEnded: nothing, congested: nothing, lost: nothing };
  const speaker = new Speaker(wire, { clock }, { ...events, closed: () => gone.resolve() });
  speaker.start();
  speaker.send(words, 'urgent');
  speaker.finish({ limit: 'from now' });
  await gone.promise;
}

/** What the peer is told where its bridge could not be opened. */
export function whyTurnedAway(fault: unknown): CloseReason {
  const isJournal = fault instanceof BridgeError && fault.code === 'JOURNAL_OPEN_FAILED';
  return isJournal ? NO_JOURNAL : NO_BRIDGE;
}

const NO_JOURNAL: CloseReason = {
  code: 'JOURNAL_UNAVAILABLE',
  text: 'transactions cannot be recorded at the moment; try again later',
  by: 'us',
};
const NO_BRIDGE: CloseReason = {
  code: 'CHANNEL_UNAVAILABLE',
  text: 'no connection can be served at the moment; try again later',
  by: 'us',
};
