import type { Framing } from '../base/framing.ts';
import type { ReaderSink, SeenMessage, WireReader } from '../dialect/inspecting.ts';

/** Bytes that belong together: a message, or some that are none. */
export interface Piece {
  readonly timeMs: number | undefined;
  readonly beganMs: number | undefined;
  readonly raw: Buffer;
  readonly message?: SeenMessage;
  readonly wrong?: string;
}

/** Bytes of which nothing has become a message are told of then. */
const MAX_HELD_BYTES = 4 * 1024 * 1024;

/**
 * Finds out which bytes of one side are which message. A stream is given to the protocol's reader byte by byte: where
 * it reports a message, that one ends.
 */
export class SideReader {
  readonly #reader: WireReader;
  readonly #framing: Framing;
  /** Bytes of earlier chunks that belong to nothing yet. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #beganMs: number | undefined;

  constructor(reader: WireReader, framing: Framing) {
    this.#reader = reader;
    this.#framing = framing;
  }

  push(bytes: Buffer, timeMs: number | undefined, found: (piece: Piece) => void): void {
    /** What of the chunk has been taken, and what has been read. */
    let taken = 0;
    let read = 0;
    const take = (more: Pick<Piece, 'message' | 'wrong'>, count: number) => {
      const all = Buffer.concat([...this.#held, bytes.subarray(taken, read)]);
      const rest = all.subarray(count);
      this.#held = rest.length === 0 ? [] : [rest];
      this.#heldBytes = rest.length;
      taken = read;
      found({ timeMs, beganMs: this.#beganMs, raw: all.subarray(0, count), ...more });
      this.#beganMs = timeMs;
    };
    const waiting = () => this.#heldBytes + read - taken;
    const sink: ReaderSink = {
      message: (message, count = waiting()) => {
        const before = waiting() - count;
        if (before > 0) take({}, before);
        take({ message }, waiting());
      },
      wrong: (why) => take({ wrong: why }, waiting()),
    };
    if (this.#heldBytes === 0) this.#beganMs = timeMs;
    if (this.#framing === 'stream') {
      while (read < bytes.length) {
        read += 1;
        this.#reader.push(bytes.subarray(read - 1, read), sink);
      }
    } else {
      read = bytes.length;
      this.#reader.push(bytes, sink);
    }
    if (waiting() > MAX_HELD_BYTES) take({ wrong: 'nothing of this is a message' }, waiting());
    if (taken < read) {
      // A copy: the chunk may be somebody's buffer.
      this.#held.push(Buffer.from(bytes.subarray(taken, read)));
      this.#heldBytes += read - taken;
    }
  }

  /** The record ends. */
  end(timeMs: number | undefined, found: (piece: Piece) => void): void {
    const take = (wrong: string) => {
      const raw = Buffer.concat(this.#held);
      this.#held = [];
      this.#heldBytes = 0;
      found({ timeMs, beganMs: this.#beganMs, raw, wrong });
    };
    this.#reader.end?.({ message: () => {}, wrong: take });
    if (this.#heldBytes > 0) take('the record ends behind these bytes');
  }
}
