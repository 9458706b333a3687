/** Somebody who asks to be let in: what is known before a WebSocket is opened, or a message is taken. */
export interface Knock {
  /**
   * What its path has below the listener's, as it was sent (percent-encoded), without the slash between; empty:
   * nothing.
   */
  readonly path: string;
  /** Path and query as they were sent. */
  readonly rawPath: string;
  /** Subprotocols that it offers, in its order of preference. */
  readonly subprotocols: readonly string[];
  /** By name in small letters; a header that came twice has two values. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Of Basic authentication. A password may be any bytes. */
  readonly credentials?: { readonly name: string; readonly password: Buffer };
  /** Of the client's certificate, which somebody that we trust has signed. */
  readonly certificate?: { readonly commonName: string; readonly organization?: string };
  /** IP address. */
  readonly address?: string;
  readonly isEncrypted: boolean;
}

export interface Admitted {
  /** Whom the connection is for: what `{identity}` in an endpoint stands for. */
  readonly identity?: string;
  /** The subprotocol to select; undefined: none. */
  readonly subprotocol?: string;
  /** Further headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface NotAdmitted {
  /** Of HTTP. */
  readonly status: number;
  /** For the peer and the log, one line. */
  readonly why: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Admission = Admitted | NotAdmitted;

/** Who is let in. What it throws is for the log; the peer hears of an internal error. */
export type Admit = (knock: Knock) => Admission | Promise<Admission>;
