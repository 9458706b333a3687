import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type {
  Conversation,
  ConversationHost,
  InboundRequest,
  PeerConnection,
} from '../../../src/dialect/dialect.ts';
import { reply } from '../../../src/dialect/reply.ts';
import { AnsweringConversation } from '../../../src/dialect/sca/answering.ts';
import { AskingConversation } from '../../../src/dialect/sca/asking-conversation.ts';
import { DEFAULT_ASSUMPTIONS } from '../../../src/dialect/sca/assumptions.ts';
import { forgetfulMemory } from '../../../src/dialect/sca/memory.ts';
import { TerminalEnd } from '../../../src/dialect/sca/terminal-end.ts';
import { TerminalMemo } from '../../../src/dialect/sca/terminal-memo.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { type Any, settled } from './kit.ts';
import { SALE } from './pair-kit.ts';

/** Our register and our terminal on one stream, which is cut after so many bytes of one direction. */
class CutWorld {
  readonly clock = new FakeClock();
  readonly memo = new TerminalMemo();
  readonly charges: string[] = [];
  /** Outcomes by receipt, as an application with a store keeps them. */
  readonly #outcomes = new Map<string, string>();
  readonly #end = new TerminalEnd({
    currency: 'USD',
    authentication: 'skip',
    assumed: DEFAULT_ASSUMPTIONS,
    memory: forgetfulMemory(),
    pairsAlone: false,
    dials: true,
    webSocket: { subprotocol: 'sci', isBinary: true },
  });
  readonly bytes = { toTerminal: 0, toRegister: 0 };
  #ids = 0;
  #register: Conversation | undefined;
  #terminal: Conversation | undefined;
  peer: PeerConnection | undefined;

  connect(cut?: { readonly direction: 'toTerminal' | 'toRegister'; readonly after: number }): void {
    this.bytes.toTerminal = 0;
    this.bytes.toRegister = 0;
    let isCut = false;
    const carry = (direction: 'toTerminal' | 'toRegister', frame: Uint8Array) => {
      const left = cut?.direction === direction ? cut.after - this.bytes[direction] : frame.length;
      const part = Buffer.from(frame).subarray(0, Math.max(0, left));
      this.bytes[direction] += part.length;
      queueMicrotask(() => {
        if (isCut) return;
        const to = direction === 'toTerminal' ? this.#terminal : this.#register;
        to?.receive(part);
        if (part.length < frame.length) {
          isCut = true;
          this.lose();
        }
      });
    };
    const shared = {
      clock: this.clock,
      log: silentLogger,
      statistics: new Statistics(),
      discardOutput() {},
      finished() {},
    };
    const terminalHost: ConversationHost = {
      ...shared,
      randomId: () => `t${++this.#ids}`,
      send: (frame) => carry('toRegister', frame),
      opened: () => ({
        request: (request) => this.#application(request),
        notification: () => {},
        inputEnded: () => {},
        closed: () => {},
      }),
    };
    const registerHost: ConversationHost = {
      ...shared,
      randomId: () => `r${++this.#ids}`,
      send: (frame) => carry('toTerminal', frame),
      opened: (peer) => {
        this.peer = peer;
        return { request: () => {}, notification: () => {}, inputEnded: () => {}, closed: () => {} };
      },
    };
    const options = { maxFrameBytes: 262_144, keepalive: 'off', sync: false } as const;
    this.#register = new AskingConversation(registerHost, 'stream', {
      memo: this.memo,
      currency: 'USD',
      hostTimeoutMs: 150_000,
    });
    this.#terminal = new AnsweringConversation(terminalHost, 'stream', options, this.#end, 'both');
  }

  lose(): void {
    for (const end of [this.#register, this.#terminal])
      end?.lost({ code: 'CONNECTION_CLOSED', text: 'cut', by: 'wire' });
  }

  /** Charges once a receipt; a Check tells what became of it. */
  #application(request: InboundRequest): void {
    const params = JSON.parse(request.params.toString()) as Any;
    const key = `${params.receipt_id}/${params.sequence_id}`;
    const { method } = request;
    queueMicrotask(() => {
      if (method === 'Purchase') {
        this.charges.push(key);
        this.#outcomes.set(
          key,
          JSON.stringify({ amount: params.amount, currency: 'USD', authorization_code: 'A1' }),
        );
      }
      const outcome = this.#outcomes.get(key);
      if (outcome !== undefined) reply(request, 'result', Buffer.from(outcome));
      else
        reply(
          request,
          'error',
          Buffer.from(
            '{"code":1,"message":"x","data":{"string_code":"TRANSACTION_NOT_FOUND","details":"x"}}',
          ),
        );
    });
  }

  async ask(
    method: string,
    params: object,
  ): Promise<{ kind: string; code: string | undefined; lost: boolean }> {
    return new Promise((resolve) => {
      const outcome = this.peer?.request(
        JSON.stringify(method),
        Buffer.from(JSON.stringify(params)),
        (answer) => {
          const json = JSON.parse(answer.text.toString()) as Any;
          resolve({ kind: answer.kind, code: json.data?.string_code, lost: answer.lost !== undefined });
        },
      );
      if (outcome !== 'sent') resolve({ kind: 'error', code: 'CHANNEL_UNAVAILABLE', lost: false });
    });
  }
}

/** What the register knows in the end. */
async function finalWord(world: CutWorld, first: { kind: string; code: string | undefined; lost: boolean }) {
  if (first.kind === 'result') return 'charged';
  if (!first.lost && first.code === 'CHANNEL_UNAVAILABLE') return 'not charged';
  for (let turn = 0; turn < 4; turn += 1) {
    world.connect();
    await settled();
    const { kind, code } = await world.ask('Check', { receipt_id: '1001', sequence_id: '1' });
    if (kind === 'result') return 'charged';
    if (code === 'TRANSACTION_NOT_FOUND' || code === 'CANCELLED') return 'not charged';
    world.lose();
    world.clock.advance(160_000);
    await settled();
  }
  return 'unknown';
}

describe('a link that is cut', () => {
  for (const direction of ['toTerminal', 'toRegister'] as const)
    test(`at every byte ${direction}: one charge at most, and what the register hears is true`, async () => {
      const whole = new CutWorld();
      whole.connect();
      expect((await whole.ask('Purchase', SALE)).kind).toBe('result');
      await settled();
      const length = whole.bytes[direction];
      const words = new Map<string, number>();
      for (let after = 0; after < length; after += 1) {
        const world = new CutWorld();
        world.connect({ direction, after });
        const word = await finalWord(world, await world.ask('Purchase', SALE));
        words.set(word, (words.get(word) ?? 0) + 1);
        expect(world.charges.length).toBeLessThanOrEqual(1);
        if (word !== 'unknown')
          expect([after, word]).toEqual([after, world.charges.length === 1 ? 'charged' : 'not charged']);
      }
      expect(words.get('unknown') ?? 0).toBe(0);
      expect(words.size).toBe(2);
    });
});
