import type { CloseReason } from '../../base/close-reason.ts';
import type { Framing } from '../../base/framing.ts';
import { errorText } from '../../rpc/error-object.ts';
import type { ConversationHost } from '../dialect.ts';
import { encodeFrame, encodeWhole, jsonOf } from './frame.ts';

/** A message in pieces, which are put together once, as a frame. */
export type Parts = readonly (string | Buffer)[];
export type Urgency = 'urgent' | 'normal';

/** Puts messages into frames of one wire, and sends them. */
export class JsonposOutput {
  readonly #host: Pick<ConversationHost, 'log' | 'statistics' | 'send'>;
  readonly #framing: Framing;
  readonly #maxFrameBytes: number;

  constructor(host: ConversationHost, framing: Framing, maxFrameBytes: number) {
    this.#host = host;
    this.#framing = framing;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Undefined: it does not fit. */
  encode(parts: Parts): Buffer | undefined {
    return encoderFor(this.#framing)(parts, this.#maxFrameBytes);
  }

  /** Sends what `encode` has given. */
  send(frame: Buffer, urgency: Urgency): void {
    const { log, statistics } = this.#host;
    statistics.count('frames out');
    if (log.enabled('trace')) {
      // The JSON alone: inside a text that is no JSON not every disguise of a card number is seen.
      const json = this.#framing === 'stream' ? jsonOf(frame) : frame;
      log.trace('frame out', { text: json.toString() });
    }
    this.#host.send(frame, urgency);
  }
}

/** What a peer is told that is not let in. */
export function encodeGoodbye(framing: Framing, reason: CloseReason): Buffer | undefined {
  return encoderFor(framing)(goodbyeParts(reason), MAX_GOODBYE_BYTES);
}

export function requestParts(id: string, methodText: string, params: Buffer): Parts {
  return [`{"jsonrpc":"2.0","id":"${id}","method":${methodText},"params":`, params, '}'];
}

export function notificationParts(methodText: string, params: Buffer): Parts {
  return [`{"jsonrpc":"2.0","method":${methodText},"params":`, params, '}'];
}

export function responseParts(
  idText: string,
  methodText: string,
  kind: 'result' | 'error',
  text: string | Buffer,
): Parts {
  const begin = `{"jsonrpc":"2.0","id":${idText},"response_to":${methodText},"${kind}":`;
  return typeof text === 'string' ? [`${begin}${text}}`] : [begin, text, '}'];
}

export function keepaliveParts(id: string): Parts {
  return [`{"jsonrpc":"2.0","id":"${id}","method":"_Keepalive","params":{}}`];
}

export function goodbyeParts({ code, text }: CloseReason): Parts {
  return ['{"jsonrpc":"2.0","method":"_CloseReason","params":{"error":', errorText(code, text), '}}'];
}

function encoderFor(framing: Framing): typeof encodeFrame {
  return framing === 'stream' ? encodeFrame : encodeWhole;
}

const MAX_GOODBYE_BYTES = 16_384;
