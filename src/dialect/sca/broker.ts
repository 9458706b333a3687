import type { Admission, Knock } from '../../base/knock.ts';
import type { Dialect } from '../dialect.ts';
import { NO_MONEY } from '../no-money.ts';
import { AskingConversation } from './asking-conversation.ts';
import { type LegacyPlace, LegacyTerminal } from './legacy.ts';
import { TerminalMemo } from './terminal-memo.ts';

export interface BrokerOptions {
  /** Answers handshakes without a subprotocol, also where `sci` was offered. */
  readonly omitsSubprotocol: boolean;
  /** Takes header lines with a space before their colon, as the documentation's sample has one. */
  readonly mendsHeaders: boolean;
  /** Lets terminals in that do not say who they are. */
  readonly takesUnnamed: boolean;
  readonly hostTimeoutMs: number;
  /** Registers that know only TCP. */
  readonly legacy: readonly LegacyPlace[];
  /** The `Server` header of handshakes. */
  readonly server: string;
}

const PINPAD_ID = 'x-vfi-pinpad-id';
/** Longer than a customer takes with a card, and than a host takes. */
const DEADLINE_MS = 600_000;
/** Terminals of which late responses and sales are remembered. */
const MAX_MEMOS = 10_000;

/** The broker: terminals dial in, applications ask them. The newest connection of a terminal is the live one. */
export class Broker {
  readonly #options: BrokerOptions;
  readonly #live = new Map<string, AskingConversation>();
  readonly #memos = new Map<string, TerminalMemo>();

  constructor(options: BrokerOptions) {
    this.#options = options;
  }

  get dialect(): Dialect {
    return {
      name: 'sca',
      routes: { 'sca.*': 'payment' },
      transactions: NO_MONEY, // a terminal is asked; nothing that it says is a transaction
      calls: { deadlineMs: DEADLINE_MS },
      webSocket: {
        subprotocol: 'sci',
        isBinary: true,
        takesPathsBelow: true,
        ignoresOrigin: true,
        mendsHeaders: this.#options.mendsHeaders,
      },
      beside: this.#options.legacy.flatMap(({ pinpad, primary, secondary }) => {
        const { dialect } = new LegacyTerminal(() => this.terminal(pinpad));
        return [primary, ...(secondary === undefined ? [] : [secondary])].map((listen) => ({
          listen,
          dialect,
        }));
      }),
      admit: (knock) => this.admit(knock),
      converse: (host, framing) => {
        const { identity } = host;
        const conversation = new AskingConversation(host, framing === 'messages' ? 'messages' : 'stream', {
          memo: identity === undefined ? new TerminalMemo() : this.#memoOf(identity),
          currency: undefined,
          hostTimeoutMs: this.#options.hostTimeoutMs,
        });
        if (identity !== undefined) this.#connected(identity, conversation);
        return conversation;
      },
    };
  }

  /** The terminal that is connected under this id now. */
  terminal(identity: string): AskingConversation | undefined {
    const conversation = this.#live.get(identity);
    return conversation?.isOpen === true ? conversation : undefined;
  }

  /** Who is let in, by the id of the pin pad. */
  admit({ headers, subprotocols }: Knock): Admission {
    const ids = (headers[PINPAD_ID] ?? []).map((id) => id.trim()).filter((id) => id !== '');
    const [identity, second] = ids;
    if (second !== undefined && second !== identity)
      return { status: 400, why: `${PINPAD_ID} comes twice, with different values` };
    if (identity === undefined && !this.#options.takesUnnamed)
      return { status: 400, why: `${PINPAD_ID} is missing` };
    if (identity !== undefined && !/^[A-Za-z0-9._:-]{1,64}$/.test(identity))
      return { status: 400, why: `${PINPAD_ID} is no id of 1 to 64 letters and digits` };
    const isEchoed = subprotocols.includes('sci') && !this.#options.omitsSubprotocol;
    return {
      ...(identity !== undefined && { identity }),
      ...(isEchoed && { subprotocol: 'sci' }),
      headers: { Date: new Date().toUTCString(), Server: this.#options.server },
    };
  }

  #connected(identity: string, conversation: AskingConversation): void {
    const older = this.#live.get(identity);
    this.#live.set(identity, conversation);
    older?.replaced();
  }

  #memoOf(identity: string): TerminalMemo {
    const memo = this.#memos.get(identity) ?? new TerminalMemo();
    this.#memos.delete(identity);
    this.#memos.set(identity, memo);
    const [oldest] = this.#memos.keys();
    if (this.#memos.size > MAX_MEMOS && oldest !== undefined) {
      this.#memos.delete(oldest);
      this.#live.delete(oldest);
    }
    return memo;
  }
}
