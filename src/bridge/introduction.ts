import { CHANNEL_NAMES } from '../base/channel-name.ts';
import { type Clock, isoTime } from '../base/clock.ts';
import type { CloseReason } from '../base/close-reason.ts';
import { bridgeLine } from '../channel/application-line.ts';
import type { Channels } from '../channel/channel.ts';

export interface Introduced {
  /** The connection's name, which never comes twice. */
  readonly name: string;
  readonly lineStart: string;
  /** Whose connection it is, where that has a name. */
  readonly register: string | undefined;
  /** Whom the dialect has opened it for. */
  readonly peerIdentity: string | undefined;
  readonly peerText: string;
  readonly dialect: string;
  readonly channels: Channels;
  readonly version: string;
  readonly clock: Clock;
}

/** The first line that an application gets about a connection. */
export function connectedLine(connection: Introduced): Buffer {
  const { name, lineStart, register, peerIdentity, peerText, dialect, channels, version, clock } = connection;
  return bridgeLine(lineStart, '_Connected', {
    connection: name,
    ...(register !== undefined && { register }),
    ...(peerIdentity !== undefined && { identity: peerIdentity }),
    dialect,
    peer: peerText,
    channels: Object.fromEntries(
      CHANNEL_NAMES.flatMap((channel) => {
        const attachment = channels.get(channel);
        return attachment === undefined ? [] : [[channel, attachment.text]];
      }),
    ),
    version,
    time: isoTime(clock),
  });
}

/** The line that says that the peer is gone. `pending`: ids of transactions whose outcome is still awaited. */
export function disconnectedLine(
  { name, lineStart }: Pick<Introduced, 'name' | 'lineStart'>,
  reason: CloseReason,
  pending: readonly string[],
): Buffer {
  return bridgeLine(lineStart, '_Disconnected', {
    connection: name,
    reason: reason.code,
    details: reason.text,
    pending,
  });
}
