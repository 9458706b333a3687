import * as ws from 'ws';

/** The part of `ws` that takes frames apart. */
interface FrameReceiver {
  write(bytes: Buffer): void;
  on(event: 'message', hear: (data: Buffer) => void): void;
  on(event: 'error', hear: (fault: Error) => void): void;
}
/** Its types do not have it. */
const { Receiver } = ws as unknown as { readonly Receiver: new (options: object) => FrameReceiver };

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const MAX_HEAD_BYTES = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');

/** Whether a recorded stream begins with the handshake of a WebSocket, from either side. */
export function isWebSocket(start: Buffer): boolean {
  const text = start.toString('latin1', 0, MAX_HEAD_BYTES);
  return /^GET [^\r\n]* HTTP\/1\.1\r\n/.test(text) || /^HTTP\/1\.1 101 /.test(text);
}

/** Takes the messages out of one side of a recorded WebSocket, behind the handshake. */
export class WebSocketSide {
  #head: Buffer | undefined = Buffer.alloc(0);
  readonly #receiver: FrameReceiver;
  #message: (bytes: Buffer) => void = () => {};
  #fault: string | undefined;

  /** @param isClient whose frames are masked. */
  constructor(isClient: boolean) {
    this.#receiver = new Receiver({
      isServer: isClient,
      maxPayload: MAX_MESSAGE_BYTES,
      allowSynchronousEvents: true,
    });
    this.#receiver.on('message', (data) => this.#message(data));
    this.#receiver.on('error', (fault) => {
      this.#fault ??= fault.message;
    });
  }

  /** Calls `message` for each whole message. Returns why nothing more can be read, if so. */
  push(bytes: Buffer, message: (bytes: Buffer) => void): string | undefined {
    this.#message = message;
    const frames = this.#head === undefined ? bytes : this.#behindHead(bytes);
    if (frames.length > 0 && this.#fault === undefined) this.#receiver.write(Buffer.from(frames));
    return this.#fault;
  }

  #behindHead(bytes: Buffer): Buffer {
    const head = Buffer.concat([this.#head ?? Buffer.alloc(0), bytes]);
    const end = head.indexOf(HEAD_END);
    this.#head = end === -1 ? head : undefined;
    return end === -1 ? Buffer.alloc(0) : head.subarray(end + HEAD_END.length);
  }
}
