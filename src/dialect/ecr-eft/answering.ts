import type { CloseReason } from '../../base/close-reason.ts';
import type { Conversation, ConversationHost, DialectOptions } from '../dialect.ts';
import { CATALOGUE, OWN_TYPES } from './catalogue.ts';
import type { EcrMessage } from './frame.ts';
import type { Device } from './house.ts';
import { Link, type Received } from './link.ts';
import { refusalFields } from './others.ts';
import { type ConnectionOwner, RegisterConnection, takeSale } from './register-connection.ts';
import type { SaleRules } from './sale.ts';

export interface AnsweringOptions {
  readonly device: Device;
  readonly rules: SaleRules;
}

/**
 * The terminal's end of a line: open → closed.
 *
 * It is one connection, which begins at once, or on a serial line with the register's first word. Where registers are
 * named by their ECR ids each of them is a connection of its own, which begins with its first S1. Nothing is said at
 * the end, because the protocol has no word for it: a register that gets no S2 has to find out what became of its
 * payment.
 */
export class AnsweringConversation implements Conversation, ConnectionOwner {
  readonly host: ConversationHost;
  readonly link: Link;
  readonly rules: SaleRules;
  /** By register; one that has no name is ''. */
  readonly #connections = new Map<string, RegisterConnection>();
  /** The one that has spoken last. */
  #current: RegisterConnection | undefined;
  #isInputOver = false;
  #isOver = false;

  constructor(host: ConversationHost, options: DialectOptions, { device, rules }: AnsweringOptions) {
    this.host = host;
    this.rules = rules;
    this.link = new Link(
      host,
      { ...options, side: 'terminal', device, waits: options.sync },
      {
        heard: () => this.#heard(),
        said: (message, received) => this.#said(message, received),
        answered: (message) => this.#answered(message),
        unreadable: (header, why) => this.#unreadable(header, why),
        broken: (why) => this.#finish({ code: 'KEEPALIVE', text: why, by: 'us' }, 'lost'),
      },
    );
    if (!options.sync && !rules.namesRegister) this.#connectionOf('');
  }

  get isInsideMessage(): boolean {
    return this.link.isInsideFrame;
  }

  get messagesHeard(): number {
    return this.link.framesHeard;
  }

  receive(chunk: Buffer): void {
    if (!this.#isOver && !this.#isInputOver) this.link.receive(chunk);
  }

  endOfInput(): void {
    if (this.#isOver || this.#isInputOver) return;
    this.#isInputOver = true;
    if (this.link.isInsideFrame) this.host.log.info('the input ended inside a frame');
    this.link.endOfInput();
    if (this.#connections.size === 0) this.#finish(INPUT_ENDED, 'ended');
    for (const connection of [...this.#connections.values()]) connection.inputEnded(INPUT_ENDED);
  }

  congested(isCongested: boolean): void {
    this.link.congested(isCongested);
  }

  lost(reason: CloseReason): void {
    this.#finish(reason, 'lost');
  }

  stop(): void {
    if (this.#connections.size === 0) this.#finish(STOPPED, 'ended');
  }

  // What connections report.

  closed(connection: RegisterConnection, reason: CloseReason): void {
    for (const [name, one] of this.#connections) if (one === connection) this.#connections.delete(name);
    if (this.#current === connection) this.#current = undefined;
    const isAwaited = [...this.#connections.values()].some(({ openRequests }) => openRequests > 0);
    const isOver = this.#connections.size === 0 || (reason.code === 'OUTCOME_UNKNOWN' && !isAwaited);
    if (isOver) this.#finish(reason, 'ended');
    else this.changed();
  }

  changed(): void {
    this.link.setBusy([...this.#connections.values()].some(({ openRequests }) => openRequests > 0));
  }

  // What the line brings.

  #heard(): void {
    this.host.accepted?.();
    if (!this.rules.namesRegister) this.#connectionOf('');
  }

  #said(message: EcrMessage, received: Received): void {
    if (message.type === 'S1') {
      this.#startSale(message, received);
      return;
    }
    const owner = this.#ownerOf(message.token) ?? this.#current;
    if (owner !== undefined && message.type === 'P1') owner.abort(message);
    else if (owner !== undefined) owner.other(message, received);
    else this.#refuseNameless(message, received);
  }

  #startSale(message: EcrMessage, received: Received): void {
    // An S2 under this token would be taken for the end of the sale that is running.
    if (this.#ownerOf(message.token) !== undefined) {
      this.host.log.error(
        'the register starts another payment under the token of one that is running; it gets no answer',
      );
      return;
    }
    const sale = takeSale(message, received, this);
    if (sale === undefined) return;
    this.#connectionOf(this.rules.namesRegister ? sale.ecrId : '').startSale(received, sale);
  }

  #answered(message: EcrMessage): void {
    const isTaken = [...this.#connections.values()].some((connection) => connection.answered(message));
    if (isTaken) return;
    this.host.statistics.count('answers of the peer to nothing');
  }

  #unreadable(header: Pick<EcrMessage, 'token' | 'type'> | undefined, why: string): void {
    if (header === undefined) return;
    const { token, type } = header;
    const answer = CATALOGUE.get(type)?.answer;
    if (answer === undefined || OWN_TYPES.has(type) || this.#ownerOf(token) !== undefined) return;
    this.link.send({ token, type: answer, fields: refusalFields(answer, why) });
  }

  /** No register has named itself yet. */
  #refuseNameless({ type }: EcrMessage, received: Received): void {
    this.host.log.warn('a message came before a payment has named the register; it is refused', { type });
    const answer = CATALOGUE.get(type)?.answer;
    if (answer !== undefined)
      this.link.answer(received, refusalFields(answer, 'no payment has named the register'));
  }

  #ownerOf(token: number): RegisterConnection | undefined {
    return [...this.#connections.values()].find((connection) => connection.hasSale(token));
  }

  #connectionOf(name: string): RegisterConnection {
    let connection = this.#connections.get(name);
    if (connection === undefined) {
      connection = new RegisterConnection(this, name === '' ? undefined : name);
      this.#connections.set(name, connection);
    }
    this.#current = connection;
    return connection;
  }

  #finish(reason: CloseReason, how: 'ended' | 'lost'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.link.stop();
    for (const connection of this.#connections.values()) connection.lost(reason);
    this.#connections.clear();
    this.host.finished(reason, how);
  }
}

const INPUT_ENDED: CloseReason = {
  code: 'CONNECTION_CLOSED',
  text: 'the peer has closed its output',
  by: 'peer',
};
const STOPPED: CloseReason = { code: 'CONNECTION_CLOSED', text: 'the bridge is being stopped', by: 'us' };
