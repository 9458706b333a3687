import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type { AskedTerminal } from '../../../src/dialect/asking.ts';
import type { Conversation, ConversationHost, PeerAnswer } from '../../../src/dialect/dialect.ts';
import { AnsweringConversation } from '../../../src/dialect/ecr-eft/answering.ts';
import { askingDialect } from '../../../src/dialect/ecr-eft/asking.ts';
import { defaultParameters } from '../../../src/dialect/ecr-eft/parameters.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { OPTIONS, Opened } from './kit.ts';

/** What happens to the bytes in one direction. */
export type Fault =
  | { readonly kind: 'cut' | 'lose' | 'damage'; readonly at: number }
  | { readonly kind: 'insert'; readonly at: number; readonly byte: number };
export type Direction = 'toTerminal' | 'toRegister';

const KEEPALIVE = { idleMs: 30_000, busyMs: 5000, limitMs: 10_000 };

/** Our register and our terminal on one line, in this process and by one clock, with a fault somewhere. */
export class JoinedLine {
  readonly clock = new FakeClock();
  /** How many bytes have been sent in each direction. */
  readonly passed = { toTerminal: 0, toRegister: 0 };
  readonly terminal: Conversation;
  readonly register: Conversation;
  /** The terminal's connections. */
  readonly opened: Opened[] = [];
  asked: AskedTerminal | undefined;
  readonly #fault: (Fault & { readonly direction: Direction }) | undefined;
  readonly #queue: { readonly to: Direction; readonly bytes: Buffer }[] = [];
  #isCut = false;

  constructor(fault?: Fault & { readonly direction: Direction }) {
    this.#fault = fault;
    const device = { vendor: 'v', type: 't', id: '1', parameters: defaultParameters(1) };
    const rules = { cashback: 'unknown', namesRegister: false, takesEarlier: false } as const;
    const options = { ...OPTIONS, keepalive: KEEPALIVE };
    this.terminal = new AnsweringConversation(
      this.#host('toRegister', (peer) => {
        const opened = new Opened(peer, undefined);
        this.opened.push(opened);
        return opened;
      }),
      options,
      { device, rules },
    );
    this.register = askingDialect({ device, register: 'TILL' }).ask(
      this.#host('toTerminal', (peer) => {
        this.asked = peer;
        return new Opened(peer, undefined);
      }),
      'stream',
      { ...options, discardMs: 0 },
    );
    this.flow();
  }

  /** Delivers everything that is on its way, and what is said to it. */
  flow(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const { to, bytes } = next;
      const delivered = this.#spoil(to, bytes);
      this.passed[to] += bytes.length;
      if (delivered.length > 0) (to === 'toTerminal' ? this.terminal : this.register).receive(delivered);
      if (this.#isCut) this.#hangUp();
    }
  }

  /** Lets time pass in small steps. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 500) {
      this.clock.advance(Math.min(left, 500));
      this.flow();
    }
  }

  ask(method: string, params: object): PeerAnswer[] {
    const heard: PeerAnswer[] = [];
    this.asked?.request(JSON.stringify(method), Buffer.from(JSON.stringify(params)), (said) =>
      heard.push({ ...said, text: Buffer.from(said.text) }),
    );
    this.flow();
    return heard;
  }

  #hangUp(): void {
    this.#queue.length = 0;
    const reason = { code: 'CONNECTION_CLOSED', text: 'cut', by: 'wire' } as const;
    this.terminal.lost(reason);
    this.register.lost(reason);
  }

  #spoil(to: Direction, bytes: Buffer): Buffer {
    const fault = this.#fault;
    if (this.#isCut) return Buffer.alloc(0);
    if (fault === undefined || fault.direction !== to) return bytes;
    const at = fault.at - this.passed[to];
    if (at < 0 || at >= bytes.length) return bytes;
    const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at + 1)];
    switch (fault.kind) {
      case 'cut':
        this.#isCut = true;
        return before;
      case 'lose':
        return Buffer.concat([before, behind]);
      case 'damage':
        return Buffer.concat([before, Buffer.from([(bytes[at] as number) ^ 0x41]), behind]);
      case 'insert':
        return Buffer.concat([before, Buffer.from([fault.byte]), bytes.subarray(at)]);
    }
  }

  #host(to: Direction, opened: (peer: AskedTerminal) => Opened): ConversationHost {
    let ids = 0;
    return {
      clock: this.clock,
      log: silentLogger,
      statistics: new Statistics(),
      randomId: () => `${to}${++ids}`,
      send: (frame) => this.#queue.push({ to, bytes: Buffer.from(frame) }),
      discardOutput: () => {},
      opened,
      finished: () => {},
    };
  }
}
