import { encodeLengthPrefixed, LengthPrefixedDecoder } from '../../frame/length-prefixed.ts';
import type { Inspector, ReaderSink, SeenMessage, WireReader } from '../inspecting.ts';
import { type Envelope, readEnvelope } from './message.ts';

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const LENGTH_BYTES = 4;

/** Reads messages; of encrypted ones the header, for no key is at hand. */
export const inspector: Inspector = {
  isText: true,
  frame: (text, framing) =>
    framing === 'stream' ? encodeLengthPrefixed(Buffer.from(text)) : Buffer.from(text),

  open: (framing) => (framing === 'stream' ? [new StreamReader(), new StreamReader()] : [whole, whole]),
};

const whole: WireReader = { push: (bytes, sink) => sink.message(seen(bytes), bytes.length) };

class StreamReader implements WireReader {
  readonly #decoder = new LengthPrefixedDecoder({ maxMessageBytes: MAX_MESSAGE_BYTES });

  push(bytes: Buffer, sink: ReaderSink): void {
    this.#decoder.push(bytes, {
      message: (message) => sink.message(seen(message), message.length + LENGTH_BYTES),
      rejected: (why) => sink.wrong(why),
    });
  }

  end(sink: ReaderSink): void {
    if (this.#decoder.isInsideMessage) sink.wrong('the record ends inside a message');
  }
}

function seen(bytes: Buffer): SeenMessage {
  const text = bytes.toString();
  const read = readEnvelope(bytes);
  if (!read.ok) {
    const name = read.header?.MessageCategory;
    return { kind: 'message', text, wrong: read.why, ...(name !== undefined && { name }) };
  }
  const { header, name } = read.envelope;
  const id = [header.SaleID, header.ServiceID ?? header.DeviceID ?? '', header.MessageCategory].join('/');
  const kind = { Request: 'request', Response: 'result', Notification: 'notification' } as const;
  // An Abort has no response.
  const isNotification = header.MessageType === 'Notification' || header.MessageCategory === 'Abort';
  return {
    kind: isNotification ? 'notification' : kind[header.MessageType],
    name,
    ...(!isNotification && { id }),
    text,
    ...aboutBlob(read.envelope),
  };
}

function aboutBlob({ bodyText }: Envelope): Partial<SeenMessage> {
  return bodyText === undefined ? { isHidden: true } : {};
}
