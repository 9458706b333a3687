/** Where a LengthPrefixedDecoder reports. A message is valid only during the call. */
export interface MessageSink {
  message(bytes: Buffer): void;
  /** The length is one that nobody means: nothing more comes out, because nobody knows where a message begins. */
  rejected(why: string): void;
}

const HEADER_BYTES = 4;
/** Space that is set aside for a message before its bytes are there: a length alone costs its sender nothing. */
const FIRST_CAPACITY = 16_384;

/**
 * Splits a byte stream into messages.
 *
 * Shape:  length (4 bytes, big-endian, not counting itself), then so many bytes
 * Limits: 1 <= length <= maxMessageBytes; memory grows with the bytes that have come, not with the length
 * Errors: none thrown; one `rejected`, after which nothing more comes out
 */
export class LengthPrefixedDecoder {
  readonly #maxMessageBytes: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  /** Bytes of the header that have come. */
  #headerLength = 0;
  /** Of the message at hand; counts once the header is complete. */
  #due = 0;
  #body: Buffer = NOTHING;
  #bodyLength = 0;
  #isStopped = false;

  constructor(options: { readonly maxMessageBytes: number }) {
    this.#maxMessageBytes = options.maxMessageBytes;
  }

  /** The input has ended, or would end, inside a message. */
  get isInsideMessage(): boolean {
    return this.#headerLength > 0;
  }

  push(chunk: Buffer, sink: MessageSink): void {
    let rest = chunk;
    while (rest.length > 0 && !this.#isStopped) {
      rest = this.#headerLength < HEADER_BYTES ? this.#readHeader(rest, sink) : this.#readBody(rest, sink);
    }
  }

  /** Nothing more comes out. */
  stop(): void {
    this.#isStopped = true;
    this.#body = NOTHING;
  }

  #readHeader(bytes: Buffer, sink: MessageSink): Buffer {
    const taken = bytes.copy(this.#header, this.#headerLength, 0, HEADER_BYTES - this.#headerLength);
    this.#headerLength += taken;
    if (this.#headerLength === HEADER_BYTES) {
      this.#due = this.#header.readUInt32BE();
      if (this.#due === 0 || this.#due > this.#maxMessageBytes) {
        this.stop();
        const limit = `1 to ${this.#maxMessageBytes} bytes are allowed`;
        sink.rejected(`a message of ${this.#due} bytes is announced; ${limit}`);
      }
    }
    return bytes.subarray(taken);
  }

  #readBody(bytes: Buffer, sink: MessageSink): Buffer {
    const missing = this.#due - this.#bodyLength;
    if (this.#bodyLength === 0 && bytes.length >= missing) {
      this.#headerLength = 0;
      sink.message(bytes.subarray(0, missing));
      return bytes.subarray(missing);
    }
    const taken = Math.min(missing, bytes.length);
    this.#keep(bytes.subarray(0, taken));
    if (taken === missing) {
      const message = this.#body.subarray(0, this.#due);
      this.#body = NOTHING;
      this.#bodyLength = 0;
      this.#headerLength = 0;
      sink.message(message);
    }
    return bytes.subarray(taken);
  }

  #keep(bytes: Buffer): void {
    const length = this.#bodyLength + bytes.length;
    if (length > this.#body.length) {
      const capacity = Math.min(this.#due, Math.max(length, 2 * this.#body.length, FIRST_CAPACITY));
      const larger = Buffer.allocUnsafe(capacity);
      larger.set(this.#body.subarray(0, this.#bodyLength));
      // It may be a secret, and nobody would ever overwrite it here.
      this.#body.fill(0);
      this.#body = larger;
    }
    this.#body.set(bytes, this.#bodyLength);
    this.#bodyLength = length;
  }
}

/** A message with its length in front. */
export function encodeLengthPrefixed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + message.length);
  frame.writeUInt32BE(message.length);
  frame.set(message, HEADER_BYTES);
  return frame;
}

const NOTHING = Buffer.alloc(0);
