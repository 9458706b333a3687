import type { Socket } from 'node:net';
import type { Peer } from './wire.ts';

/**
 * The peer behind an IP address; an IPv4 address inside an IPv6 one is written plainly, so that one till has one name.
 */
export function addressPeer(address: string): Peer {
  const plain = MAPPED_IPV4.exec(address)?.[1] ?? address;
  return { address: plain, text: plain };
}

/** Who a socket talks to. A connection that is gone already has no address any more. */
export function socketPeer(socket: Socket): Peer {
  if (socket.remoteAddress !== undefined) return addressPeer(socket.remoteAddress);
  return { text: 'family' in socket.address() ? 'tcp' : 'unix' };
}

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
