import type { WireTap } from '../base/tap.ts';
import type { CloseStatus, Wire, WireEvents } from './wire.ts';

/** The same wire, of which everything that crosses it is shown to somebody. */
export function tapWire(wire: Wire, tap: WireTap): Wire {
  return {
    framing: wire.framing,
    peer: wire.peer,
    get isDelivering() {
      return wire.isDelivering === true;
    },
    get isTaken() {
      return wire.isTaken === true;
    },
    start: (events: WireEvents) =>
      wire.start({
        ...events,
        chunk: (bytes) => {
          tap.crosses('peer', bytes);
          events.chunk(bytes);
        },
        closed: (fault) => {
          tap.closed(fault?.message);
          events.closed(fault);
        },
      }),
    write: (bytes, done) => {
      tap.crosses('bridge', bytes);
      wire.write(bytes, done);
    },
    pause: () => wire.pause(),
    resume: () => wire.resume(),
    endOutput: () => wire.endOutput(),
    destroy: () => wire.destroy(),
    ...(wire.closeAs !== undefined && { closeAs: (why: CloseStatus) => wire.closeAs?.(why) }),
    ...(wire.reset !== undefined && { reset: () => wire.reset?.() }),
  };
}
