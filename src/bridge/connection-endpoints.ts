import { CHANNEL_NAMES, type ChannelName } from '../base/channel-name.ts';
import type { Want } from '../channel/kind.ts';
import { expandEndpoint, placeholdersOf } from '../endpoint/expand.ts';
import type { Wire } from '../wire/wire.ts';
import type { BridgeContext, BridgeOptions } from './bridge-options.ts';

/** Never the same again: neither after a restart nor in a container, where every process is number 1. */
export function connectionName(wire: Wire, options: BridgeOptions, token: string, identity?: string): string {
  return `${identity ?? options.name ?? wire.peer.text}.${token}`;
}

/** Each channel with its endpoint filled in for one connection. */
export function wantsOf(
  { channels }: BridgeOptions,
  { connection, identity }: { readonly connection: string; readonly identity: string | undefined },
  wire: Wire,
  { pid }: BridgeContext,
): { channel: ChannelName; want: Want }[] {
  return CHANNEL_NAMES.flatMap((channel) => {
    const endpoint = channels.get(channel);
    if (endpoint === undefined) return [];
    const placeholders = placeholdersOf(endpoint);
    const want: Want = {
      endpoint: expandEndpoint(endpoint, {
        connection,
        peer: wire.peer.text,
        pid: String(pid),
        ...(identity !== undefined && { identity }),
      }),
      direction: channel === 'device' && endpoint.kind === 'fifo' ? 'read' : 'both',
      creates: placeholders.includes('connection') || placeholders.includes('pid'),
      isOwn: placeholders.includes('connection'),
    };
    return [{ channel, want }];
  });
}
