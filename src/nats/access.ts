/** How a process signs in at NATS servers: names of files, which are read whenever it connects. */
export interface NatsAccess {
  /**
   * A `.creds` file of NATS (a token and a key), a bare key (NKey seed, `SU…`), or one line `USER:PASSWORD`.
   */
  readonly credentials?: string;
  /**
   * Who may have signed the servers' certificates, PEM; with it, or with a certificate of our own, TLS is insisted on.
   */
  readonly ca?: string;
  /** What we show the servers, PEM. */
  readonly certificate?: string;
  readonly key?: string;
}
