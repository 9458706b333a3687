import type { Wire } from '../../wire/wire.ts';
import { StreamAttachment } from '../attachment.ts';
import type { AttachContext, ChannelKind } from '../kind.ts';

export const fifoKind: ChannelKind<'fifo'> = {
  kind: 'fifo',
  isShared: true,
  isKept: false,
  prepare: async ({ endpoint, direction, creates }) =>
    direction === 'read' ? openReader(endpoint.path, creates) : undefined,
  attach: ({ endpoint, direction, creates }, context, takePrepared) => {
    const isRead = direction === 'read';
    const read = async () => takePrepared() ?? openReader(endpoint.path, creates);
    return new StreamAttachment({
      ...context,
      canWrite: !isRead,
      canRead: isRead,
      reopens: true,
      open: isRead ? read : () => openWriter(endpoint.path, context),
    });
  },
};

// Named pipes are loaded only where one is used.

async function openWriter(path: string, context: AttachContext): Promise<Wire> {
  const { openFifoWriter } = await import('../fifo.ts');
  return openFifoWriter(path, context);
}

async function openReader(path: string, creates: boolean): Promise<Wire> {
  const { openFifoReader } = await import('../fifo.ts');
  return openFifoReader(path, { create: creates });
}
