import { LineMarkDecoder } from './line-marks.ts';
import type { Wire } from './wire.ts';

/** Called with how many bytes have just arrived with a parity or framing error. */
export type OnLineError = (damaged: number) => void;

/** A wire whose input is marked by the kernel as `MARKING` says: the same wire with the marks taken out. */
export function unmarkedWire(wire: Wire, onLineError: OnLineError | undefined): Wire {
  const decoder = new LineMarkDecoder();
  return {
    framing: wire.framing,
    peer: wire.peer,
    isLine: wire.isLine ?? false,
    start(events) {
      wire.start({
        chunk(chunk) {
          const { bytes, damaged } = decoder.push(chunk);
          if (damaged > 0) onLineError?.(damaged);
          if (bytes.length > 0) events.chunk(bytes);
        },
        end: () => events.end(),
        closed: (fault) => events.closed(fault),
      });
    },
    write: (bytes, done) => wire.write(bytes, done),
    pause: () => wire.pause(),
    resume: () => wire.resume(),
    endOutput: () => wire.endOutput(),
    destroy: () => wire.destroy(),
    reset: () => (wire.reset === undefined ? wire.destroy() : wire.reset()),
  };
}
