import { type JsonObject, objectAt, textAt } from '../../rpc/json-tree.ts';
import { readStatement } from '../../rpc/outcome.ts';
import { type Answer, wordsOf } from './answer-text.ts';
import { approvedMoney, writeApproval, writeReversal } from './approval.ts';
import { conditionOf, type ErrorCondition } from './conditions.ts';
import { failure, responseBody, SUCCESS } from './failures.ts';
import type { AskedTransaction } from './memory.ts';
import type { NexoMessage } from './message.ts';
import { categoryOf, referenceOf, type TransactionCategory } from './message-reference.ts';
import { identityOf, readPayment } from './purchase.ts';
import { originalNamed, readReversal } from './reversal.ts';
import type { Served, ServiceContext, Unsayable } from './served.ts';

export const REPEATED = 'Repeated Message: ServiceID';

export function payment({ header, body }: NexoMessage, context: ServiceContext): Served {
  const { memory } = context;
  const { ServiceID = '', SaleID } = header;
  const read = readPayment(header, body);
  if (!read.ok) return refused('Payment', body, read.condition, read.why);
  const language = memory.languageOf(SaleID);
  const { amount, currency } = approvedMoney(read.params);
  const asked: AskedTransaction = {
    category: 'Payment',
    ServiceID,
    SaleID,
    SaleTransactionID: objectAt(body, 'SaleData', 'SaleTransactionID'),
    type: read.method === 'Refund' ? 'Refund' : 'Normal',
    amount,
    currency,
  };
  const params = { ...(language !== undefined && { cashier_language: language }), ...read.params };
  return transaction(read.method, params, asked, context);
}

/** Undoes a payment that this process has taken: its own name for it says which. */
export function reversal({ header, body }: NexoMessage, context: ServiceContext): Served {
  const { memory } = context;
  const named = originalNamed(header, body);
  if ('why' in named) return refused('Reversal', body, 'MessageFormat', named.why);
  const original = memory.original(named);
  if (original === undefined || original === 'several') {
    return refused('Reversal', body, 'NotFound', original === undefined ? NO_ORIGINAL : SEVERAL_ORIGINALS);
  }
  const read = readReversal(header, body, original);
  if (!read.ok) return refused('Reversal', body, 'MessageFormat', read.why);
  const asked: AskedTransaction = {
    category: 'Reversal',
    ServiceID: header.ServiceID ?? '',
    SaleID: header.SaleID,
    SaleTransactionID: objectAt(body, 'SaleData', 'SaleTransactionID'),
    OriginalPOITransaction: objectAt(body, 'OriginalPOITransaction'),
    type: undefined,
    ...approvedMoney(read.params),
  };
  return transaction('Reversal', read.params, asked, context);
}

const NO_ORIGINAL =
  'no approved payment of this name is known since the start; ask for it by TransactionStatus first';
const SEVERAL_ORIGINALS = 'several payments have this name and time';

function refused(
  category: TransactionCategory,
  body: JsonObject,
  condition: ErrorCondition,
  why: string,
): Served {
  return { kind: 'respond', body: responseBody(category, body, failure(condition, why)) };
}

function transaction(
  method: string,
  params: JsonObject,
  asked: AskedTransaction,
  context: ServiceContext,
): Served {
  const { memory } = context;
  memory.asked(asked);
  return {
    kind: 'ask',
    method,
    params,
    respond: (answer) => {
      if (answer.kind === 'error') asked.errorCode = answer.code;
      // It was another request that was obeyed, before this process began.
      if (asked.errorCode === 'DUPLICATE_TRANSACTION') memory.forget(asked);
      return outcomeResponse(answer, asked, context);
    },
  };
}

/** The outcome of a transaction as its response, to the request itself and to a TransactionStatus. */
function outcomeResponse(
  answer: Answer,
  asked: AskedTransaction,
  { memory, vendor, now }: ServiceContext,
): JsonObject | Unsayable {
  const { category, SaleTransactionID, OriginalPOITransaction } = asked;
  const SaleData = SaleTransactionID === undefined ? undefined : { SaleTransactionID };
  const transactionId = `${asked.ServiceID}-${asked.SaleID}`;
  const time = textAt(SaleTransactionID, 'TimeStamp') ?? now();
  const echoed = { ...(category === 'Payment' && { SaleData }), OriginalPOITransaction };
  if (answer.kind === 'error') {
    const isRepeated = answer.code === 'DUPLICATE_TRANSACTION';
    const why = isRepeated ? `${REPEATED}. ${answer.details}` : wordsOf(answer);
    const POIData = isRepeated
      ? undefined // this request has no transaction of its own
      : { POITransactionID: { TransactionID: transactionId, TimeStamp: time } };
    return { Response: failure(conditionOf(answer.code), why), ...echoed, POIData };
  }
  const write = category === 'Payment' ? writeApproval : writeReversal;
  const written = write(answer.result, asked, { transactionId, time }, vendor);
  if (!written.ok) return { unsayable: written.why };
  if (category === 'Payment') {
    const named = objectAt(written.body, 'POIData', 'POITransactionID');
    memory.approved(named, asked, approvedMoney(answer.result, asked));
  }
  return { ...echoed, ...written.body };
}

/** A transaction that this process knows nothing of but what the register says. */
function unknownTransaction(
  category: TransactionCategory,
  ServiceID: string,
  SaleID: string,
): AskedTransaction {
  return {
    category,
    ServiceID,
    SaleID,
    SaleTransactionID: undefined,
    type: undefined,
    amount: undefined,
    currency: undefined,
  };
}

export function transactionStatus({ header, body }: NexoMessage, context: ServiceContext): Served {
  const { memory } = context;
  const about = referenceOf(header, body) ?? lastOf(header.SaleID, header.POIID, context);
  if (about === undefined) {
    const why = 'no payment of this register is known since the start: name it by MessageReference';
    return { kind: 'respond', body: { Response: failure('MessageFormat', why) } };
  }
  const category = categoryOf(about, header);
  if (typeof category !== 'string') {
    return { kind: 'respond', body: { Response: failure('MessageFormat', category.why) } };
  }
  const { ServiceID, SaleID } = about;
  const known = memory.transaction(SaleID, ServiceID);
  if (known !== undefined && known.category !== category) {
    const why = `MessageReference.MessageCategory: this ServiceID was a ${known.category}`;
    return { kind: 'respond', body: { Response: failure('MessageFormat', why) } };
  }
  const asked = known ?? unknownTransaction(category, ServiceID, SaleID);
  const MessageReference = { MessageCategory: category, ServiceID, SaleID, POIID: header.POIID };
  return {
    kind: 'ask',
    method: 'Check',
    params: identityOf(ServiceID, SaleID),
    respond: (answer) => {
      const open = whyOpen(answer, asked);
      if (open !== undefined) return { Response: open, MessageReference };
      const response = outcomeResponse(answer, asked, context);
      if ('unsayable' in response) return response;
      const inner = { [`${category}Response`]: response as JsonObject };
      const MessageHeader = {
        ...(header.raw['ProtocolVersion'] !== undefined && {
          ProtocolVersion: header.raw['ProtocolVersion'],
        }),
        MessageClass: 'Service',
        MessageType: 'Response',
        ...MessageReference,
      };
      const repeated = context.vendor.repeatedIn === 'body' ? { RepeatedResponseMessageBody: inner } : inner;
      return { Response: SUCCESS, MessageReference, RepeatedMessageResponse: { MessageHeader, ...repeated } };
    },
  };
}

/** What a register means that names nothing: what it asked for last. */
function lastOf(SaleID: string, POIID: string, { memory }: ServiceContext) {
  const last = memory.lastOf(SaleID);
  return last && { category: last.category, ServiceID: last.ServiceID, SaleID, POIID };
}

/** Why an answer to Check tells no outcome. Whatever is not certain is still in progress: the register asks again. */
function whyOpen(answer: Answer, asked: AskedTransaction): JsonObject | undefined {
  if (answer.kind === 'result') return undefined;
  const { says, code } = readStatement(answer);
  if (says === 'not-charged' || (says === 'other' && code === asked.errorCode)) return undefined;
  return failure(says === 'not-found' ? 'NotFound' : 'InProgress', wordsOf(answer));
}

export function abort({ header, body }: NexoMessage, context: ServiceContext): Served {
  const { vendor, notify } = context;
  const about = referenceOf(header, body) ?? lastOf(header.SaleID, header.POIID, context);
  if (about === undefined) return { kind: 'reject', why: 'there is nothing to abort' };
  const category = categoryOf(about, header);
  if (typeof category !== 'string') return { kind: 'reject', why: category.why };
  return {
    kind: 'ask',
    method: 'Abort',
    params: identityOf(about.ServiceID, about.SaleID),
    respond: (answer) => {
      if (answer.kind === 'error') {
        notify(answer.code === 'ABORT_REFUSED' ? vendor.completed : 'Reject', wordsOf(answer));
      }
      return undefined;
    },
  };
}
