import { StreamAttachment } from '../attachment.ts';
import type { ChannelKind } from '../kind.ts';

/** Applications that share the work of one prefix on a NATS cluster. */
export const natsKind: ChannelKind<'nats'> = {
  kind: 'nats',
  isShared: true,
  isKept: false,
  attach: ({ endpoint }, context) =>
    new StreamAttachment({
      ...context,
      canWrite: true,
      canRead: true,
      isGroup: true,
      reopens: true,
      open: async (users) => {
        const { openNatsWire } = await import('../nats-wire.ts');
        return openNatsWire(endpoint, users, context);
      },
    }),
};
