/** Where a LineDecoder reports. A line is valid only during the call. */
export interface LineSink {
  /** One line without its line end; never empty. */
  line(line: Buffer): void;
  /**
   * A line over the limit has gone by: dropped, but for its `head`, `HEAD_BYTES`. `bytes` is its length without the LF.
   */
  overlong(bytes: number, head: Buffer): void;
}

/** Where the end of input reports, besides `LineSink`. */
export interface LineEndSink {
  /** The input ended inside a line, which is dropped. */
  cut(bytes: number): void;
}

/**
 * Splits a byte stream into lines.
 *
 * Shape:  bytes LF; one CR before the LF is taken off; empty lines are skipped
 * Limits: line <= maxLineBytes, line end not counted; no more than that is kept, and a longer line costs nothing
 * Errors: none thrown; an overlong line is reported once, when it has gone by, and decoding goes on behind it
 */
export class LineDecoder {
  readonly #maxLineBytes: number;
  /** The beginning of a line whose end has not come; only the first `#length` bytes count. */
  #partial: Buffer = NOTHING;
  #length = 0;
  /** Bytes of the current line if it is over the limit, else 0. */
  #overlongBytes = 0;
  /** How that line begins. */
  #head: Buffer = NOTHING;

  constructor(options: { readonly maxLineBytes: number }) {
    this.#maxLineBytes = options.maxLineBytes;
  }

  push(chunk: Buffer, sink: LineSink): void {
    let from = 0;
    for (;;) {
      const lineEnd = chunk.indexOf(LF, from);
      if (lineEnd < 0) break;
      this.#finish(chunk.subarray(from, lineEnd), sink);
      from = lineEnd + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  /** How the line at hand begins, if it is over the limit already: for who does not wait until it has gone by. */
  get overlongHead(): Buffer | undefined {
    return this.#overlongBytes > 0 ? this.#head : undefined;
  }

  end(sink: LineEndSink & Pick<LineSink, 'overlong'>): void {
    const overlong = this.#overlongBytes;
    const head = this.#head;
    const cut = this.#length;
    this.#reset();
    if (overlong > 0) sink.overlong(overlong, head);
    else if (cut > 0) sink.cut(cut);
  }

  #finish(rest: Buffer, sink: LineSink): void {
    let line = rest;
    if (this.#overlongBytes > 0 || this.#length > 0) {
      this.#keep(rest);
      const overlong = this.#overlongBytes;
      const head = this.#head;
      line = this.#partial.subarray(0, this.#length);
      this.#reset();
      if (overlong > 0) {
        sink.overlong(overlong, head);
        return;
      }
    }
    const length = line[line.length - 1] === CR ? line.length - 1 : line.length;
    if (length > this.#maxLineBytes) sink.overlong(line.length, line.subarray(0, HEAD_BYTES));
    else if (length > 0) sink.line(line.subarray(0, length));
  }

  #keep(bytes: Buffer): void {
    if (this.#overlongBytes > 0) {
      this.#overlongBytes += bytes.length;
      return;
    }
    const length = this.#length + bytes.length;
    // One more than the limit: the last byte may turn out to be the CR of the line end.
    const capacity = this.#maxLineBytes + 1;
    if (length > capacity) {
      const begun = this.#partial.subarray(0, Math.min(this.#length, HEAD_BYTES));
      const head = Buffer.concat([begun, bytes.subarray(0, HEAD_BYTES - begun.length)]);
      this.#reset();
      this.#overlongBytes = length;
      this.#head = head;
      return;
    }
    if (length > this.#partial.length) {
      const larger = Buffer.allocUnsafe(Math.min(capacity, Math.max(length, 2 * this.#partial.length)));
      larger.set(this.#partial.subarray(0, this.#length));
      // It may be a secret, and nobody would ever overwrite it here.
      this.#partial.fill(0);
      this.#partial = larger;
    }
    this.#partial.set(bytes, this.#length);
    this.#length = length;
  }

  #reset(): void {
    this.#partial = NOTHING;
    this.#length = 0;
    this.#overlongBytes = 0;
    this.#head = NOTHING;
  }
}

/** What is kept of a line that is too long. */
export const HEAD_BYTES = 64;

const LF = 0x0a;
const CR = 0x0d;
const NOTHING = Buffer.alloc(0);
