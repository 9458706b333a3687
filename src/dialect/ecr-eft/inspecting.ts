import type { Inspector, ReaderSink, SeenMessage, WireReader } from '../inspecting.ts';
import { ANSWER_TYPES, CATALOGUE } from './catalogue.ts';
import { readMessage } from './frame.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { isHidden, shownText } from './shown.ts';

/** Reads frames and the one-byte answers to them. */
export const inspector: Inspector = { open: () => [new EcrReader(), new EcrReader()] };

class EcrReader implements WireReader {
  readonly #decoder = new FrameDecoder();

  push(bytes: Buffer, sink: ReaderSink): void {
    this.#decoder.push(bytes, {
      frame: (content) => sink.message(seen(content), content.length + FRAMING_BYTES),
      rejected: (why) =>
        sink.wrong(why === 'too-long' ? 'a frame is too long' : 'a frame has a wrong check byte'),
      acknowledged: () => sink.message({ kind: 'acknowledgement', name: 'ACK', text: '' }, 1),
      refused: () => sink.message({ kind: 'acknowledgement', name: 'NAK', text: '' }, 1),
    });
  }

  end(sink: ReaderSink): void {
    if (this.#decoder.isInsideFrame) sink.wrong('the record ends inside a frame');
  }
}

function seen(content: Buffer): SeenMessage {
  const read = readMessage(content);
  if (!read.ok) {
    const name = read.header?.type;
    return {
      kind: 'message',
      text: '',
      isHidden: true,
      wrong: read.why,
      ...(name !== undefined && { name }),
    };
  }
  const { type, token } = read.message;
  const isAnswer = ANSWER_TYPES.has(type);
  const asks = CATALOGUE.get(type)?.answer !== undefined;
  return {
    kind: isAnswer ? 'result' : asks ? 'request' : 'notification',
    name: type,
    ...((isAnswer || asks) && { id: token.toString(16).toUpperCase() }),
    text: shownText(read.message),
    isHidden: isHidden(read.message),
  };
}

/** STX, ETX and the check byte. */
const FRAMING_BYTES = 3;
