import type { CloseReason } from '../../base/close-reason.ts';
import { errorText } from '../../rpc/error-object.ts';
import { readStatement } from '../../rpc/outcome.ts';
import type {
  ConnectionEvents,
  ConversationHost,
  PeerAnswer,
  PeerConnection,
  PreparedAnswer,
  Refused,
  SendOutcome,
} from '../dialect.ts';
import { RESULT } from './catalogue.ts';
import { Commands } from './commands.ts';
import { type EcrMessage, fitsFrame } from './frame.ts';
import type { Link, Received } from './link.ts';
import { messageOrder, orderOf, remarkOf } from './orders.ts';
import { nameOf, Others, PARAMS_DEPTH, paramsText } from './others.ts';
import { type EndOfSale, encodeError, encodeRefusal, encodeResult } from './outcome.ts';
import { messageOf, type Progress, progressFields, progressOf } from './progress.ts';
import { readSale, type Sale, type SaleRules } from './sale.ts';

/** What a connection has to know of the line that it is on. */
export interface ConnectionOwner {
  readonly host: ConversationHost;
  readonly link: Link;
  readonly rules: SaleRules;
  /** Its own goodbye, or the bridge's: nothing can be said on it any more. */
  closed(connection: RegisterConnection, reason: CloseReason): void;
  /** More or less is open than before. */
  changed(): void;
}

interface OpenSale {
  readonly received: Received;
  readonly sale: Sale;
  progress: Progress | undefined;
}

/** One register on a line, as the bridge sees it: its sales, and what applications want of it. */
export class RegisterConnection implements PeerConnection {
  readonly #owner: ConnectionOwner;
  readonly #events: ConnectionEvents;
  readonly #commands: Commands;
  readonly #others: Others;
  /** By token. */
  readonly #sales = new Map<number, OpenSale>();
  #isInputOver = false;
  #isClosed = false;

  /** @param register its name, where its ECR id is that. */
  constructor(owner: ConnectionOwner, register: string | undefined) {
    this.#owner = owner;
    this.#commands = new Commands(owner.link, owner.host.clock);
    this.#others = new Others(owner.link, () => owner.changed());
    this.#events = owner.host.opened(this, undefined, register);
  }

  /** Requests of the register that are not answered. */
  get openRequests(): number {
    return this.#sales.size + this.#others.openRequests;
  }

  hasSale(token: number): boolean {
    return this.#sales.has(token);
  }

  // What the register says. Messages are valid only during the call.

  /** S1 of this register, readable. */
  startSale(received: Received, sale: Sale): void {
    const open: OpenSale = { received, sale, progress: undefined };
    this.#sales.set(received.token, open);
    this.#owner.changed();
    const method = sale.kind === 'sale' ? 'Purchase' : 'Check';
    this.#events.request({
      ...nameOf(method),
      params: Buffer.from(sale.params),
      depth: PARAMS_DEPTH,
      prepare: (kind, text) => this.#prepareEnd(open, kind, text),
    });
  }

  abort({ token }: EcrMessage): void {
    const open = this.#sales.get(token);
    const identity = open === undefined ? {} : identityOf(open.sale);
    if (this.#sales.size === 0)
      this.#owner.host.log.info('the register aborts, and nothing of it is running');
    else this.#events.notification({ ...nameOf('Abort'), ...paramsText(identity) });
  }

  /** Whatever has no counterpart in our vocabulary. */
  other(message: EcrMessage, received: Received): void {
    this.#others.tell(message, received, this.#events);
  }

  /** Whether this is the answer to something of ours. */
  answered(message: EcrMessage): boolean {
    return this.#commands.answered(message);
  }

  inputEnded(reason: CloseReason): void {
    this.#isInputOver = true;
    this.#commands.close(connectionClosed(reason));
    this.#events.inputEnded(reason);
  }

  // What the applications want.

  request(methodText: string, params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    if (this.#isClosed || this.#isInputOver) return 'closed';
    if (this.#commands.isFull) return 'full';
    const order = orderOf(methodText, params);
    if ('code' in order) settle({ kind: 'error', text: errorText(order.code, order.why), depth: 2 });
    else this.#commands.start({ ...order, settle });
    return 'sent';
  }

  notify(methodText: string, params: Buffer): SendOutcome | Refused {
    if (this.#isClosed) return 'closed';
    if (methodText === '"StatusEvent"') this.#tellProgress(progressOf(params));
    else if (methodText === '"PosMessage"') return this.#tellCashier(messageOf(params));
    else {
      const remark = remarkOf(methodText, params);
      if ('code' in remark) return remark;
      if (!fitsFrame(remark.fields)) return 'too-large';
      const { link } = this.#owner;
      link.send({ ...remark, token: remark.token ?? link.nextToken() });
    }
    return 'sent';
  }

  close(reason: CloseReason): void {
    if (this.#isClosed) return;
    this.lost(reason);
    this.#owner.closed(this, reason);
  }

  /** The line is gone, or the connection is. */
  lost(reason: CloseReason): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { received } of this.#sales.values()) this.#owner.link.leave(received);
    this.#sales.clear();
    this.#others.close();
    this.#commands.close(connectionClosed(reason));
    this.#events.closed(reason);
  }

  // Inside.

  #prepareEnd(open: OpenSale, kind: 'result' | 'error', text: Buffer): PreparedAnswer | Refused {
    const { received, sale } = open;
    const end: EndOfSale =
      kind === 'result' ? encodeResult(text, sale) : { ok: true, fields: encodeError(text) };
    if (!end.ok) return end.why;
    const isSaid = sale.kind === 'sale' || isSettled(kind, text);
    return {
      send: () => {
        if (this.#isClosed || this.#sales.get(received.token) !== open) return 'closed';
        this.#sales.delete(received.token);
        if (isSaid) this.#owner.link.answer(received, end.fields);
        else this.#leaveUnsaid(received);
        this.#owner.changed();
        return 'sent';
      },
    };
  }

  /** A register takes any S2 that is not a success for "not charged": where that is not certain there is none. */
  #leaveUnsaid(received: Received): void {
    this.#owner.link.leave(received);
    this.#owner.host.log.warn('what became of the payment is not known yet; the register gets no S2');
    const reason: CloseReason = { code: 'OUTCOME_UNKNOWN', text: 'the register has to ask again', by: 'us' };
    if (this.openRequests === 0) this.close(reason);
  }

  #tellProgress(progress: Progress | undefined): void {
    if (progress === undefined) return;
    for (const [token, open] of this.#sales) {
      if (open.sale.kind === 'earlier') continue;
      open.progress = progress;
      this.#owner.link.send({ token, type: 'I1', fields: progressFields(progress) });
    }
  }

  #tellCashier(message: Buffer | undefined): SendOutcome | Refused {
    if (message === undefined) return { code: 'JSONRPC_INVALID_PARAMS', why: 'message is no string' };
    if (this.#sales.size === 0 && !this.#commands.isFull) {
      this.#commands.start({ ...messageOrder(message), settle: () => {} });
    }
    for (const [token, { progress }] of this.#sales) {
      const fields = progressFields({ status: progress?.status ?? OTHER_STATUS, message });
      this.#owner.link.send({ token, type: 'I1', fields });
    }
    return 'sent';
  }
}

const OTHER_STATUS = 1000;

/** Reads S1; undefined where it is refused, which the register has been told then. */
export function takeSale(
  { fields }: EcrMessage,
  received: Received,
  { link, host, rules }: ConnectionOwner,
): Sale | undefined {
  const sale = readSale(fields, rules);
  if (typeof sale !== 'string') return sale;
  host.log.warn('a payment is refused before it begins', { why: sale });
  link.answer(received, encodeRefusal(RESULT.refused, sale));
  return undefined;
}

/** Whether an answer to a question about an earlier payment leaves no doubt. */
function isSettled(kind: 'result' | 'error', text: Buffer): boolean {
  const { says, code } = readStatement({ kind, text });
  return (
    says === 'charged' || says === 'not-charged' || says === 'not-found' || code === 'JSONRPC_INVALID_PARAMS'
  );
}

function identityOf({ params }: Sale): object {
  const { receipt_id, sequence_id } = JSON.parse(params) as Record<string, unknown>;
  return { receipt_id, ...(sequence_id !== undefined && { sequence_id }) };
}

/** What whoever waits for the peer hears when the connection is over. */
export function connectionClosed(reason: CloseReason): PeerAnswer {
  return { kind: 'error', text: errorText('CONNECTION_CLOSED', reason.text), depth: 2, lost: reason };
}
