import { memoryWirePair } from '../../wire/memory.ts';
import type { Wire } from '../../wire/wire.ts';
import { StreamAttachment } from '../attachment.ts';
import type { AttachContext } from '../kind.ts';

/** An application inside this process. `load` is called when it is needed first, and again after it has failed. */
export function attachBuiltIn(
  context: AttachContext,
  load: () => Promise<(wire: Wire) => void>,
): StreamAttachment {
  let attach: Promise<(wire: Wire) => void> | undefined;
  const open = async () => {
    attach ??= load();
    attach.catch(() => {
      attach = undefined; // the next attempt may find its folder free
    });
    const join = await attach;
    const [ours, theirs] = memoryWirePair();
    join(theirs);
    return ours;
  };
  return new StreamAttachment({ ...context, canWrite: true, canRead: true, reopens: true, open });
}
