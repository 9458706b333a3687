import type { End } from '../world/network.ts';

/** What a peer has still to write: a wire takes one piece at a time. */
export class Outgoing {
  readonly #end: End;
  readonly #pieces: Buffer[] = [];
  #isWriting = false;
  #isClosed = false;

  constructor(end: End) {
    this.#end = end;
  }

  push(piece: Buffer): void {
    if (this.#isClosed) return;
    this.#pieces.push(piece);
    if (!this.#isWriting) this.#next();
  }

  /** Nothing more is written. */
  close(): void {
    this.#isClosed = true;
    this.#pieces.length = 0;
  }

  #next(): void {
    const piece = this.#pieces.shift();
    this.#isWriting = piece !== undefined;
    if (piece !== undefined) this.#end.write(piece, () => this.#next());
  }
}
