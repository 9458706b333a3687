/** What WebSockets are like, for a protocol that is spoken over them. */
export interface WebSocketWishes {
  /** To offer, or to select where it is offered; undefined: none. */
  readonly subprotocol: string | undefined;
  /** Binary messages are taken, and sent where the bytes are no UTF-8. */
  readonly isBinary: boolean;
  /** Every message that is sent is a binary one: some peers read nothing else. Default: text, where it is UTF-8. */
  readonly sendsBinary?: boolean;
  /** Largest message, bytes. Default: as the user says. */
  readonly maxMessageBytes?: number;
  /**
   * Our closing status says why: 1001 when we are stopped, 1002 to a peer that broke the protocol. Default: 1000,
   * whatever it is.
   */
  readonly saysWhy?: boolean;
  /** A ping so often; who has said nothing by the next one is lost. Default: none. */
  readonly pingMs?: number;
  /** Idle time before the kernel asks whether the peer is still there. Default: a minute. */
  readonly keepaliveIdleMs?: number;

  /** Who connects. A server that selects no subprotocol is taken all the same. Default: no. */
  readonly takesNoSubprotocol?: boolean;
  /** Who connects: further headers of its request, `Origin` among them. */
  readonly headers?: Readonly<Record<string, string>>;

  /** Who listens. Paths below the listener's are taken as well: `admit` looks at them. Default: no. */
  readonly takesPathsBelow?: boolean;
  /** Who listens. Peers send an `Origin` although they are no web pages: `admit` looks at it. Default: no. */
  readonly ignoresOrigin?: boolean;
  /** Who listens. Headers with white space before their colon are taken. Default: no, as HTTP wants it. */
  readonly mendsHeaders?: boolean;
}

/** How messages are posted, for a protocol that is spoken over HTTP. */
export interface HttpWishes {
  /** Of what we post. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly checkCertificate?: CheckCertificate;
}

/**
 * Judges the certificate of a server, whose root is trusted, instead of the rule that it names the host. Returns what
 * is wrong with it.
 *
 * @param names the alternative ones
 */
export type CheckCertificate = (certificate: {
  readonly commonName: string;
  readonly names: readonly string[];
}) => string | undefined;
