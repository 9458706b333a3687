import type { Framing } from '../base/framing.ts';

/** Reads what was recorded of a wire, for people, with the protocol's own decoder. */
export interface Inspector {
  /**
   * What is no message is text that can be shown, masked; default: it may be a secret in a form that only the protocol
   * knows.
   */
  readonly isText?: true;
  /**
   * A message whose text has been masked, as it would stand on the wire. Default, and undefined: that cannot be
   * written.
   */
  frame?(text: string, framing: Framing): Buffer | undefined;
  /** Readers for the two sides of one connection: what one says may decide how the other is read. */
  open(framing: Framing): readonly [WireReader, WireReader];
}

/** One side of a recorded wire. */
export interface WireReader {
  /** Takes bytes. Where the wire keeps messages apart exactly one message. */
  push(bytes: Buffer, sink: ReaderSink): void;
  /** Nothing more was recorded; what is incomplete is `wrong`. */
  end?(sink: ReaderSink): void;
}

export interface ReaderSink {
  /**
   * @param bytes how many of the last bytes it took, where the reader can tell; what came before them belongs to
   *   nothing.
   */
  message(message: SeenMessage, bytes?: number): void;
  /** Bytes that are no message: a plain sentence that quotes nothing of them. */
  wrong(why: string): void;
}

/** A message as people see it. */
export interface SeenMessage {
  readonly kind: 'request' | 'notification' | 'result' | 'error' | 'acknowledgement' | 'message';
  /** A method, a type, a command. */
  readonly name?: string;
  /** Pairs an answer with its request. */
  readonly id?: string;
  /** JSON, or a line. Whoever shows it masks it first. */
  readonly text: string;
  /** Something of it is left out or hidden already, because it is secret in this protocol. */
  readonly isHidden?: boolean;
  /** It can be read, and breaks a rule. */
  readonly wrong?: string;
}
