/** What a stream consists of, in its order. */
export interface FrameSink {
  /**
   * A frame whose check byte is right. `content` is what stands between STX and ETX; it is valid only during the call.
   */
  frame(content: Buffer): void;
  /** A frame that is complete and cannot be taken. */
  rejected(why: 'check-byte' | 'too-long'): void;
  /** The one-byte answers to our own frames. */
  acknowledged(): void;
  refused(): void;
}

export const STX = 0x02;
export const ETX = 0x03;
export const ACK = 0x06;
export const NAK = 0x15;
/** Ends a field. */
export const FS = 0x1c;
/** Ends an item of a list. */
export const US = 0x1f;

/** From STX to the check byte. */
export const MAX_FRAME_BYTES = 4096;

/**
 * Splits a byte stream into frames and one-byte answers.
 *
 * Shape:  STX, at least one byte other than ETX, ETX, check byte: the XOR of all bytes behind STX up to ETX
 * States: outside → inside (STX) → behind ETX, where the next byte is the check byte whatever its value → outside
 * Limits: what is longer than `maxFrameBytes` is dropped up to its check byte and rejected
 * Noise:  everything else outside; also what an inner STX cuts off, because no field can hold an STX; also STX ETX
 *
 * Pure: the sink decides what is answered. Nothing of a chunk is kept but the beginning of an unfinished frame.
 */
export class FrameDecoder {
  readonly #maxContentBytes: number;
  #state: 'outside' | 'inside' | 'behind' | 'stopped' = 'outside';
  /** What earlier chunks had of this frame's content; as large as a content may be, made when first needed. */
  #held: Buffer | undefined;
  #heldBytes = 0;
  /** The content is too long: it is counted and not kept. */
  #isTooLong = false;
  #droppedBytes = 0;
  #check = 0;
  #skippedBytes = 0;

  constructor(maxFrameBytes = MAX_FRAME_BYTES) {
    this.#maxContentBytes = maxFrameBytes - FRAMING_BYTES;
  }

  /** A frame has begun and is not complete. */
  get isInsideFrame(): boolean {
    return this.#state === 'inside' || this.#state === 'behind';
  }

  /** Bytes so far that belong to no frame and are no answer. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  /** Nothing that comes from now on is looked at. */
  stop(): void {
    this.#state = 'stopped';
    this.#held = undefined;
  }

  push(chunk: Buffer, sink: FrameSink): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#state) {
        case 'outside':
          at = this.#readOutside(chunk, at, sink);
          break;
        case 'inside':
          at = this.#readInside(chunk, at, sink);
          break;
        case 'behind':
          at += 1;
          this.#end(chunk[at - 1] as number, this.#content(NOTHING), sink);
          break;
        case 'stopped':
          return;
      }
    }
  }

  // Each of these returns where the rest of the chunk begins.

  #readOutside(chunk: Buffer, begin: number, sink: FrameSink): number {
    let at = begin;
    for (; at < chunk.length; at += 1) {
      const byte = chunk[at] as number;
      if (byte > NAK) continue; // most of what is no frame
      if (byte === STX) {
        this.#skippedBytes += at - begin;
        this.#begin();
        return at + 1;
      }
      if (byte !== ACK && byte !== NAK) continue;
      this.#skippedBytes += at - begin;
      if (byte === ACK) sink.acknowledged();
      else sink.refused();
      return at + 1;
    }
    this.#skippedBytes += at - begin;
    return at;
  }

  #readInside(chunk: Buffer, from: number, sink: FrameSink): number {
    const { length } = chunk;
    let begin = from;
    let at = from;
    let check = this.#check;
    for (; at < length; at += 1) {
      const byte = chunk[at] as number;
      check ^= byte;
      if (byte > ETX) continue;
      if (byte === STX) {
        this.#skippedBytes += 1 + this.#heldBytes + this.#droppedBytes + at - begin;
        this.#begin();
        check = 0;
        begin = at + 1;
      } else if (byte === ETX) {
        this.#check = check;
        return this.#endContent(chunk, begin, at, sink);
      }
    }
    this.#check = check;
    this.#hold(chunk.subarray(begin, length));
    return length;
  }

  /** `at` is that of ETX. The check byte is read along where it is there, so that the content need not be copied. */
  #endContent(chunk: Buffer, begin: number, at: number, sink: FrameSink): number {
    const rest = chunk.subarray(begin, at);
    if (rest.length + this.#heldBytes + this.#droppedBytes === 0) {
      this.#skippedBytes += 2;
      this.#state = 'outside';
      return at + 1;
    }
    const checkByte = chunk[at + 1];
    if (checkByte === undefined) {
      this.#hold(rest);
      this.#state = 'behind';
      return at + 1;
    }
    this.#end(checkByte, this.#content(rest), sink);
    return at + 2;
  }

  #begin(): void {
    this.#state = 'inside';
    this.#heldBytes = 0;
    this.#isTooLong = false;
    this.#droppedBytes = 0;
    this.#check = 0;
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#isTooLong || this.#heldBytes + bytes.length > this.#maxContentBytes) {
      this.#isTooLong = true;
      this.#droppedBytes += bytes.length;
      return;
    }
    this.#held ??= Buffer.allocUnsafe(this.#maxContentBytes);
    bytes.copy(this.#held, this.#heldBytes);
    this.#heldBytes += bytes.length;
  }

  /** The whole content, of which `rest` is the end; undefined where it is too long. */
  #content(rest: Buffer): Buffer | undefined {
    if (this.#isTooLong || this.#heldBytes + rest.length > this.#maxContentBytes) return undefined;
    if (this.#heldBytes === 0) return rest;
    this.#hold(rest);
    return this.#held?.subarray(0, this.#heldBytes);
  }

  #end(checkByte: number, content: Buffer | undefined, sink: FrameSink): void {
    this.#state = 'outside';
    if (content === undefined) sink.rejected('too-long');
    else if (checkByte === this.#check) sink.frame(content);
    else sink.rejected('check-byte');
  }
}

/** STX, ETX and the check byte. */
const FRAMING_BYTES = 3;
const NOTHING = Buffer.alloc(0);
