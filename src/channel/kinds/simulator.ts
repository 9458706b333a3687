import { memoryWirePair } from '../../wire/memory.ts';
import type { Wire } from '../../wire/wire.ts';
import { StreamAttachment } from '../attachment.ts';
import type { ChannelKind } from '../kind.ts';

export const simulatorKind: ChannelKind<'simulator'> = {
  kind: 'simulator',
  isShared: true,
  isKept: true,
  attach: ({ endpoint }, context) => {
    let attach: Promise<(wire: Wire) => void> | undefined;
    const open = async () => {
      attach ??= context.simulate(endpoint.options);
      attach.catch(() => {
        attach = undefined; // the next attempt may find its folder free
      });
      const join = await attach;
      const [ours, theirs] = memoryWirePair();
      join(theirs);
      return ours;
    };
    return new StreamAttachment({ ...context, canWrite: true, canRead: true, reopens: true, open });
  },
};
