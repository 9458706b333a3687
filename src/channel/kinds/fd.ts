import { accessOf, openFdWire } from '../../wire/fd.ts';
import { StreamAttachment } from '../attachment.ts';
import type { ChannelKind } from '../kind.ts';

export const fdKind: ChannelKind<'fd'> = {
  kind: 'fd',
  isShared: true,
  isKept: true,
  attach: ({ endpoint }, context) => {
    const canWrite = accessOf(endpoint.write) !== 'read';
    const canRead = accessOf(endpoint.read) !== 'write';
    const wire = openFdWire(
      { ...(canRead && { read: endpoint.read }), ...(canWrite && { write: endpoint.write }) },
      { clock: context.clock },
    );
    return new StreamAttachment({ ...context, canWrite, canRead, reopens: false, open: async () => wire });
  },
};
