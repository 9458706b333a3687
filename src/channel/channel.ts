import type { ChannelName } from '../base/channel-name.ts';
import type { Logger } from '../base/log.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { Message } from '../rpc/message.ts';

/** Why a line never reached its application. */
export type Refusal = 'BUSY' | 'CHANNEL_UNAVAILABLE' | 'CHANNEL_CLOSED';

export interface OutgoingLine {
  /** The whole line with its LF; the bytes stay as they are. */
  readonly bytes: Buffer;
  /**
   * What happens when there is no room: a `request` is refused, a `notification` or an `answer` is dropped and
   * counted; `lifecycle` lines are few and always kept.
   */
  readonly kind: 'request' | 'notification' | 'answer' | 'lifecycle';
  readonly fate?: LineFate | undefined;
}

/** Hears what becomes of a line: one of these, unless it is withdrawn. */
export interface LineFate {
  /** Called just before the first byte is handed over: from now on the application may have it. */
  handedOver?(): void;
  /** Called once, from a later turn: no byte of it was or will be handed over. */
  refused?(why: Refusal): void;
}

/** A line in the queue. */
export interface QueuedLine {
  /** Takes it out of the queue; false when it was handed over (or refused) already. */
  withdraw(): boolean;
}

/** One connection's interest in an attachment. */
export interface AttachmentUser {
  readonly connection: string;
  /** Whom its dialect has opened it for, where that is known: a line may name this instead of the connection. */
  readonly identity?: string | undefined;
  /**
   * Of all connections with its identity the newest is the live one: called when its peer has connected to another
   * process.
   */
  readonly superseded?: () => void;
  /** Which channel a method belongs to, for an attachment that has a place for each. */
  channelOf(method: string): ChannelName;
  /** How the lines about it begin: see `lineStart`. */
  readonly lineStart: string;
  /** The connection's own log. */
  readonly log: Logger;
  /** Lines that come first on the attachment whenever an application is (again) there. */
  greeting(): Buffer[];
  /** An application is there: called after the greeting is queued. */
  applicationThere(attachment: Attachment): void;
  /** The application is gone; what was handed over and not answered is uncertain. */
  applicationGone(attachment: Attachment): void;
  /** An answer of the application could not be taken, and may have been meant for this connection. */
  misheard(): void;
  /** A line of the application that concerns this connection. Buffers are valid only during the call. */
  applicationSays(message: Message, from: Attachment): void;
}

/** Where one or more channels are attached: an application, as far as the bridge can see it. */
export interface Attachment {
  /** The endpoint for people: filled in and masked. */
  readonly text: string;
  /** The endpoint itself: filled in, not masked. Undefined where nobody is there. */
  readonly endpoint: Endpoint | undefined;
  /** Whether this kind of endpoint can carry lines to, and from, an application. */
  readonly canWrite: boolean;
  readonly canRead: boolean;
  /**
   * Any number of applications may be behind it, and share the requests. None of them is seen to go, and one that does
   * not find a transaction speaks for the others only where it says that it has recorded so.
   */
  readonly isGroup: boolean;
  /** Counts the applications that were there: a new number means a new conversation. */
  readonly epoch: number;
  /** An application is there at this moment. */
  readonly isThere: boolean;
  /** No application will ever be there again (a closed descriptor). */
  readonly isGone: boolean;
  readonly queuedBytes: number;
  attach(user: AttachmentUser): void;
  /** Ends the interest of a user; the last one closes the attachment unless it is shared by the process. */
  detach(user: AttachmentUser): void;
  send(user: AttachmentUser, line: OutgoingLine): QueuedLine;
  /** Tells every user that an answer of the application could not be taken: any of them may have been meant. */
  misheard(): void;
  /** Asks for a pause in reading; reading stops while every user asks for it. */
  hold(user: AttachmentUser, isHeld: boolean): void;
  /** Resolves when everything is written and released, or given up. */
  close(): Promise<void>;
}

/** The attachments of one connection. */
export type Channels = ReadonlyMap<ChannelName, Attachment>;
