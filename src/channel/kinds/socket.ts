import type { TcpEndpoint, UnixEndpoint } from '../../endpoint/endpoint.ts';
import { connectWire } from '../../wire/socket.ts';
import { StreamAttachment } from '../attachment.ts';
import type { AttachContext, ChannelKind } from '../kind.ts';

const CONNECT_MS = 5000;

export const unixKind: ChannelKind<'unix'> = {
  kind: 'unix',
  isShared: false,
  isKept: false,
  attach: ({ endpoint }, context) => attachSocket(endpoint, context),
};

export const tcpKind: ChannelKind<'tcp'> = {
  kind: 'tcp',
  isShared: false,
  isKept: false,
  attach: ({ endpoint }, context) => attachSocket(endpoint, context),
};

function attachSocket(endpoint: UnixEndpoint | TcpEndpoint, context: AttachContext): StreamAttachment {
  const open = () => connectWire(endpoint, { timeoutMs: CONNECT_MS });
  return new StreamAttachment({ ...context, canWrite: true, canRead: true, reopens: true, open });
}
