import type { Clock } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { type JsonObject, textAt } from '../../rpc/json-tree.ts';
import type { PeerAnswer } from '../dialect.ts';
import { writeAmount } from './amount.ts';
import type { Logins } from './logins.ts';
import { sendAbort } from './outcome-inquiry.ts';
import { minorAt, writePayment } from './purchase.ts';
import { recordOutcome } from './record-outcome.ts';
import { answerError, EMPTY, finalError, lost, unknown } from './sale-answers.ts';
import { idsOf, type SaleEnd, saleIdsOf, transactionKeyOf, transactionNameOf } from './sale-end.ts';
import { outcomeOf } from './sale-outcome.ts';
import type { SaleIds, SaleRecord } from './sale-records.ts';
import type { Reply, ServiceLine } from './service-line.ts';

export type Settle = (answer: PeerAnswer) => void;

export interface SalesOptions {
  readonly end: SaleEnd;
  readonly line: ServiceLine;
  readonly logins: Logins;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether the wire can still carry anything. */
  readonly isOpen: () => boolean;
  /** A transaction begins, or has ended. */
  readonly changed: (isRunning: boolean) => void;
}

interface Running {
  readonly key: string;
  /** For people. */
  readonly name: string;
  /** What the terminal knows it as. */
  category: Request['category'];
  readonly sinceMs: number;
  /** Once it is sent. */
  serviceId: string | undefined;
  isAborted: boolean;
}

type TransactionMethod = 'Purchase' | 'Refund' | 'Reversal';

/**
 * The transactions of one wire to a terminal. A record lies on the disk before a request leaves, and the answer before
 * it is passed on; a request is sent once, and whatever becomes of it is found out by TransactionStatus, never by a
 * second request.
 */
export class Sales {
  readonly #options: SalesOptions;
  #running: Running | undefined;

  constructor(options: SalesOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Begins a transaction; `settle` is called exactly once. */
  begin(method: TransactionMethod, params: JsonObject, settle: Settle): void {
    const ids = saleIdsOf(params);
    if (ids === undefined) settle(answerError('JSONRPC_INVALID_PARAMS', 'receipt_id is wanted'));
    else if (this.#running !== undefined) settle(answerError('BUSY', 'another transaction is running'));
    else this.#start(method, params, ids, settle);
  }

  #start(method: TransactionMethod, params: JsonObject, ids: SaleIds, settle: Settle): void {
    const { clock, log, changed } = this.#options;
    const name = transactionNameOf(ids);
    const running: Running = {
      key: transactionKeyOf(ids),
      name,
      category: 'Payment',
      sinceMs: clock.nowMs(),
      serviceId: undefined,
      isAborted: false,
    };
    this.#running = running;
    changed(true);
    const ended = this.#carryOut(method, params, ids, running).catch((fault): PeerAnswer => {
      log.error('the record of a transaction cannot be written', {
        transaction: name,
        why: describeFault(fault),
      });
      // What was sent may have been obeyed; what was not sent never will be.
      return running.serviceId === undefined
        ? answerError('JOURNAL_UNAVAILABLE', 'the record cannot be written')
        : unknown('the record cannot be written');
    });
    void ended.then((answer) => {
      this.#running = undefined;
      changed(false);
      settle(answer);
    });
  }

  async #carryOut(
    method: TransactionMethod,
    params: JsonObject,
    ids: SaleIds,
    running: Running,
  ): Promise<PeerAnswer> {
    const { end, logins, log } = this.#options;
    const request = await this.#requestOf(method, params, ids);
    if ('refused' in request) return request.refused;
    const login = await logins.before();
    if (login !== 'ready') return login;
    for (let attempt = 1; ; attempt += 1) {
      const serviceId = await end.counter.next();
      const record: SaleRecord = { ...request.record, state: 'sent', serviceId, saleId: end.saleId };
      if (attempt > 1) await end.records.replace(ids, record);
      else if (!(await end.records.begin(ids, record))) return DUPLICATE;
      if (attempt === 1 && (await end.records.isBarred(ids))) {
        await end.records.replace(ids, { ...record, state: 'closed' });
        return DUPLICATE;
      }
      if (running.isAborted) {
        await end.records.replace(ids, { ...record, state: 'closed' });
        return finalError('ABORTED', 'aborted before it was sent');
      }
      if (!this.#options.isOpen()) {
        await end.records.forget(ids);
        return answerError('CHANNEL_UNAVAILABLE', 'the connection ended before it was sent');
      }
      running.category = request.category;
      running.serviceId = serviceId;
      const reply = await this.#options.line.ask(request.category, serviceId, request.body);
      if (reply.kind !== 'response') return this.#unanswered(reply);
      const { category } = request;
      const outcome = outcomeOf(reply.body, { ids: idsOf(params), currency: record.currency, category });
      log.info('the terminal has answered', {
        transaction: running.name,
        service: serviceId,
        says: outcome.says,
      });
      if (outcome.says !== 'login' || attempt > 1) return recordOutcome(this.#options, ids, record, outcome);
      const again = await logins.again();
      if (again !== 'ready') {
        await end.records.forget(ids);
        return again;
      }
    }
  }

  #unanswered(reply: Exclude<Reply, { kind: 'response' }>): PeerAnswer {
    if (reply.kind === 'lost') return lost(reply.reason);
    // Nothing was begun, it seems; a Check has to confirm it.
    return answerError('NEXO_REJECTED', reply.why);
  }

  // What is sent.

  async #requestOf(method: TransactionMethod, params: JsonObject, ids: SaleIds): Promise<Request | Refused> {
    const { clock } = this.#options;
    const sale = { TransactionID: transactionNameOf(ids), TimeStamp: localTime(clock.wallMs()) };
    if (method === 'Reversal') return this.#reversalOf(params, sale);
    const written = writePayment(method, params, sale);
    if (!written.ok) return { refused: answerError('JSONRPC_INVALID_PARAMS', written.why) };
    const { body, currency } = written;
    return { category: 'Payment', body, record: { category: 'Payment', currency, sale } };
  }

  async #reversalOf(
    params: JsonObject,
    sale: { TransactionID: string; TimeStamp: string },
  ): Promise<Request | Refused> {
    const { end } = this.#options;
    const originalIds = saleIdsOf({
      receipt_id: params['original_receipt_id'],
      sequence_id: params['original_sequence_id'],
    });
    const original = originalIds && (await end.records.find(originalIds));
    const poi = typeof original === 'object' ? original.poi : undefined;
    if (poi === undefined) {
      return {
        refused: answerError(
          'REVERSAL_REFUSED',
          'no approved transaction with these identifiers is known here',
        ),
      };
    }
    const currency = textAt(params, 'currency') ?? '';
    const amount = writeAmount(minorAt(params, 'amount') ?? -1, currency);
    if (amount === undefined)
      return { refused: answerError('JSONRPC_INVALID_PARAMS', 'amount or currency cannot be said') };
    const OriginalPOITransaction = { SaleID: end.saleId, POIID: end.poiId, POITransactionID: { ...poi } };
    if (end.vendor.reversal === 'reversal') {
      const SaleData = { SaleTransactionID: { ...sale } };
      const body = {
        SaleData,
        OriginalPOITransaction,
        ReversalReason: 'MerchantCancel',
        ReversedAmount: amount,
      };
      return { category: 'Reversal', body, record: { category: 'Reversal', currency, sale } };
    }
    const written = writePayment(
      'Refund',
      { ...params, nexo: { PaymentTransaction: { OriginalPOITransaction } } },
      sale,
    );
    if (!written.ok) return { refused: answerError('JSONRPC_INVALID_PARAMS', written.why) };
    return { category: 'Payment', body: written.body, record: { category: 'Payment', currency, sale } };
  }

  // Abort.

  /** Asks the terminal to end a transaction; the transaction itself tells what came of it. */
  async abort(params: JsonObject): Promise<PeerAnswer> {
    const { end, line } = this.#options;
    const ids = saleIdsOf(params);
    const running = this.#running;
    if (running !== undefined && (ids === undefined || transactionKeyOf(ids) === running.key)) {
      if (running.serviceId === undefined) running.isAborted = true;
      else await sendAbort(end, line, running.category, running.serviceId);
      return EMPTY;
    }
    const record = ids === undefined ? undefined : await end.records.find(ids);
    if (typeof record !== 'object' || record.state !== 'sent' || record.serviceId === undefined) {
      return answerError('NOTHING_TO_ABORT', 'no such transaction is running');
    }
    await sendAbort(end, line, record.category ?? 'Payment', record.serviceId);
    return EMPTY;
  }

  /** How long this transaction has been running on this wire; undefined: it is not. */
  runningMs(ids: SaleIds): number | undefined {
    const running = this.#running;
    if (running === undefined || running.key !== transactionKeyOf(ids)) return undefined;
    return this.#options.clock.nowMs() - running.sinceMs;
  }
}

interface Request {
  readonly category: 'Payment' | 'Reversal';
  readonly body: JsonObject;
  readonly record: Omit<SaleRecord, 'state'>;
}

interface Refused {
  readonly refused: PeerAnswer;
}

const DUPLICATE = answerError('DUPLICATE_TRANSACTION', 'these identifiers have been used at this terminal');

/** ISO 8601 with the offset of this machine's time zone. */
function localTime(wallMs: number): string {
  const offset = -new Date(wallMs).getTimezoneOffset();
  const local = new Date(wallMs + offset * 60_000).toISOString().slice(0, -1);
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.abs(offset);
  return `${local}${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
