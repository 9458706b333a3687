import { parseMessage } from '../../rpc/message.ts';
import type { Inspector, ReaderSink, SeenMessage, WireReader } from '../inspecting.ts';
import { encodeFrame, encodeWhole, FRAMING_BYTES, JsonposDecoder } from './frame.ts';
import { FrameScanner } from './frame-scanner.ts';

/** More than any peer may be allowed. */
const MAX_FRAME_BYTES = 1_000_000;

/** JSONPOS. Behind bytes that break the framing it looks for the next frame, as on a serial line. */
export const inspector: Inspector = {
  isText: true,
  frame: (text, framing) => (framing === 'stream' ? encodeFrame : encodeWhole)([text], MAX_FRAME_BYTES),

  open: (framing) => (framing === 'stream' ? [new StreamReader(), new StreamReader()] : [whole, whole]),
};

const whole: WireReader = { push: (bytes, sink) => sink.message(seen(bytes), bytes.length) };

class StreamReader implements WireReader {
  #decoder = new JsonposDecoder({ maxFrameBytes: MAX_FRAME_BYTES });
  /** Looks for the next frame, after a broken one. */
  #scanner: FrameScanner | undefined;

  push(bytes: Buffer, sink: ReaderSink): void {
    let rest: Buffer | undefined = bytes;
    while (rest !== undefined && rest.length > 0) {
      rest = this.#scanner === undefined ? this.#decode(rest, sink) : this.#scan(rest, this.#scanner, sink);
    }
  }

  end(sink: ReaderSink): void {
    if (this.#scanner === undefined)
      this.#decoder.end({ frame: () => {}, rejected: (_code, why) => sink.wrong(why) });
  }

  /** Returns what is left when the framing is broken. */
  #decode(bytes: Buffer, sink: ReaderSink): Buffer | undefined {
    let isBroken = false;
    const taken = this.#decoder.push(bytes, {
      frame: (text) => sink.message(seen(text), text.length + FRAMING_BYTES),
      rejected: (_code, why) => {
        isBroken = true;
        sink.wrong(why);
      },
    });
    if (!isBroken) return undefined;
    this.#scanner = new FrameScanner();
    return bytes.subarray(taken);
  }

  #scan(bytes: Buffer, scanner: FrameScanner, sink: ReaderSink): Buffer | undefined {
    const rest = scanner.push(bytes, (text) => {
      if (!parseMessage(text, 'wire').ok) return false;
      sink.message(seen(text), text.length + FRAMING_BYTES);
      return true;
    });
    if (rest === undefined) return undefined;
    this.#scanner = undefined;
    this.#decoder = new JsonposDecoder({ maxFrameBytes: MAX_FRAME_BYTES });
    return rest;
  }
}

function seen(bytes: Buffer): SeenMessage {
  const text = bytes.toString();
  const parsed = parseMessage(bytes, 'wire');
  if (!parsed.ok) return { kind: 'message', text, wrong: `${parsed.code}: ${parsed.why}` };
  const { message } = parsed;
  if (message.kind === 'notification') return { kind: 'notification', name: message.method, text };
  if (message.kind === 'request') return { kind: 'request', name: message.method, id: message.id, text };
  return { kind: message.kind, id: message.id, text };
}
