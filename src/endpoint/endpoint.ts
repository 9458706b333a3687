/** Where a wire, a channel or a listener is attached: the parsed form of an endpoint text. */
export type Endpoint =
  | FdEndpoint
  | FifoEndpoint
  | UnixEndpoint
  | TcpEndpoint
  | WsEndpoint
  | SimulatorEndpoint
  | NullEndpoint;

/** Descriptors to read from and to write to, perhaps the same. */
export interface FdEndpoint {
  readonly kind: 'fd';
  readonly text: string;
  readonly read: number;
  readonly write: number;
}

export interface FifoEndpoint {
  readonly kind: 'fifo';
  readonly text: string;
  readonly path: string;
}

export interface UnixEndpoint {
  readonly kind: 'unix';
  readonly text: string;
  /** Without the `@` of an abstract name. */
  readonly path: string;
  readonly abstract: boolean;
  /** Permissions of the socket file of a listener. */
  readonly mode?: number;
}

export interface TcpEndpoint {
  readonly kind: 'tcp';
  readonly text: string;
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  /** 0, for a listener only: any free one. */
  readonly port: number;
}

export interface WsEndpoint {
  readonly kind: 'ws';
  readonly text: string;
  readonly url: string;
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** As written, with its query; at least `/`. */
  readonly path: string;
  readonly secure: boolean;
}

export interface SimulatorEndpoint {
  readonly kind: 'simulator';
  readonly text: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface NullEndpoint {
  readonly kind: 'null';
  readonly text: string;
}

export type EndpointKind = Endpoint['kind'];
/** What an endpoint is wanted for; decides which forms are allowed. */
export type EndpointUse = 'wire' | 'channel' | 'listen';
