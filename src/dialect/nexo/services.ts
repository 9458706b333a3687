import { type JsonObject, listAt, memberAt, objectAt, textAt } from '../../rpc/json-tree.ts';
import { type Answer, wordsOf } from './answer-text.ts';
import { conditionOf } from './conditions.ts';
import { failure, responseBody, SUCCESS } from './failures.ts';
import { CATEGORIES } from './header.ts';
import type { NexoMessage } from './message.ts';
import type { Served, Service, ServiceContext } from './served.ts';
import { loginBody, poiStatus } from './status.ts';
import { getTotals, reconciliation } from './totals-services.ts';
import { abort, payment, REPEATED, reversal, transactionStatus } from './transaction-services.ts';

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
  if (header.MessageClass !== 'Service' && !DEVICES.has(category)) {
    return refuse('MessageFormat', `MessageClass of ${category} is Service`);
  }
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

/** Whatever is not one of these is a service, with a ServiceID that is used once. */
const DEVICES: ReadonlySet<string> = new Set([
  ...['Display', 'Input', 'InputUpdate', 'Print', 'Sound', 'PIN'],
  ...['CardReaderAPDU', 'CardReaderInit', 'CardReaderPowerOff', 'Transmit'],
]);

/** What has to be possible at any time. */
const WITHOUT_LOGIN: ReadonlySet<string> = new Set(['Login', 'Logout', 'Diagnosis', 'Abort']);

/** They move money, and nothing in the vocabulary says so. */
const MONEY_WITHOUT_WORDS: ReadonlySet<string> = new Set(['Batch', 'Loyalty', 'StoredValue']);

const SERVICES: Readonly<Record<string, Service>> = {
  Payment: payment,
  Reversal: reversal,
  TransactionStatus: transactionStatus,
  Abort: abort,
  GetTotals: getTotals,
  Reconciliation: (message, context) => reconciliation(message, context) ?? other(message),
  Login: login,
  Logout: logout,
  Diagnosis: diagnosis,
  Display: display,
  Print: print,
};

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
