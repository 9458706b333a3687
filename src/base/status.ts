import type { Gauges } from './statistics.ts';

/** What a running posbridge tells about itself. Everything is JSON; whoever shows or stores it masks it first. */

/** A request of a peer that is not answered yet. */
export interface RequestStatus {
  readonly method: string;
  /** ISO 8601. */
  readonly since: string;
  /** The endpoint that it was routed to. */
  readonly application?: string;
  readonly transaction?: TransactionStatus;
}

export interface TransactionStatus {
  /**
   * `undecided`: nobody has said yet whether it is new; `queued`: no byte was handed over; `handed-over`: the
   * application may have it; `asking`: its answer is lost or no outcome, and the application is asked; `settled`: the
   * outcome is being recorded.
   */
  readonly state: 'undecided' | 'queued' | 'handed-over' | 'asking' | 'settled';
  /** The identifying members that were given. */
  readonly identity?: Readonly<Record<string, string>>;
  /** As the register wrote them; only with a journal. */
  readonly amount?: string;
  readonly currency?: string;
}

export interface ApplicationStatus {
  readonly endpoint: string;
  readonly channels: readonly string[];
  /** `nobody`: none is expected (`null:`). */
  readonly state: 'there' | 'missing' | 'nobody';
  readonly waiting_bytes: number;
}

export interface ConnectionStatus {
  readonly connection: string;
  readonly dialect: string;
  readonly peer: string;
  readonly register?: string;
  readonly identity?: string;
  readonly since: string;
  /**
   * `draining`: the peer has ended its output, or we are to stop; `gone`: it left, and transactions are still awaited.
   */
  readonly state: 'open' | 'draining' | 'gone';
  readonly open_requests: number;
  /** The oldest ones, at most `MAX_LISTED`. */
  readonly requests: readonly RequestStatus[];
  readonly applications: readonly ApplicationStatus[];
  /** The lock that keeps transactions of one terminal apart. */
  readonly lock?: string;
  /** Output that the peer has not taken. */
  readonly wire_waiting_bytes?: number;
}

/** Open requests of one connection that are told one by one. */
export const MAX_LISTED = 100;

/** A wire that comes and goes, or a place where connections are accepted. */
export interface PlaceStatus {
  readonly place: string;
  readonly state: 'listening' | 'open' | 'opening';
  /** Attempts to open it that have failed in a row. */
  readonly failures?: number;
  /** What the last of them failed with. */
  readonly why?: string;
}

/** Whoever has connections. */
export interface StatusSource {
  readonly gauges: Gauges;
  readonly connections: readonly ConnectionStatus[];
  readonly places: readonly PlaceStatus[];
}
