import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type { DialectOptions, InboundRequest, PeerConnection } from '../../../src/dialect/dialect.ts';
import { jsonpos } from '../../../src/dialect/jsonpos/dialect.ts';
import { FakeClock } from '../../kit/fake-clock.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of any shape
export type Any = any;

export function framed(message: object | string): Buffer {
  const text = typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message });
  return Buffer.from(`${Buffer.byteLength(text).toString(16).padStart(8, '0')}:${text}\n`);
}

export const sync = (id: string) => framed({ id, method: '_Sync', params: {} });
export const keepalive = (id: string) => framed({ id, method: '_Keepalive', params: {} });
export const note = (n: number) => framed({ method: 'Note', params: { n } });
export const FILLER = Buffer.alloc(64, '\n');
export const join = (...parts: readonly (Buffer | string)[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part)));

/** The terminal's end of a stream that is to be synchronised, with everything that happens written down in `story`. */
export function speak(options: Partial<DialectOptions> = {}) {
  const clock = new FakeClock();
  const statistics = new Statistics();
  const story: string[] = [];
  const sent: { message: Any; urgency: string }[] = [];
  const warnings: string[] = [];
  const requests: InboundRequest[] = [];
  const peers: PeerConnection[] = [];
  const log = { ...silentLogger, warn: (event: string) => void warnings.push(event) };
  const conversation = jsonpos.converse(
    {
      clock,
      log,
      statistics,
      randomId: () => `x${peers.length}`,
      send(frame, urgency) {
        const message = JSON.parse(Buffer.from(frame).toString('latin1').slice(9));
        sent.push({ message, urgency });
        if (message.result !== undefined) story.push(`answer ${message.id}`);
        else if (message.method === '_CloseReason')
          story.push(`goodbye ${message.params.error.data.string_code}`);
      },
      discardOutput: () => void story.push('discard'),
      opened(peer) {
        const n = peers.push(peer);
        story.push(`opened ${n}`);
        return {
          request: (request) => {
            requests.push(request);
            story.push(`request ${n} ${request.method}`);
          },
          notification: ({ method, params }) => story.push(`note ${n} ${method} ${params}`),
          inputEnded: ({ code }) => story.push(`inputEnded ${n} ${code}`),
          closed: ({ code, by }) => story.push(`closed ${n} ${code} ${by}`),
        };
      },
      finished: ({ code }, how) => story.push(`finished ${code} ${how}`),
    },
    'stream',
    { maxFrameBytes: 262_134, keepalive: 'off', sync: true, ...options },
  );
  const receive = (...chunks: readonly (Buffer | string)[]) => {
    // As on a wire: the bytes are the receiver's only during the call.
    for (const chunk of chunks) {
      const lent = Buffer.from(chunk);
      conversation.receive(lent);
      lent.fill('#');
    }
  };
  return { clock, statistics, story, sent, warnings, requests, peers, conversation, receive };
}
