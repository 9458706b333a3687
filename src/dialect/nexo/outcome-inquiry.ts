import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { type JsonObject, objectAt, textAt } from '../../rpc/json-tree.ts';
import type { PeerAnswer } from '../dialect.ts';
import type { Logins } from './logins.ts';
import { recordOutcome } from './record-outcome.ts';
import { ANSWER_DEPTH, answerError, lost, unknown } from './sale-answers.ts';
import { idsOf, type SaleEnd, saleIdsOf, transactionKeyOf } from './sale-end.ts';
import { errorObject, outcomeOf, type SaleOutcome } from './sale-outcome.ts';
import type { SaleIds, SaleRecord } from './sale-records.ts';
import type { ServiceLine } from './service-line.ts';

/** After this time a terminal that is still silent about a payment may be asked for its outcome. */
const PAYMENT_LIMIT_MS = 160_000;
/** A terminal that does not know a transaction is asked again after this time. */
const MISSED_AGAIN_MS = 5000;

export interface OutcomeInquiryOptions {
  readonly end: SaleEnd;
  readonly line: ServiceLine;
  readonly logins: Logins;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a transaction has been running on this wire; undefined: it is not. */
  readonly runningMs: (ids: SaleIds) => number | undefined;
}

type Found = SaleRecord & { readonly ids: SaleIds };

/** Finds out what became of a transaction: from its record, else by TransactionStatus. */
export class OutcomeInquiry {
  readonly #options: OutcomeInquiryOptions;

  constructor(options: OutcomeInquiryOptions) {
    this.#options = options;
  }

  async check(params: JsonObject): Promise<PeerAnswer> {
    const { end, runningMs } = this.#options;
    const { records } = end;
    const ids = saleIdsOf(params);
    if (ids === undefined) return answerError('JSONRPC_INVALID_PARAMS', 'receipt_id is wanted');
    const record = await records.find(ids);
    if (record === 'several')
      return unknown('several transactions have this receipt_id: sequence_id is wanted');
    if (record === undefined) {
      // From now on it can never be sent.
      if (!(await records.begin(ids, { state: 'closed' }))) return this.check(params);
      return (await records.areOthers(ids)) ? ACTIVE : NOT_FOUND;
    }
    if (record.state === 'closed') return NOT_FOUND;
    if (record.answer !== undefined) {
      const { kind, text } = record.answer;
      return { kind, text: Buffer.from(text), depth: ANSWER_DEPTH };
    }
    const ms = runningMs(record.ids);
    return ms !== undefined && ms < PAYMENT_LIMIT_MS ? ACTIVE : this.#ask(record, params, 1);
  }

  async #ask(record: Found, params: JsonObject, attempt: number): Promise<PeerAnswer> {
    const { end, line, logins } = this.#options;
    const { category = 'Payment', serviceId = '', saleId = end.saleId } = record;
    const MessageReference = {
      MessageCategory: category,
      ServiceID: serviceId,
      SaleID: saleId,
      POIID: end.poiId,
    };
    const reply = await line.ask('TransactionStatus', await end.counter.next(), { MessageReference });
    if (reply.kind === 'lost') return lost(reply.reason);
    if (reply.kind === 'rejected') return unknown(reply.why);
    const { body } = reply;
    if (textAt(body, 'Response', 'Result') !== 'Failure') return this.#told(body, record, params);
    const condition = textAt(body, 'Response', 'ErrorCondition') ?? '';
    if (condition === 'InProgress' || condition === 'Busy') return ACTIVE;
    if (condition === 'NotFound') return this.#missed(record);
    const isLoggedIn = condition === 'LoggedOut' && attempt === 1 && (await logins.again()) === 'ready';
    return isLoggedIn ? this.#ask(record, params, 2) : unknown(`the terminal does not tell: ${condition}`);
  }

  async #told(body: JsonObject, record: Found, params: JsonObject): Promise<PeerAnswer> {
    const { end, line } = this.#options;
    const { category = 'Payment', serviceId = '', saleId = end.saleId } = record;
    const repeated = objectAt(body, 'RepeatedMessageResponse');
    const response = responseIn(repeated, category);
    const isIt =
      textAt(repeated, 'MessageHeader', 'ServiceID') === serviceId &&
      textAt(repeated, 'MessageHeader', 'SaleID') === saleId;
    if (response === undefined || !isIt || isOthers(response, record)) {
      return unknown('the terminal tells of another transaction');
    }
    const read = outcomeOf(response, { ids: idsOf(params), currency: record.currency, category });
    const outcome = asFinal(read, response);
    // Whoever still waits for the response itself has it now.
    if (outcome.says === 'final') line.settle(serviceId, { kind: 'response', body: response });
    return recordOutcome(this.#options, record.ids, record, outcome);
  }

  /**
   * The terminal does not know it. That counts when it was said twice, after an Abort, and nobody waits for an answer
   * to the request any more: then it is closed for ever.
   */
  async #missed(record: Found): Promise<PeerAnswer> {
    const { end, line, clock, runningMs } = this.#options;
    const { missedAtMs } = end.memory;
    const key = transactionKeyOf(record.ids);
    const first = missedAtMs.get(key);
    if (first === undefined) {
      missedAtMs.set(key, clock.nowMs());
      await sendAbort(end, line, record.category ?? 'Payment', record.serviceId ?? '');
      return ACTIVE;
    }
    if (runningMs(record.ids) !== undefined || clock.nowMs() - first < MISSED_AGAIN_MS) return ACTIVE;
    missedAtMs.delete(key);
    await end.records.replace(record.ids, { ...record, state: 'closed' });
    return NOT_FOUND;
  }
}

/** Asks the terminal to end a service. There is no response. */
export async function sendAbort(
  { saleId: SaleID, poiId: POIID, counter }: SaleEnd,
  line: ServiceLine,
  MessageCategory: string,
  ServiceID: string,
): Promise<void> {
  const header = line.headerOf('Abort', await counter.next());
  const MessageReference = { MessageCategory, ServiceID, SaleID, POIID };
  line.tell('Abort', header, { MessageReference, AbortReason: 'POS abort' });
}

const NOT_FOUND = answerError('TRANSACTION_NOT_FOUND', 'the terminal never had it, and never will');
const ACTIVE = answerError('TRANSACTION_ACTIVE', 'it is still running; ask again in a few seconds');

/**
 * Whether a response repeats another sale's own name: the ServiceID alone may have been used before, by a register
 * whose records are lost. Terminals that repeat no name are believed, and those that round its time.
 */
function isOthers(response: JsonObject, { sale }: Found): boolean {
  const named = objectAt(response, 'SaleData', 'SaleTransactionID');
  if (named === undefined || sale === undefined) return false;
  const apartMs = Math.abs(Date.parse(textAt(named, 'TimeStamp') ?? '') - Date.parse(sale.TimeStamp));
  return (textAt(named, 'TransactionID') ?? sale.TransactionID) !== sale.TransactionID || apartMs >= 1000;
}

function responseIn(repeated: JsonObject | undefined, category: string): JsonObject | undefined {
  const name = `${category}Response`;
  return objectAt(repeated, 'RepeatedResponseMessageBody', name) ?? objectAt(repeated, name);
}

/**
 * A failure that a TransactionStatus tells of is an end state, whatever its condition says; but for one that still
 * runs.
 */
function asFinal(outcome: SaleOutcome, response: JsonObject): SaleOutcome {
  if (outcome.kind === 'result' || outcome.says === 'final') return outcome;
  const condition = textAt(response, 'Response', 'ErrorCondition') ?? '';
  if (textAt(response, 'Response', 'Result') !== 'Failure' || condition === 'InProgress') return outcome;
  const { code, details } = outcome;
  return { kind: 'error', says: 'final', text: errorObject(code, details, 'not-charged'), code, details };
}
