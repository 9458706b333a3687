import type { Clock } from '../base/clock.ts';
import type { Environment } from '../base/lock-directory.ts';
import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import type { Tap } from '../base/tap.ts';
import type { Endpoint, EndpointKind, TerminalEndpoint } from '../endpoint/endpoint.ts';
import type { NatsAccess } from '../nats/access.ts';
import type { Wire } from '../wire/wire.ts';
import type { Attachment } from './channel.ts';
import type { Presence } from './presence.ts';

/** What a process lends to its channels. */
export interface ChannelContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  readonly random: () => number;
  readonly env: Environment;
  readonly presence: Presence;
  /** How to sign in at NATS servers; default: without anything. */
  readonly natsAccess?: NatsAccess;
  /** Where there is a capture. */
  readonly tap?: Tap;
  /** The program behind `simulator:`, handed in from above: takes its end of a wire. */
  readonly simulate: (options: Readonly<Record<string, string>>) => Promise<(wire: Wire) => void>;
  /**
   * The gateway to a terminal, handed in from above: takes its end of a wire. The same for every endpoint of the same
   * text.
   */
  readonly askTerminal: (endpoint: TerminalEndpoint) => Promise<(wire: Wire) => void>;
}

/** What a channel wants of an endpoint: a named pipe is read for `device`, written for the others. */
export interface Want<K extends EndpointKind = EndpointKind> {
  readonly endpoint: Extract<Endpoint, { readonly kind: K }>;
  readonly direction: 'both' | 'read';
  /** Whether the named pipe that is read is this connection's own, to be created and removed. */
  readonly creates: boolean;
  /** Whether the endpoint names the connection, so that no other will ever have the same. */
  readonly isOwn: boolean;
}

/** What an attachment is made with. */
export interface AttachContext extends ChannelContext {
  /** The endpoint for people: filled in and masked. */
  readonly text: string;
  /** The same, not masked. */
  readonly endpoint: Endpoint;
  /** Called once when the last user has left, where the attachment does not stay. */
  readonly onUnused?: () => void;
}

/**
 * A kind of endpoint that channels can be attached to: a row of the registry, which loads what it needs when it is
 * used.
 */
export interface ChannelKind<K extends EndpointKind = EndpointKind> {
  readonly kind: K;
  /** One attachment for the whole process, whatever the connection. */
  readonly isShared: boolean;
  /** Stays attached while no connection uses it: it could not be opened again, or it remembers. */
  readonly isKept: boolean;
  /**
   * Opens what has to be there before anything starts, for `attach`. Undefined: nothing has. Rejects with a BridgeError
   * where waiting cannot help.
   */
  prepare?(want: Want<K>, context: ChannelContext): Promise<Wire | undefined>;
  /**
   * Throws a BridgeError for what can never be attached.
   *
   * @param takePrepared gives what `prepare` has opened, to the first who wants it.
   */
  attach(want: Want<K>, context: AttachContext, takePrepared: () => Wire | undefined): Attachment;
}
