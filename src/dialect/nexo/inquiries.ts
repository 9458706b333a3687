import { errorText } from '../../rpc/error-object.ts';
import { isArray, type JsonObject, memberAt, textAt, writeTree } from '../../rpc/json-tree.ts';
import type { PeerAnswer } from '../dialect.ts';
import { meaningOf } from './conditions.ts';
import type { Logins } from './logins.ts';
import { lost } from './sale-answers.ts';
import type { SaleEnd } from './sale-end.ts';
import type { Reply, ServiceLine } from './service-line.ts';
import { statusOf } from './status.ts';
import type { TerminalSide } from './terminal-side.ts';
import { readTotals } from './totals.ts';

const LIMIT_MS = 30_000;

export interface InquiriesOptions {
  readonly end: SaleEnd;
  readonly line: ServiceLine;
  readonly logins: Logins;
  readonly terminal: TerminalSide;
}

interface Service {
  readonly category: string;
  readonly body: JsonObject;
  readonly messageClass?: 'Service' | 'Device';
}

/** What a terminal is asked beside transactions, one question at a time. */
export class Inquiries {
  readonly #options: InquiriesOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: InquiriesOptions) {
    this.#options = options;
  }

  /** @param isRunning a transaction is: a terminal does not like to be asked for anything else then. */
  async ask(method: string, params: JsonObject, isRunning: boolean): Promise<PeerAnswer> {
    const { terminal } = this.#options;
    if (method === 'TerminalInfo' || method === 'VersionInfo') return this.#info(isRunning);
    if (method === 'Status' && isRunning) return result(terminal.status);
    const service = serviceOf(method, params);
    if (service === undefined) return error('JSONRPC_METHOD_NOT_FOUND', `a nexo terminal has no ${method}`);
    if (isRunning) return error('BUSY', 'a transaction is running');
    const reply = await this.#inTurn(() => this.#service(service, 1));
    if (reply.kind === 'lost') return lost(reply.reason);
    if (reply.kind === 'rejected') return error('NEXO_REJECTED', reply.why);
    const failed = faultOf(reply.body);
    if (failed !== undefined) return failed;
    if (method === 'Status') return result({ ...terminal.status, ...statusOf(reply.body) });
    if (method === 'Totals') return result(readTotals(reply.body, service.category === 'Reconciliation'));
    return result(method.startsWith('nexo.') ? reply.body : {});
  }

  async #info(isRunning: boolean): Promise<PeerAnswer> {
    const { end, logins } = this.#options;
    const isUnknown = end.memory.system === undefined && end.vendor.needsLogin && !isRunning;
    if (isUnknown) await this.#inTurn(() => logins.before());
    const { system } = end.memory;
    const version = textAt(system, 'POISoftware', 'SoftwareVersion') ?? '';
    const serial = textAt(system, 'POITerminalData', 'POISerialNumber') ?? end.poiId;
    return result({ ...(/^\d+\.\d+\.\d+$/.test(version) && { version }), serial_number: serial });
  }

  async #service(service: Service, attempt: number): Promise<Reply> {
    const { end, line, logins } = this.#options;
    const { category, body, messageClass = 'Service' } = service;
    const reply = await line.ask(category, await end.counter.next(), body, {
      limitMs: LIMIT_MS,
      messageClass,
    });
    const isOut =
      reply.kind === 'response' && textAt(reply.body, 'Response', 'ErrorCondition') === 'LoggedOut';
    if (!isOut || attempt > 1 || (await logins.again()) !== 'ready') return reply;
    return this.#service(service, attempt + 1);
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run, run);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

function serviceOf(method: string, params: JsonObject): Service | undefined {
  if (method === 'Status') return { category: 'Diagnosis', body: { HostDiagnosisFlag: false } };
  if (method === 'Totals') return totals(params);
  if (method === 'Print') return print(params);
  if (method === 'DisplayScreen') return display(params);
  const category = /^nexo\.([A-Z][A-Za-z]+)$/.exec(method)?.[1];
  return category === undefined || MONEY.has(category) ? undefined : { category, body: params };
}

/** They move money: no record would tell what became of them. */
const MONEY: ReadonlySet<string> = new Set([
  ...['Payment', 'Reversal', 'StoredValue', 'Loyalty', 'Batch', 'Abort', 'TransactionStatus'],
]);

function totals(params: JsonObject): Service {
  return memberAt(params, 'close') === true
    ? { category: 'Reconciliation', body: { ReconciliationType: 'SaleReconciliation' } }
    : { category: 'GetTotals', body: {} };
}

function print(params: JsonObject): Service {
  const PrintOutput = {
    DocumentQualifier: 'Document',
    ResponseMode: 'PrintEnd',
    OutputContent: contentOf(params),
  };
  return { category: 'Print', body: { PrintOutput }, messageClass: 'Device' };
}

function display(params: JsonObject): Service {
  const output = { Device: 'CustomerDisplay', InfoQualify: 'Display', OutputContent: contentOf(params) };
  return { category: 'Display', body: { DisplayOutput: [output] }, messageClass: 'Device' };
}

function contentOf(params: JsonObject): JsonObject {
  const lines = memberAt(params, 'lines');
  const texts = isArray(lines) ? lines : (textAt(params, 'text') ?? '').split('\n');
  return {
    OutputFormat: 'Text',
    OutputText: texts.filter((text) => typeof text === 'string').map((Text) => ({ Text })),
  };
}

/** The error that a response's failure is. */
function faultOf(body: JsonObject): PeerAnswer | undefined {
  const Response = memberAt(body, 'Response') ?? memberAt(body, 'OutputResult', 'Response');
  if (textAt(Response, 'Result') !== 'Failure') return undefined;
  const condition = textAt(Response, 'ErrorCondition') ?? 'none';
  const { code } = meaningOf(condition, '');
  const isMissing = condition === 'UnavailableService' || condition === 'UnavailableDevice';
  const additional = textAt(Response, 'AdditionalResponse') ?? '';
  return error(isMissing ? 'JSONRPC_METHOD_NOT_FOUND' : code, `${condition} ${additional}`.trim());
}

function result(value: JsonObject): PeerAnswer {
  return { kind: 'result', text: Buffer.from(writeTree(value)), depth: DEPTH };
}

function error(code: string, details: string): PeerAnswer {
  return { kind: 'error', text: errorText(code, details), depth: 3 };
}

const DEPTH = 64;
