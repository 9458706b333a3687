/** Some lines, or what is left of one. */
export interface LogPiece {
  readonly bytes: Buffer;
  /** How many log lines are lost with it; for a report of lost lines: as many as it reports. */
  readonly lines: number;
}

/** Lines that wait to be written, up to 256 KiB; it counts those that found no room. */
export class LogQueue {
  readonly #describeLost: (lines: number) => string;
  #pieces: LogPiece[] = [];
  #bytes = 0;
  #lost = 0;
  /** The last line written is not complete. */
  #isCut = false;

  constructor(describeLost: (lines: number) => string) {
    this.#describeLost = describeLost;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(line: string): void {
    this.#reportLost();
    const bytes = Buffer.from(`${line}\n`);
    if (this.#lost > 0 || this.#bytes + bytes.length > MAX_BYTES) this.#lost++;
    else this.#push({ bytes, lines: 1 });
  }

  /** What to write next. */
  head(): Buffer | undefined {
    return this.#pieces[0]?.bytes;
  }

  /** So much of the head has been written. */
  written(length: number): void {
    const head = this.#pieces[0];
    if (head === undefined) return;
    this.#bytes -= length;
    this.#isCut = length < head.bytes.length;
    if (this.#isCut) this.#pieces[0] = { ...head, bytes: head.bytes.subarray(length) };
    else this.#pieces.shift();
    this.#reportLost();
  }

  /** Everything at once. */
  take(): LogPiece | undefined {
    if (this.#pieces.length === 0) return undefined;
    const bytes = Buffer.concat(this.#pieces.map((piece) => piece.bytes));
    const lines = this.#pieces.reduce((sum, piece) => sum + piece.lines, 0);
    this.#pieces = [];
    this.#bytes = 0;
    this.#reportLost();
    return { bytes, lines };
  }

  /** Returns what was not written of a piece to its place. */
  putBack(piece: LogPiece, written: number): void {
    this.#isCut = written < piece.bytes.length;
    if (!this.#isCut) return;
    this.#pieces.unshift({ ...piece, bytes: piece.bytes.subarray(written) });
    this.#bytes += piece.bytes.length - written;
  }

  /** Nothing can be written: gives up what is queued, and `lines` more. */
  lose(lines = 0): void {
    this.#lost += this.#pieces.reduce((sum, piece) => sum + piece.lines, lines);
    this.#pieces = [];
    this.#bytes = 0;
    // The next line does not continue half of a lost one.
    if (this.#isCut) this.#push({ bytes: Buffer.from('\n'), lines: 0 });
  }

  /** Not before half of the room is free, so that a slow reader does not get as many reports as lines. */
  #reportLost(): void {
    if (this.#lost === 0 || this.#bytes > MAX_BYTES / 2) return;
    const lines = this.#lost;
    this.#lost = 0;
    this.#push({ bytes: Buffer.from(`${this.#describeLost(lines)}\n`), lines });
  }

  #push(piece: LogPiece): void {
    this.#pieces.push(piece);
    this.#bytes += piece.bytes.length;
  }
}

const MAX_BYTES = 256 * 1024;
