import type { Inspector, SeenMessage, WireReader } from '../inspecting.ts';
import { decodeFrame } from './frame.ts';
import { maskFrame } from './mask-frame.ts';

/** Reads messages of OCPP-J, of which each is one of the wire. */
export const inspector: Inspector = {
  isText: true,
  frame: (text) => Buffer.from(text),
  open: () => [reader, reader],
};

const reader: WireReader = { push: (bytes, sink) => sink.message(seen(bytes), bytes.length) };

function seen(bytes: Buffer): SeenMessage {
  const frame = decodeFrame(bytes);
  const plain = bytes.toString();
  const text = maskFrame(plain);
  const shown = { text, isHidden: text !== plain };
  switch (frame.kind) {
    case 'call':
      return { kind: 'request', name: frame.action, id: frame.id, ...shown };
    case 'result':
      return { kind: 'result', id: frame.id, ...shown };
    case 'error':
      return { kind: 'error', name: frame.code, id: frame.id, ...shown };
    case 'bad':
    case 'ignored':
      return { kind: 'message', wrong: frame.why, ...shown };
  }
}
