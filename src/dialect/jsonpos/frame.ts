import { isAscii } from 'node:buffer';

/** Largest JSON text of one frame, bytes: with its ten bytes of framing a frame is 262144. */
export const MAX_FRAME_BYTES = 262_134;

/** Where a JsonposDecoder reports. */
export interface FrameSink {
  /** The JSON text of one frame, not empty, not checked; valid only during the call. */
  frame(payload: Buffer): void;
  /** The stream is broken for good. `why` quotes one byte at most: it may be part of a card number. */
  rejected(code: 'JSONRPC_PARSE_ERROR', why: string): void;
}

/**
 * Splits a JSONPOS byte stream into JSON texts.
 *
 * Shape:  8 hex digits (length of the JSON text, bytes) ":" JSON text LF, for instance `00000002:{}` LF
 * Limits: 1 <= JSON text <= maxFrameBytes; at most one text of the announced length is kept, and only once the
 *         length is known to be allowed
 * Errors: none thrown; one `rejected`, after which nothing more comes out and input costs nothing
 * Source: JSONPOS integration guide; pt-android-sdk a79ead1, JsonRpcConnection.java
 */
export class JsonposDecoder {
  readonly #maxFrameBytes: number;
  #isStopped = false;
  /** Bytes of the current frame so far. */
  #seen = 0;
  /** The announced length, as far as its digits have come. */
  #length = 0;
  /** The text of a frame that arrives in pieces. */
  #partial: Buffer | undefined;

  constructor(options: { readonly maxFrameBytes: number }) {
    this.#maxFrameBytes = options.maxFrameBytes;
  }

  /** The last byte was not the last one of a frame. */
  get isInsideFrame(): boolean {
    return this.#seen > 0;
  }

  /** How many bytes of the current frame's header, or of its text, are still to come; 0: only the newline is. */
  get due(): number {
    return this.#seen < HEADER_BYTES ? HEADER_BYTES - this.#seen : HEADER_BYTES + this.#length - this.#seen;
  }

  /** The current frame's header is complete, and its length allowed. */
  get isInsideText(): boolean {
    return this.#seen >= HEADER_BYTES;
  }

  /** What is known of a frame that is not complete, to end a sentence with: nothing between frames. */
  get unfinished(): string {
    if (this.#seen === 0) return '';
    if (this.#seen < HEADER_BYTES)
      return `; of a header ${this.#seen} bytes came, instead of ${HEADER_BYTES}`;
    const length = this.#length;
    const came = this.#seen - HEADER_BYTES;
    const digits = length.toString(16).padStart(LENGTH_DIGITS, '0');
    return `; a frame of ${length} bytes (${digits}) stopped after ${came}${this.#likelyMistake(digits, came)}`;
  }

  /** What the register's programmer may have counted, to end a sentence with. */
  #likelyMistake(digits: string, came: number): string {
    const endsInNewline = this.#endsInNewline(came);
    if (came === this.#length) {
      return endsInNewline ? ': the newline is not counted' : ', without the newline that ends it';
    }
    const text = endsInNewline ? came - 1 : came;
    return Number(digits) === text || Number(digits) === came
      ? `: the length is hexadecimal, ${text.toString(16).padStart(LENGTH_DIGITS, '0')}`
      : '';
  }

  /** Answers how many bytes it has looked at: all of them, unless it was stopped. */
  push(chunk: Buffer, sink: FrameSink): number {
    let at = 0;
    while (at < chunk.length && !this.#isStopped) {
      const textEnd = this.#seen === 0 ? this.#wholeEnd(chunk, at) : 0;
      if (textEnd > 0) {
        sink.frame(chunk.subarray(at + HEADER_BYTES, textEnd));
        at = textEnd + 1;
      } else if (this.#seen < HEADER_BYTES) at = this.#header(chunk, at, sink);
      else if (this.#seen < HEADER_BYTES + this.#length) at = this.#text(chunk, at);
      else at = this.#lineEnd(chunk, at, sink);
    }
    return at;
  }

  /** The input is over: inside a frame that is a fault. */
  end(sink: FrameSink): void {
    if (this.#seen > 0 && !this.#isStopped) {
      this.#reject(`the input ended inside a frame${this.unfinished}`, sink);
    }
  }

  /** Ends decoding at once, also from inside a callback: nothing more comes out. */
  stop(): void {
    this.#isStopped = true;
    this.#seen = 0;
    this.#partial = undefined;
  }

  /** Where the text of a frame ends that is there from header to newline; 0: it is not, or not as it should be. */
  #wholeEnd(chunk: Buffer, from: number): number {
    const digitsEnd = from + LENGTH_DIGITS;
    if (chunk.length <= digitsEnd + 1 || chunk[digitsEnd] !== COLON) return 0;
    let length = 0;
    for (let at = from; at < digitsEnd; at += 1) {
      const digit = HEX_VALUES[chunk[at] as number] as number;
      if (digit === NO_HEX) return 0;
      length = length * 16 + digit;
    }
    const textEnd = from + HEADER_BYTES + length;
    const isAllowed = length > 0 && length <= this.#maxFrameBytes;
    return isAllowed && textEnd < chunk.length && chunk[textEnd] === LF ? textEnd : 0;
  }

  // Each of these reads what it can and answers the offset behind it.

  #header(chunk: Buffer, from: number, sink: FrameSink): number {
    let at = from;
    while (at < chunk.length && this.#seen < LENGTH_DIGITS) {
      const byte = chunk[at] as number;
      const digit = HEX_VALUES[byte] as number;
      if (digit === NO_HEX) return this.#unexpected(byte, 'a hex digit', at, sink);
      // Eight digits fill 32 bits: multiplied, not shifted, because a shift would make them negative.
      this.#length = this.#length * 16 + digit;
      this.#seen += 1;
      at += 1;
    }
    if (at === chunk.length) return at;
    if (chunk[at] !== COLON) return this.#unexpected(chunk[at] as number, 'a colon', at, sink);
    const length = this.#length;
    this.#seen += 1;
    if (length === 0) this.#reject('a frame of length 0', sink);
    else if (length > this.#maxFrameBytes) {
      this.#reject(`a frame of ${length} bytes is over the limit of ${this.#maxFrameBytes}`, sink);
    }
    return at + 1;
  }

  #text(chunk: Buffer, from: number): number {
    const length = this.#length;
    const filled = this.#seen - HEADER_BYTES;
    const to = Math.min(chunk.length, from + length - filled);
    this.#partial ??= Buffer.allocUnsafe(length);
    const text = this.#partial;
    if (to - from > FEW_BYTES) chunk.copy(text, filled, from, to);
    else for (let at = from; at < to; at += 1) text[filled + at - from] = chunk[at] as number;
    this.#seen += to - from;
    return to;
  }

  #lineEnd(chunk: Buffer, at: number, sink: FrameSink): number {
    const byte = chunk[at] as number;
    const text = this.#partial;
    if (byte !== LF || text === undefined) return this.#unexpected(byte, 'a newline', at, sink);
    this.#emit(text, sink);
    return at + 1;
  }

  /** Ready for the next frame before the call: the sink may stop us. */
  #emit(text: Buffer, sink: FrameSink): void {
    this.#seen = 0;
    this.#length = 0;
    this.#partial = undefined;
    sink.frame(text);
  }

  /** Whether the last byte of the text so far is a newline, which JSON on one line has no use for. */
  #endsInNewline(came: number): boolean {
    return came > 0 && this.#partial?.[came - 1] === LF;
  }

  #unexpected(byte: number, instead: string, at: number, sink: FrameSink): number {
    const where =
      this.#seen < HEADER_BYTES ? `at byte ${this.#seen} of a frame` : 'behind the text of a frame';
    const counted =
      this.#seen > HEADER_BYTES && this.#endsInNewline(this.#length)
        ? ': the one before it was counted as text'
        : '';
    this.#reject(`0x${byte.toString(16).padStart(2, '0')} ${where}, instead of ${instead}${counted}`, sink);
    return at;
  }

  #reject(why: string, sink: FrameSink): void {
    this.#isStopped = true;
    sink.rejected('JSONRPC_PARSE_ERROR', why);
    this.stop();
  }
}

/**
 * One frame: lower-case length, pure ASCII JSON (everything above 0x7e escaped as lower-case `\uXXXX`), LF.
 *
 * @param parts concatenated they are one valid JSON text, in UTF-8.
 * @returns nothing when the JSON text is over `maxFrameBytes`.
 */
export function encodeFrame(
  parts: readonly (string | Uint8Array)[],
  maxFrameBytes: number,
): Buffer | undefined {
  const frame = encode(parts, maxFrameBytes, HEADER_BYTES, 1);
  if (frame === undefined) return undefined;
  let length = frame.length - HEADER_BYTES - 1;
  for (let at = LENGTH_DIGITS - 1; at >= 0; at -= 1) {
    frame[at] = HEX_DIGITS[length & 0xf] as number;
    length >>= 4;
  }
  frame[LENGTH_DIGITS] = COLON;
  frame[frame.length - 1] = LF;
  return frame;
}

/** What `encodeFrame` has put into a frame. */
export function jsonOf(frame: Buffer): Buffer {
  return frame.subarray(HEADER_BYTES, frame.length - 1);
}

/** The JSON text of a frame alone, for wires that keep message borders. */
export function encodeWhole(
  parts: readonly (string | Uint8Array)[],
  maxFrameBytes: number,
): Buffer | undefined {
  return encode(parts, maxFrameBytes, 0, 0);
}

/** The parts as ASCII JSON, with room `before` and `after` it. */
function encode(
  parts: readonly (string | Uint8Array)[],
  maxBytes: number,
  before: number,
  after: number,
): Buffer | undefined {
  let length = 0;
  for (const part of parts) length += part.length;
  // Escaping makes a part longer, never shorter.
  if (length > maxBytes) return undefined;
  if (!arePlain(parts)) {
    const texts = decoded(parts);
    length = 0;
    for (const text of texts) length += escapedLength(text);
    if (length > maxBytes) return undefined;
    const output = Buffer.allocUnsafe(before + length + after);
    let at = before;
    for (const text of texts) at = writeEscaped(text, output, at);
    return output;
  }
  const output = Buffer.allocUnsafe(before + length + after);
  let at = before;
  for (const part of parts) {
    if (typeof part === 'string') output.write(part, at, 'latin1');
    else output.set(part, at);
    at += part.length;
  }
  return output;
}

/** Whether they need no escaping. A string that is as long in UTF-8 is ASCII: half the cost of a regular expression. */
function arePlain(parts: readonly (string | Uint8Array)[]): boolean {
  for (const part of parts) {
    const isPlain =
      typeof part === 'string'
        ? Buffer.byteLength(part) === part.length && !part.includes('\x7f')
        : isAscii(part) && !part.includes(DEL);
    if (!isPlain) return false;
  }
  return true;
}

/** Strings stay what they are (a lone surrogate would not survive UTF-8); bytes are joined before decoding. */
function decoded(parts: readonly (string | Uint8Array)[]): string[] {
  const texts: string[] = [];
  let bytes: Uint8Array[] = [];
  for (const part of parts) {
    if (typeof part !== 'string') {
      bytes.push(part);
      continue;
    }
    if (bytes.length > 0) texts.push(Buffer.concat(bytes).toString());
    bytes = [];
    texts.push(part);
  }
  if (bytes.length > 0) texts.push(Buffer.concat(bytes).toString());
  return texts;
}

function escapedLength(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) >= DEL) length += ESCAPE_BYTES - 1;
  }
  return length;
}

/** Answers the offset behind what it wrote. */
function writeEscaped(text: string, output: Buffer, from: number): number {
  let at = from;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < DEL) {
      output[at] = unit;
      at += 1;
    } else {
      output[at] = BACKSLASH;
      output[at + 1] = SMALL_U;
      for (let digit = 0; digit < 4; digit += 1) {
        output[at + 2 + digit] = HEX_DIGITS[(unit >> (12 - 4 * digit)) & 0xf] as number;
      }
      at += ESCAPE_BYTES;
    }
  }
  return at;
}

/** So many are copied one by one as fast as by a call. */
const FEW_BYTES = 16;
export const LENGTH_DIGITS = 8;
const HEADER_BYTES = LENGTH_DIGITS + 1;
/** What a frame has besides its JSON text: the header and the newline. */
export const FRAMING_BYTES = HEADER_BYTES + 1;
const LF = 0x0a;
const COLON = 0x3a;
const DEL = 0x7f;
const BACKSLASH = 0x5c;
const SMALL_U = 0x75;
/** `\uXXXX` */
const ESCAPE_BYTES = 6;

const HEX_DIGITS = Buffer.from('0123456789abcdef');
export const NO_HEX = 0xff;
/** Value of a hex digit, in either case, by its byte. */
export const HEX_VALUES = new Uint8Array(256).fill(NO_HEX);
for (const digits of ['0123456789abcdef', '0123456789ABCDEF']) {
  Buffer.from(digits).forEach((byte, value) => {
    HEX_VALUES[byte] = value;
  });
}
