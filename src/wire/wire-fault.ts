/**
 * How a wire can fail apart from what the operating system says (those errors keep their own code,
 * ECONNRESET for instance). Decide by `code`.
 */
export const WIRE_FAULT_CODES = {
  EPIPE: 'nobody reads any more',
  ECONNRESET: 'the other side broke the connection',
  WIRE_CLOSED: 'closed by ourselves before all was written',
  WIRE_OUTPUT_ENDED: 'output has been ended, or the wire has none',
  WIRE_UNPLUGGED: 'the serial line is gone: unplugged, or hung up',
  WIRE_LOST: 'a WebSocket went away without a closing frame',
  WIRE_PEER_FAILED: 'the peer closed the WebSocket with an error status',
  WIRE_REQUEST_REFUSED: 'the server answered an HTTP request with an error status',
  WIRE_MESSAGE_TOO_LARGE: 'a WebSocket message over the limit',
  WIRE_MESSAGE_BINARY: 'a binary WebSocket message',
  WIRE_MESSAGE_INVALID: 'the peer broke the WebSocket protocol',
} as const;

export type WireFaultCode = keyof typeof WIRE_FAULT_CODES;

/** Why a wire ended or a write failed. `message` is one plain sentence. */
export class WireFault extends Error {
  readonly code: WireFaultCode;

  constructor(code: WireFaultCode, text: string = WIRE_FAULT_CODES[code], options?: ErrorOptions) {
    super(text, options);
    this.name = new.target.name;
    this.code = code;
  }
}
