import type { Framing } from '../base/framing.ts';

/** Who is at the other end of a wire, as far as the transport knows. */
export interface Peer {
  /** IP address without port, when the peer has one. */
  readonly address?: string;
  /** Who it says it is, where it was let in as such. */
  readonly identity?: string;
  /** Short text for names and logs: the IP address, else `unix`, `pipe`, `tty`, `serial`, `memory`. */
  readonly text: string;
}

export interface WireEvents {
  /**
   * Bytes that arrived; where the wire keeps messages apart exactly one. The bytes belong to the receiver
   * only during the call: copy what is kept.
   */
  chunk(bytes: Buffer): void;
  /** End of input, at most once, after the last chunk. Output may still be possible. */
  end(): void;
  /**
   * The transport refuses what the peer sends, and nothing more of it will come. Until `endOutput`, or for a second,
   * the peer can still be told why in its own protocol; `closed` follows, with this fault. At most once. Without a
   * handler the wire closes.
   */
  refused?(fault: Error): void;
  /** Both directions are over and every descriptor is released. Exactly once, and nothing follows. */
  closed(fault?: Error): void;
}

/** `going-away`: we are being stopped. `protocol-error`: the peer broke its protocol. */
export type CloseStatus = 'going-away' | 'protocol-error';

/**
 * One stream, whatever carries it. One life: created open → started → closed; reconnecting means a new Wire.
 * A `closed` with a fault is loss (reset, broken pipe); without one it is the answer to `destroy`, or both
 * directions ended in good order.
 */
export interface Wire {
  readonly framing: Framing;
  readonly peer: Peer;
  /** A serial or terminal line: neither side sees the other's output end. */
  readonly isLine?: boolean;
  /** Inside a call of `chunk`: output that can wait for its end can be joined. Where it is missing nobody can tell. */
  readonly isDelivering?: boolean;
  /** After a `write`: all of it is taken, and `done` on its way. Where it is missing nobody can tell. */
  readonly isTaken?: boolean;
  /** Begins reading. Called once (again: TypeError); no event comes before it, nor from inside it. */
  start(events: WireEvents): void;
  /**
   * Takes one piece of output; where the wire keeps messages apart exactly one. `done` is called once, never from
   * inside `write`: without a fault when the transport has taken all of it, else with the fault that ended
   * the wire. One write at a time: a second one before `done` is a TypeError.
   */
  write(bytes: Uint8Array, done: (fault?: Error) => void): void;
  /** Stops and restarts the reading of input; safe to repeat. While it is stopped a vanished peer may go unnoticed. */
  pause(): void;
  resume(): void;
  /** Ends output in good order after what was written: the peer reads end of file. Safe to repeat. */
  endOutput(): void;
  /** Why we say goodbye, where the transport has words for it and it is not because all is done. Before `endOutput`. */
  closeAs?(why: CloseStatus): void;
  /** Gives everything back at once. Safe to repeat; `closed` follows, from a later turn. */
  destroy(): void;
  /**
   * As `destroy`, and what the other side has not received by now it never will. Only where the transport would
   * otherwise go on delivering by itself.
   */
  reset?(): void;
  /**
   * Posts a message to where the peer says that it listens, beside this wire, which has no room for it; missing: it
   * says nothing of the kind. `answered` is called once, with the answer's body, or undefined where none could be had.
   */
  readonly post?: ((message: Uint8Array, answered: (body: Buffer | undefined) => void) => void) | undefined;
}
