import { type CloseReason, LINE_ECHOES } from '../../base/close-reason.ts';
import type { Framing } from '../../base/framing.ts';
import { createIds } from '../../rpc/ids.ts';
import type { AskedTerminal, AskingDialect, AskingOptions } from '../asking.ts';
import type { Conversation, ConversationHost, PeerConnection } from '../dialect.ts';
import { JsonposConversation } from './conversation.ts';
import { transactions } from './routes.ts';
import { retryDelayMs, SyncAsker } from './sync-asker.ts';

/** The register's end of JSONPOS. */
export const jsonposAsking: AskingDialect = {
  name: 'jsonpos',
  transactions: { methods: transactions.methods, recovery: 'Check' },
  retryMs: retryDelayMs,
  ask: (host, framing, options) => new JsonposAsking(host, framing, options),
};

/**
 * One wire to a terminal:
 *
 *   synchronising (`_Sync` only; not where the wire keeps message borders) ──▶ speaking ──▶ over
 */
class JsonposAsking implements Conversation {
  readonly #host: ConversationHost;
  readonly #framing: Framing;
  readonly #options: AskingOptions;
  /** In every id of this wire, `_Sync` included, so that each can be told when it comes back. */
  readonly #random: string;
  #asker: SyncAsker | undefined;
  #conversation: JsonposConversation | undefined;

  constructor(host: ConversationHost, framing: Framing, options: AskingOptions) {
    this.#host = host;
    this.#framing = framing;
    this.#options = options;
    this.#random = host.randomId();
    if (options.sync && framing === 'stream') this.#synchronise();
    else this.#speak();
  }

  receive(chunk: Buffer): void {
    if (this.#asker === undefined) {
      this.#conversation?.receive(chunk);
      return;
    }
    const rest = this.#asker.receive(chunk);
    if (rest !== undefined && rest.length > 0) this.#conversation?.receive(rest);
  }

  endOfInput(): void {
    if (this.#conversation !== undefined) this.#conversation.endOfInput();
    else this.#finish({ code: 'CONNECTION_CLOSED', text: 'the terminal has closed', by: 'peer' }, 'ended');
  }

  congested(isCongested: boolean): void {
    this.#conversation?.congested(isCongested);
  }

  lost(reason: CloseReason): void {
    if (this.#conversation !== undefined) this.#conversation.lost(reason);
    else this.#finish(reason, 'lost');
  }

  #synchronise(): void {
    this.#asker = new SyncAsker({
      clock: this.#host.clock,
      nextId: createIds('pos-sync', this.#random),
      send: (bytes) => this.#host.send(bytes, 'normal'),
      discardMs: this.#options.discardMs,
      settled: (outcome) => {
        this.#asker = undefined;
        if (outcome === 'synchronised') {
          this.#host.accepted?.();
          this.#speak();
        } else if (outcome === 'failed') {
          this.#finish({ code: 'SYNC_FAILED', text: 'no answer to _Sync in time', by: 'us' }, 'ended');
        } else this.#finish({ code: LINE_ECHOES, text: 'the line echoes what is sent', by: 'us' }, 'ended');
      },
    });
  }

  #speak(): void {
    const { maxFrameBytes, keepalive } = this.#options;
    this.#conversation = new JsonposConversation(this.#hostOfConversation(), this.#framing, {
      maxFrameBytes,
      keepalive,
      idPrefix: 'pos',
      pingAtOnce: true,
    });
  }

  #hostOfConversation(): ConversationHost {
    const host = this.#host;
    return {
      clock: host.clock,
      log: host.log,
      statistics: host.statistics,
      randomId: () => this.#random,
      send: (frame, urgency) => host.send(frame, urgency),
      discardOutput: () => host.discardOutput(),
      opened: (peer) => host.opened(askedTerminal(peer)),
      finished: (reason, how) => host.finished(reason, how),
    };
  }

  /** Before anything could be asked. */
  #finish(reason: CloseReason, how: 'ended' | 'lost'): void {
    this.#asker?.stop();
    this.#asker = undefined;
    this.#host.finished(reason, how);
  }
}

function askedTerminal(peer: PeerConnection): AskedTerminal {
  return {
    request: (method, params, settle) => peer.request(method, params, settle),
    notify: (method, params) => peer.notify(method, params),
    close: (reason) => peer.close(reason),
    probe: (settle) => peer.request('"_Keepalive"', EMPTY, settle),
  };
}

const EMPTY = Buffer.from('{}');
