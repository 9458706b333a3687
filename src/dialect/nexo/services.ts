import { type JsonObject, listAt, memberAt, objectAt, textAt } from '../../rpc/json-tree.ts';
import { readStatement } from '../../rpc/outcome.ts';
import { type Answer, wordsOf } from './answer-text.ts';
import { writeApproval } from './approval.ts';
import { conditionOf } from './conditions.ts';
import { failure, responseBody, SUCCESS } from './failures.ts';
import { CATEGORIES, type MessageHeader } from './header.ts';
import type { AskedPayment, RegisterMemory } from './memory.ts';
import type { NexoMessage } from './message.ts';
import { identityOf, readPayment } from './purchase.ts';
import { loginBody, poiStatus } from './status.ts';
import type { Vendor } from './vendors.ts';

/** What becomes of a register's request: a question to an application, or an answer of our own. */
export type Served =
  | {
      readonly kind: 'ask';
      readonly method: string;
      readonly params: JsonObject;
      /** The response's body; undefined: there is none. `unsayable`: nexo has no words for this answer. */
      respond(answer: Answer): JsonObject | undefined | Unsayable;
    }
  | { readonly kind: 'respond'; readonly body: JsonObject }
  /** No response belongs to this request: an Event says that it is refused. */
  | { readonly kind: 'reject'; readonly why: string };

export interface Unsayable {
  readonly unsayable: string;
}

export interface ServiceContext {
  readonly memory: RegisterMemory;
  readonly vendor: Vendor;
  readonly requiresLogin: boolean;
  /** ISO 8601. */
  readonly now: () => string;
  /** Says by an Event what became of an Abort, which has no response. */
  readonly notify: (event: string, details: string) => void;
}

/** Takes a register's request in. */
export function serve(message: NexoMessage, context: ServiceContext): Served {
  const { header, body } = message;
  const { MessageCategory: category, ServiceID, SaleID, POIID } = header;
  const { memory, requiresLogin } = context;
  const refuse = (condition: Parameters<typeof failure>[0], why: string): Served =>
    category === 'Abort'
      ? { kind: 'reject', why }
      : { kind: 'respond', body: responseBody(category, body, failure(condition, why)) };
  memory.poiId ??= POIID;
  if (POIID !== memory.poiId) return { kind: 'reject', why: 'POIID is not the one of this terminal' };
  if (header.MessageClass !== 'Device' && ServiceID !== undefined && !memory.begins(SaleID, ServiceID)) {
    return refuse('MessageFormat', REPEATED);
  }
  if (requiresLogin && !memory.isLoggedIn(SaleID) && !WITHOUT_LOGIN.has(category)) {
    return refuse('LoggedOut', 'a Login is needed first');
  }
  const isKnown = (CATEGORIES as readonly string[]).includes(category);
  if (!isKnown || MONEY_WITHOUT_WORDS.has(category)) {
    return refuse('UnavailableService', `${category} is not supported`);
  }
  return (SERVICES[category] ?? other)(message, context);
}

export const REPEATED = 'Repeated Message: ServiceID';

/** What has to be possible at any time. */
const WITHOUT_LOGIN: ReadonlySet<string> = new Set(['Login', 'Logout', 'Diagnosis', 'Abort']);

/** They move money, and nothing in the vocabulary says so. */
const MONEY_WITHOUT_WORDS: ReadonlySet<string> = new Set(['Batch', 'Loyalty', 'Reversal', 'StoredValue']);

type Service = (message: NexoMessage, context: ServiceContext) => Served;

const SERVICES: Readonly<Record<string, Service>> = {
  Payment: payment,
  TransactionStatus: transactionStatus,
  Abort: abort,
  Login: login,
  Logout: logout,
  Diagnosis: diagnosis,
  Display: display,
  Print: print,
};

function payment({ header, body }: NexoMessage, context: ServiceContext): Served {
  const { memory } = context;
  const { ServiceID = '', SaleID } = header;
  const read = readPayment(header, body);
  if (!read.ok) {
    return { kind: 'respond', body: responseBody('Payment', body, failure(read.condition, read.why)) };
  }
  const language = memory.languageOf(SaleID);
  const asked: AskedPayment = {
    ServiceID,
    SaleID,
    SaleTransactionID: objectAt(body, 'SaleData', 'SaleTransactionID'),
    type: read.method === 'Refund' ? 'Refund' : 'Normal',
    amount: Number(textOf(read.params['amount'])),
    currency: textAt(read.params, 'currency'),
  };
  memory.asked(asked);
  return {
    kind: 'ask',
    method: read.method,
    params: { ...(language !== undefined && { cashier_language: language }), ...read.params },
    respond: (answer) => {
      if (answer.kind === 'error') asked.errorCode = answer.code;
      // It was another request that was obeyed, before this process began.
      if (asked.errorCode === 'DUPLICATE_TRANSACTION') memory.forget(asked);
      return paymentResponse(answer, asked, context);
    },
  };
}

/** The outcome of a payment as its response, to the payment itself and to a TransactionStatus. */
function paymentResponse(
  answer: Answer,
  asked: AskedPayment,
  { vendor, now }: ServiceContext,
): JsonObject | Unsayable {
  const { SaleTransactionID } = asked;
  const SaleData = SaleTransactionID === undefined ? undefined : { SaleTransactionID };
  const transactionId = `${asked.ServiceID}-${asked.SaleID}`;
  const time = textAt(SaleTransactionID, 'TimeStamp') ?? now();
  if (answer.kind === 'error') {
    const isRepeated = answer.code === 'DUPLICATE_TRANSACTION';
    const why = isRepeated ? `${REPEATED}. ${answer.details}` : wordsOf(answer);
    const POIData = isRepeated
      ? undefined // this request has no transaction of its own
      : { POITransactionID: { TransactionID: transactionId, TimeStamp: time } };
    return { Response: failure(conditionOf(answer.code), why), SaleData, POIData };
  }
  const written = writeApproval(answer.result, asked, { transactionId, time }, vendor);
  return written.ok ? { SaleData, ...written.body } : { unsayable: written.why };
}

/** A payment that this process knows nothing of but what the register says. */
function unknownPayment(ServiceID: string, SaleID: string): AskedPayment {
  return {
    ServiceID,
    SaleID,
    SaleTransactionID: undefined,
    type: undefined,
    amount: undefined,
    currency: undefined,
  };
}

function transactionStatus({ header, body }: NexoMessage, context: ServiceContext): Served {
  const { memory } = context;
  const named = referenceOf(header, body);
  const last = memory.lastOf(header.SaleID);
  const fault = named === undefined ? undefined : faultOfReference(named, header);
  if (fault !== undefined) return { kind: 'respond', body: { Response: failure('MessageFormat', fault) } };
  const about =
    named ?? (last === undefined ? undefined : { ...last, category: 'Payment', POIID: header.POIID });
  if (about === undefined) {
    const why = 'no payment of this register is known since the start: name it by MessageReference';
    return { kind: 'respond', body: { Response: failure('MessageFormat', why) } };
  }
  const asked =
    memory.payment(about.SaleID, about.ServiceID) ?? unknownPayment(about.ServiceID, about.SaleID);
  const MessageReference = {
    MessageCategory: 'Payment',
    ServiceID: about.ServiceID,
    SaleID: about.SaleID,
    POIID: header.POIID,
  };
  return {
    kind: 'ask',
    method: 'Check',
    params: identityOf(about.ServiceID, about.SaleID),
    respond: (answer) => {
      const open = whyOpen(answer, asked);
      if (open !== undefined) return { Response: open, MessageReference };
      const response = paymentResponse(answer, asked, context);
      if ('unsayable' in response) return response;
      const PaymentResponse = response as JsonObject;
      const repeated =
        context.vendor.repeatedIn === 'body'
          ? { RepeatedResponseMessageBody: { PaymentResponse } }
          : { PaymentResponse };
      const MessageHeader = {
        ...(header.raw['ProtocolVersion'] !== undefined && {
          ProtocolVersion: header.raw['ProtocolVersion'],
        }),
        MessageClass: 'Service',
        MessageType: 'Response',
        ...MessageReference,
      };
      return { Response: SUCCESS, MessageReference, RepeatedMessageResponse: { MessageHeader, ...repeated } };
    },
  };
}

/** Why an answer to Check tells no outcome. Whatever is not certain is still in progress: the register asks again. */
function whyOpen(answer: Answer, asked: AskedPayment): JsonObject | undefined {
  if (answer.kind === 'result') return undefined;
  const { says, code } = readStatement(answer);
  if (says === 'not-charged' || (says === 'other' && code === asked.errorCode)) return undefined;
  return failure(says === 'not-found' ? 'NotFound' : 'InProgress', wordsOf(answer));
}

interface Reference {
  readonly category: string;
  readonly ServiceID: string;
  readonly SaleID: string;
  readonly POIID: string;
}

function referenceOf(header: MessageHeader, body: JsonObject): Reference | undefined {
  const reference = objectAt(body, 'MessageReference');
  if (reference === undefined) return undefined;
  return {
    category: textAt(reference, 'MessageCategory') ?? 'Payment',
    ServiceID: textAt(reference, 'ServiceID') ?? '',
    SaleID: textAt(reference, 'SaleID') ?? header.SaleID,
    POIID: textAt(reference, 'POIID') ?? header.POIID,
  };
}

function faultOfReference(
  { category, ServiceID, POIID }: Reference,
  header: MessageHeader,
): string | undefined {
  if (ServiceID === '') return 'MessageReference.ServiceID is missing';
  if (category.toLowerCase() !== 'payment') return 'MessageReference.MessageCategory: only Payment is kept';
  return POIID === header.POIID ? undefined : 'MessageReference.POIID is not the one of this terminal';
}

function abort({ header, body }: NexoMessage, { memory, vendor, notify }: ServiceContext): Served {
  const named = referenceOf(header, body);
  const about = named ?? memory.lastOf(header.SaleID);
  const fault = named === undefined ? undefined : faultOfReference(named, header);
  if (fault !== undefined) return { kind: 'reject', why: fault };
  if (about === undefined) return { kind: 'reject', why: 'there is nothing to abort' };
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

function login({ header, body }: NexoMessage, { memory, vendor, now }: ServiceContext): Served {
  return {
    kind: 'ask',
    method: 'TerminalInfo',
    params: {},
    respond: (answer) => {
      const isUnknown = answer.kind === 'error' && answer.code === 'JSONRPC_METHOD_NOT_FOUND';
      if (answer.kind === 'error' && !isUnknown) {
        return { Response: failure(conditionOf(answer.code), wordsOf(answer)) };
      }
      memory.login(header.SaleID, textAt(body, 'OperatorLanguage'));
      return loginBody(answer.kind === 'result' ? answer.result : {}, now(), vendor);
    },
  };
}

function logout({ header }: NexoMessage, { memory }: ServiceContext): Served {
  memory.logout(header.SaleID);
  return { kind: 'respond', body: { Response: SUCCESS } };
}

function diagnosis(): Served {
  return {
    kind: 'ask',
    method: 'Status',
    params: {},
    respond: (answer) => {
      if (answer.kind === 'result') return { Response: SUCCESS, POIStatus: poiStatus(answer.result) };
      if (answer.code !== 'JSONRPC_METHOD_NOT_FOUND') {
        return { Response: SUCCESS, POIStatus: { GlobalStatus: 'Unreachable' } };
      }
      return { Response: failure('UnavailableService', wordsOf(answer)) };
    },
  };
}

/** Texts for the cardholder's display; whatever else is displayed passes as it is. */
function display(message: NexoMessage): Served {
  const outputs = listAt(message.body, 'DisplayOutput');
  const isPlain = outputs.every(
    (output) =>
      textAt(output, 'Device') === 'CustomerDisplay' &&
      textAt(output, 'OutputContent', 'OutputFormat') === 'Text',
  );
  if (outputs.length === 0 || !isPlain) return other(message);
  const lines = outputs.flatMap((output) => listAt(output, 'OutputContent', 'OutputText').map(lineOf));
  const isRequired = outputs.some((output) => memberAt(output, 'ResponseRequiredFlag') !== false);
  return {
    kind: 'ask',
    method: 'DisplayScreen',
    params: { lines },
    respond: (answer) => (isRequired ? deviceResponse(message, answer) : undefined),
  };
}

function print(message: NexoMessage): Served {
  const output = objectAt(message.body, 'PrintOutput');
  if (textAt(output, 'OutputContent', 'OutputFormat') !== 'Text') return other(message);
  const isRequired = textAt(output, 'ResponseMode') !== 'NotRequired';
  return {
    kind: 'ask',
    method: 'Print',
    params: { lines: listAt(output, 'OutputContent', 'OutputText').map(lineOf) },
    respond: (answer) => (isRequired ? deviceResponse(message, answer) : undefined),
  };
}

function deviceResponse({ header, body }: NexoMessage, answer: Answer): JsonObject {
  if (answer.kind === 'result') return responseBody(header.MessageCategory, body, SUCCESS);
  const condition = answer.code === 'BUSY' ? 'Busy' : 'UnavailableDevice';
  return responseBody(header.MessageCategory, body, failure(condition, wordsOf(answer)));
}

function lineOf(output: Parameters<typeof textAt>[0]): string {
  return textAt(output, 'Text') ?? '';
}

/** A request that the vocabulary has no word for: `nexo.<Category>`, its own fields flat in `params`. */
function other({ header, body }: NexoMessage): Served {
  const category = header.MessageCategory;
  return {
    kind: 'ask',
    method: `nexo.${category}`,
    params: body,
    respond: (answer) => {
      if (answer.kind === 'result') return { ...responseBody(category, body, SUCCESS), ...answer.result };
      return responseBody(category, body, failure(conditionOf(answer.code), wordsOf(answer)));
    },
  };
}

function textOf(value: JsonObject[string]): string {
  return typeof value === 'object' && value !== null && 'text' in value ? String(value.text) : '';
}
