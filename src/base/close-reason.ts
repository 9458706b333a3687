/** Why a conversation ended. The first reason sticks. */
export interface CloseReason {
  /** A string code as the protocol prints it: CONNECTION_CLOSED, KEEPALIVE, JSONRPC_PARSE_ERROR … */
  readonly code: string;
  /** One plain sentence; crosses the wire. */
  readonly text: string;
  readonly by: 'us' | 'peer' | 'wire';
}

/**
 * The code of a conversation in which our own words come back: a half-duplex adapter that echoes, a plug that is
 * looped.
 */
export const LINE_ECHOES = 'LINE_ECHOES';
