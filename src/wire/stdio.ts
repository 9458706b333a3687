import { isIP } from 'node:net';
import { isInherited, isSocket } from './descriptor.ts';
import { addressPeer } from './peer.ts';
import type { Peer } from './wire.ts';

/** What has to be known about descriptors to choose among them. */
export interface DescriptorProbe {
  isSocket(fd: number): boolean;
  isInherited(fd: number): boolean;
}

export const descriptorProbe: DescriptorProbe = { isSocket, isInherited };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where a super-server has put the connection: a UCSPI client on 6 and 7, everybody else on 0 and 1. A server
 * sets the number of connections, or leaves it out as classic tcpserver does and makes descriptor 0 a socket.
 */
export function chooseStdio(
  env: Environment,
  probe: DescriptorProbe = descriptorProbe,
): { read: number; write: number } {
  const { PROTO: proto } = env;
  const isClient =
    proto !== undefined &&
    proto !== '' &&
    env[`${proto}CONNNUM`] === undefined &&
    !probe.isSocket(0) &&
    probe.isInherited(6) &&
    probe.isInherited(7);
  return isClient ? { read: 6, write: 7 } : { read: 0, write: 1 };
}

/**
 * Who is at the other end, as a UCSPI super-server says; undefined when none does, and then the descriptors
 * know best. Only for the wire that `chooseStdio` chose.
 */
export function peerFromEnvironment(env: Environment): Peer | undefined {
  const { PROTO: proto } = env;
  if (proto === undefined || proto === '') return undefined;
  if (proto === 'UNIX' || proto === 'IPC') return { text: 'unix' };
  const address = env[`${proto}REMOTEIP`];
  return address === undefined || isIP(address) === 0 ? undefined : addressPeer(address);
}
