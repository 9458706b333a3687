import type { Timer } from '../../base/clock.ts';
import type { CloseReason } from '../../base/close-reason.ts';
import { errorText } from '../../rpc/error-object.ts';
import { decodeString } from '../../rpc/scan.ts';
import type { AskedTerminal, AskingDialect, AskingOptions } from '../asking.ts';
import type {
  AnswerText,
  ConnectionEvents,
  Conversation,
  ConversationHost,
  PeerAnswer,
  Refused,
  SendOutcome,
} from '../dialect.ts';
import { type AskedSale, LOOK, readEnd, readKey, readPurchase, unknownOutcome } from './asked-sale.ts';
import { Commands } from './commands.ts';
import type { EcrMessage } from './frame.ts';
import type { Device } from './house.ts';
import { Link, type Received } from './link.ts';
import { frameOrder, remarkOf } from './orders.ts';
import { nameOf, Others, paramsText, refusalFields } from './others.ts';
import { statusEventOf } from './progress.ts';
import type { Fate, Sending } from './transmitter.ts';

/** A sale whose S1 was not acknowledged and of which nothing is heard: so long it may still have arrived. */
const DOUBT_MS = 60_000;
/** Longer than any customer takes; a terminal that lives and says nothing more has lost the sale, or its end. */
const SILENCE_MS = 900_000;
const FIRST_RETRY_MS = 100;
const RETRY_LIMIT_MS = 5000;

export interface AskingEnd {
  readonly device: Device;
  /** The ECR id. */
  readonly register: string | undefined;
}

/** The register's end. A lost S2 is lost: nothing on this wire can bring it back. */
export function askingDialect(end: AskingEnd): AskingDialect {
  return {
    name: 'ecr-eft',
    transactions: { methods: ['Purchase'], recovery: undefined },
    retryMs: (failures) =>
      failures === 0 ? 0 : Math.min(RETRY_LIMIT_MS, FIRST_RETRY_MS * 2 ** (failures - 1)),
    ask: (host, _framing, options) => new AskingConversation(host, options, end),
  };
}

interface OpenSale {
  readonly sale: AskedSale;
  readonly token: number;
  readonly settle: (answer: PeerAnswer) => void;
  sending: Sending | undefined;
  /** When it runs out without a word about the sale, the outcome is unknown. */
  limit: Timer;
}

/**
 * The register's end of a line: testing (T1 until T2) → speaking → closed.
 *
 * S1 goes out once, and again only when the terminal has refused the frame by NAK. It ends with S2; where that cannot
 * come any more, or S1 was not acknowledged and nothing is heard of it, the outcome is unknown.
 */
class AskingConversation implements Conversation, AskedTerminal {
  readonly #host: ConversationHost;
  readonly #register: string | undefined;
  readonly #link: Link;
  readonly #commands: Commands;
  readonly #others: Others;
  #events: ConnectionEvents | undefined;
  #sale: OpenSale | undefined;
  #probes: ((answer: PeerAnswer) => void)[] = [];
  /** Runs while what comes is an old connection's. */
  #discard: Timer | undefined;
  #isOver = false;

  constructor(host: ConversationHost, options: AskingOptions, end: AskingEnd) {
    this.#host = host;
    this.#register = end.register;
    this.#link = new Link(
      host,
      { ...options, side: 'register', device: end.device, waits: false },
      {
        heard: () => host.accepted?.(),
        tested: () => this.#tested(),
        said: (message, received) => this.#said(message, received),
        answered: (message) => this.#answered(message),
        unreadable: (header) => this.#misheard(header),
        broken: (why) => this.#finish({ code: 'KEEPALIVE', text: why, by: 'us' }, 'lost'),
      },
    );
    this.#commands = new Commands(this.#link, host.clock);
    this.#others = new Others(this.#link, () => this.#changed());
    if (options.discardMs === 0) this.#link.ping();
    else {
      this.#discard = host.clock.after(options.discardMs, () => {
        this.#discard = undefined;
        this.#link.ping();
      });
    }
  }

  receive(chunk: Buffer): void {
    if (!this.#isOver && this.#discard === undefined) this.#link.receive(chunk);
  }

  /** A terminal that says nothing more cannot end a sale. */
  endOfInput(): void {
    this.#finish({ code: 'CONNECTION_CLOSED', text: 'the terminal has closed', by: 'peer' }, 'ended');
  }

  congested(isCongested: boolean): void {
    this.#link.congested(isCongested);
  }

  lost(reason: CloseReason): void {
    this.#finish(reason, 'lost');
  }

  stop(): void {
    if (this.#events === undefined)
      this.#finish({ code: 'CONNECTION_CLOSED', text: 'it is being stopped', by: 'us' }, 'ended');
  }

  // What is asked of the terminal.

  request(methodText: string, params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    if (this.#isOver) return 'closed';
    const method = decodeString(methodText);
    if (method === 'Purchase') this.#startSale(params, settle);
    else if (method === 'Abort') give(settle, this.#abort(params));
    else if (this.#commands.isFull) return 'full';
    else this.#command(method, params, settle);
    return 'sent';
  }

  notify(methodText: string, params: Buffer): SendOutcome | Refused {
    if (this.#isOver) return 'closed';
    if (methodText === '"Abort"') {
      this.#abort(params);
      return 'sent';
    }
    const remark = remarkOf(methodText, params);
    if ('code' in remark) return remark;
    this.#link.send({ ...remark, token: remark.token ?? this.#link.nextToken() });
    return 'sent';
  }

  probe(settle: (answer: PeerAnswer) => void): SendOutcome {
    if (this.#isOver) return 'closed';
    this.#probes.push(settle);
    this.#link.ping();
    return 'sent';
  }

  close(reason: CloseReason): void {
    this.#finish(reason, 'ended');
  }

  #startSale(params: Buffer, settle: (answer: PeerAnswer) => void): void {
    if (this.#sale !== undefined) {
      give(settle, errorOf('BUSY', 'a payment is running on this terminal'));
      return;
    }
    const sale = readPurchase(params, this.#register);
    if ('code' in sale) {
      give(settle, errorOf(sale.code, sale.why));
      return;
    }
    const token = this.#link.nextToken();
    const limit = this.#host.clock.after(SILENCE_MS, () => this.#endUnknown(SILENT));
    const open: OpenSale = { sale, token, settle, sending: undefined, limit };
    this.#sale = open;
    this.#host.log.info('a payment goes to the terminal', { sale: sale.key, 'payment id': sale.paymentId });
    this.#changed();
    open.sending = this.#link.send(
      { token, type: 'S1', fields: sale.fields },
      { fate: (fate) => this.#fateOf(open, fate) },
    );
  }

  #abort(params: Buffer): AnswerText {
    const open = this.#sale;
    const named = readKey(params);
    if (open === undefined || (named !== undefined && named !== open.sale.key))
      return errorOf('NOTHING_TO_ABORT', 'this payment is not running on this terminal');
    this.#link.send({ token: open.token, type: 'P1', fields: [] });
    return { kind: 'result', text: Buffer.from('{}') };
  }

  #command(method: string, params: Buffer, settle: (answer: PeerAnswer) => void): void {
    const order = frameOrder(method, JSON.parse(params.toString()));
    if ('code' in order) give(settle, errorOf(order.code, order.why));
    else this.#commands.start({ ...order, settle });
  }

  // What becomes of a sale.

  #fateOf(open: OpenSale, fate: Fate): void {
    if (this.#sale !== open) return;
    if (fate === 'accepted') this.#wait(open, SILENCE_MS, SILENT);
    else if (fate === 'doubtful') {
      this.#wait(open, DOUBT_MS, 'S1 was not acknowledged, and the terminal says nothing of the payment');
    } else {
      const why = fate === 'refused' ? 'the terminal refused the frame (NAK)' : 'the connection ended before';
      this.#take(open);
      give(open.settle, errorOf('CHANNEL_UNAVAILABLE', `${why}; nothing has begun`));
    }
  }

  /** From now on the terminal has so long to say something of the sale. */
  #wait(open: OpenSale, ms: number, why: string): void {
    open.limit.cancel();
    open.limit = this.#host.clock.after(ms, () => this.#endUnknown(why));
  }

  /** It may have been S2. */
  #misheard(header: Pick<EcrMessage, 'token' | 'type'> | undefined): void {
    const open = this.#sale;
    if (open === undefined) return;
    if (header === undefined) this.#wait(open, DOUBT_MS, 'the terminal said something that cannot be read');
    else if (header.type === 'S2' && header.token === open.token) this.#endUnknown('S2 cannot be read');
  }

  #endUnknown(why: string): void {
    const open = this.#sale;
    if (open !== undefined) this.#endSale(open, unknownOutcome(why, { payment_id: open.sale.paymentId }));
  }

  #endSale(open: OpenSale, outcome: AnswerText): void {
    if (this.#sale !== open) return;
    this.#take(open);
    give(open.settle, outcome);
  }

  #take(open: OpenSale): void {
    open.limit.cancel();
    this.#sale = undefined;
    this.#changed();
  }

  // What the terminal says.

  #tested(): void {
    if (this.#events === undefined && !this.#isOver) this.#events = this.#host.opened(this);
    for (const settle of this.#probes.splice(0)) give(settle, { kind: 'result', text: Buffer.from('{}') });
  }

  #answered(message: EcrMessage): void {
    const { token, type, fields } = message;
    const open = this.#sale;
    if (type === 'S2' && open !== undefined && open.token === token) {
      if (open.sending !== undefined) this.#link.arrived(open.sending);
      this.#endSale(open, readEnd(fields, open.sale));
    } else if (type === 'S2') this.#late(message);
    else if (!this.#commands.answered(message)) {
      this.#host.log.info('the terminal answers what is not open', { type });
    }
  }

  /**
   * It may be the end of a payment that was called unknown: on a serial line S2 can come after the line was opened
   * again.
   */
  #late({ fields }: EcrMessage): void {
    const [result, , , , transaction, amount] = fields.map((field) => field.toString('latin1'));
    this.#host.log.error('THE TERMINAL ENDS A PAYMENT THAT NOBODY WAITS FOR ANY MORE; somebody has to look', {
      result,
      transaction,
      amount,
    });
  }

  #said(message: EcrMessage, received: Received): void {
    const open = this.#sale;
    if (message.type === 'I1' && open !== undefined && open.token === message.token) {
      if (open.sending !== undefined) this.#link.arrived(open.sending);
      this.#wait(open, SILENCE_MS, SILENT);
      this.#progress(message);
    } else if (message.type === 'S1') this.#link.answer(received, refusalFields('S2', 'this is a register'));
    else if (this.#events !== undefined) this.#others.tell(message, received, this.#events);
  }

  #progress({ fields }: EcrMessage): void {
    this.#events?.notification({ ...nameOf('StatusEvent'), ...paramsText(statusEventOf(fields)) });
    const message = fields[1]?.toString('latin1') ?? '';
    if (message !== '') this.#events?.notification({ ...nameOf('PosMessage'), ...paramsText({ message }) });
  }

  #changed(): void {
    this.#link.setBusy(this.#sale !== undefined || this.#others.openRequests > 0);
  }

  // The end.

  #finish(reason: CloseReason, how: 'ended' | 'lost'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#discard?.cancel();
    this.#link.stop(); // a sale that was not sent at all is told so here
    this.#others.close();
    const lost: PeerAnswer = {
      kind: 'error',
      text: errorText('CONNECTION_CLOSED', reason.text, { displayMessage: LOOK }),
      depth: 2,
      lost: reason,
    };
    const open = this.#sale;
    this.#sale = undefined;
    open?.limit.cancel();
    open?.settle(lost);
    this.#commands.close(lost);
    for (const settle of this.#probes.splice(0)) settle(lost);
    this.#events?.closed(reason);
    this.#host.finished(reason, how);
  }
}

const SILENT = 'the terminal says nothing more of the payment';
const ANSWER_DEPTH = 6;

function give(settle: (answer: PeerAnswer) => void, { kind, text }: AnswerText): void {
  settle({ kind, text, depth: ANSWER_DEPTH });
}

function errorOf(code: string, details: string): AnswerText {
  return { kind: 'error', text: errorText(code, details) };
}
