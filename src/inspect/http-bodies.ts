const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_HEAD_BYTES = 64 * 1024;
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Whether a recorded stream begins as messages that are posted over HTTP do, from either side. */
export function isHttp(start: Buffer): boolean {
  return /^(?:POST |HTTP\/1\.[01] [2-5]\d\d )/.test(start.toString('latin1', 0, 16));
}

/**
 * Takes the bodies out of one side of recorded HTTP: those whose length is announced, one after the other. An empty
 * body is no message.
 */
export class HttpBodies {
  #held: Buffer = Buffer.alloc(0);
  #fault: string | undefined;

  /** Calls `message` for each whole body. Returns why nothing more can be read, if so. */
  push(bytes: Buffer, message: (body: Buffer) => void): string | undefined {
    this.#held = Buffer.concat([this.#held, bytes]);
    while (this.#fault === undefined && this.#held.length > 0) {
      const headEnd = this.#held.indexOf(HEAD_END);
      if (headEnd === -1) {
        if (this.#held.length > MAX_HEAD_BYTES) this.#fault = 'a head without an end';
        break;
      }
      const head = this.#held.toString('latin1', 0, headEnd);
      const length = Number(/^content-length: *(\d{1,9})\s*$/im.exec(head)?.[1] ?? 0);
      if (/^transfer-encoding:/im.test(head)) this.#fault = 'a body in chunks';
      else if (length > MAX_BODY_BYTES) this.#fault = `a body of ${length} bytes`;
      const bodyAt = headEnd + HEAD_END.length;
      if (this.#fault !== undefined || this.#held.length < bodyAt + length) break;
      if (length > 0) message(this.#held.subarray(bodyAt, bodyAt + length));
      this.#held = this.#held.subarray(bodyAt + length);
    }
    return this.#fault;
  }
}
