/** Where a wire, a channel or a listener is attached: the parsed form of an endpoint text. */
export type Endpoint =
  | FdEndpoint
  | FifoEndpoint
  | UnixEndpoint
  | TcpEndpoint
  | SerialEndpoint
  | WsEndpoint
  | HttpEndpoint
  | SimulatorEndpoint
  | TerminalEndpoint
  | NatsEndpoint
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

export interface SerialEndpoint {
  readonly kind: 'serial';
  readonly text: string;
  readonly device: SerialDevice;
  readonly options: SerialOptions;
}

/** Which serial line: a path, or a device wherever it is plugged in. */
export type SerialDevice =
  | { readonly kind: 'path'; readonly path: string }
  /** Four hexadecimal digits each, lower case. */
  | { readonly kind: 'usb'; readonly vendorId: string; readonly productId: string }
  | { readonly kind: 'serialNumber'; readonly serialNumber: string };

/** How a serial line is set, as far as it was said. Names and values are those of the package `serialport`. */
export interface SerialOptions {
  /** Bits a second. */
  readonly baudRate?: number;
  readonly dataBits?: 5 | 6 | 7 | 8;
  readonly parity?: Parity;
  /** 1.5 only with 5 data bits. */
  readonly stopBits?: 1 | 1.5 | 2;
  /** Flow control by the lines RTS and CTS. */
  readonly rtscts?: boolean;
  /** Flow control by the characters XON and XOFF: of output, of input; started again by any character. */
  readonly xon?: boolean;
  readonly xoff?: boolean;
  readonly xany?: boolean;
  /** Hang up (drop DTR) when the line is closed. */
  readonly hupcl?: boolean;
}

export type Parity = 'none' | 'even' | 'odd' | 'mark' | 'space';

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

/** Where messages are posted. */
export interface HttpEndpoint {
  readonly kind: 'http';
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

/** A terminal that speaks a protocol of its own: `DIALECT+ENDPOINT`. */
export interface TerminalEndpoint {
  readonly kind: 'terminal';
  readonly text: string;
  readonly dialect: string;
  /** Where it is, without the query. */
  readonly place: WireEndpoint;
  /** Options of the wire and of the dialect, `name=value` with `&` between them; see `splitTerminal`. */
  readonly query: string;
}

/** Subjects, or a journal, on a cluster of NATS servers. */
export interface NatsEndpoint {
  readonly kind: 'nats';
  readonly text: string;
  /** `HOST:PORT` each; any of them will do. */
  readonly servers: readonly string[];
  /** What the subjects, or the journal's name, begin with. */
  readonly prefix: string;
}

/** Where one wire can be opened. */
export type WireEndpoint =
  | TcpEndpoint
  | UnixEndpoint
  | WsEndpoint
  | HttpEndpoint
  | SerialEndpoint
  | FdEndpoint;

export interface NullEndpoint {
  readonly kind: 'null';
  readonly text: string;
}

export type EndpointKind = Endpoint['kind'];
/** What an endpoint is wanted for; decides which forms are allowed. */
export type EndpointUse = 'wire' | 'channel' | 'listen' | 'terminal' | 'journal';
