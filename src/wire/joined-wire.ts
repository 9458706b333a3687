import type { Wire, WireEvents } from './wire.ts';
import { WireLife } from './wire-life.ts';

/**
 * One wire out of two that carry one direction each. A fault of one ends both. `release` gives back what the
 * two share; `done` may come later.
 */
export function joinWires(input: Wire, output: Wire, release: (done: () => void) => void): Wire {
  const life = new WireLife();
  let open = 2;

  const destroyBoth = () => {
    input.destroy();
    output.destroy();
  };
  const closed = (fault?: Error) => {
    if (fault !== undefined) {
      life.doom(fault);
      destroyBoth();
    }
    open -= 1;
    if (open === 0) release(() => life.close());
  };

  let isTaken = false;
  const taken = (fault?: Error) => {
    if (fault === undefined) life.taken();
  };

  return {
    framing: 'stream',
    peer: input.peer,
    isLine: input.isLine ?? false,
    get isDelivering() {
      return life.isDelivering;
    },
    get isTaken() {
      return isTaken;
    },
    start(events: WireEvents) {
      life.begin(events);
      input.start({ chunk: (bytes) => life.chunk(bytes), end: () => life.end(), closed });
      output.start({ chunk() {}, end() {}, closed });
    },
    write(bytes, done) {
      isTaken = false;
      if (!life.take(done)) return;
      output.write(bytes, taken);
      isTaken = output.isTaken ?? false;
    },
    pause: () => input.pause(),
    resume: () => input.resume(),
    endOutput() {
      if (life.endOutput()) output.endOutput();
    },
    destroy() {
      life.doom();
      destroyBoth();
    },
  };
}
