import { decimalsOf, formatAmount } from '../base/currency.ts';
import { maskText, maskValue } from '../base/mask.ts';
import { memberOf } from '../base/member.ts';
import { cutText, escapeActive } from '../base/printable.ts';
import type { ErrorReason } from '../pos/answer.ts';
import type { RecoveredSale, SaleOutcome } from '../pos/sale.ts';
import type { Status, TerminalInfo } from '../pos/status.ts';
import { printable } from './journal-view.ts';
import { disconnectedText, type PosEvent, transactionText } from './pos-stage.ts';

/** What a register learns, for people and for programs. Everything that leaves here is masked and escaped. */

const MAX_VALUE = 200;
const MAX_RECEIPT_LINES = 200;

/** How a sale ended: first a line that can be read from across the counter, then facts, then the receipts. */
export function outcomeLines(sale: RecoveredSale): string[] {
  const head = [HEADS[sale.outcome], moneyLineOf(sale), METHOD_WORDS.get(sale.method)];
  const title = head.filter((text) => text !== undefined && text !== '').join('  ');
  const receipt = [sale.receiptId, sale.sequenceId].filter(isText).join('/');
  const rows = facts([['receipt', receipt, 'receipt_id'], ...factsOf(sale)]);
  return [title, ...rows, ...receiptLines(sale)];
}

const HEADS: Readonly<Record<RecoveredSale['outcome'], string>> = {
  approved: 'APPROVED',
  declined: 'DECLINED',
  cancelled: 'CANCELLED',
  'not-started': 'NOT STARTED',
  'not-reached': 'NOT CHARGED',
  unknown: 'UNKNOWN',
};

const METHOD_WORDS: ReadonlyMap<string, string> = new Map([
  ['Refund', 'refund'],
  ['Reversal', 'reversal'],
]);

/** `12.30 EUR`; empty for a sale of which the store knows nothing. */
export function moneyOf({ amountMinor, currency }: Pick<SaleOutcome, 'amountMinor' | 'currency'>): string {
  return amountMinor === undefined || currency === undefined ? '' : formatAmount(amountMinor, currency);
}

/** What was asked for; of an approval for anything else, what was approved of it. */
function moneyLineOf(sale: RecoveredSale): string {
  const asked = moneyOf(sale);
  if (sale.outcome !== 'approved') return asked;
  const currency = sale.approvedCurrency ?? sale.currency;
  const approved = moneyOf({ amountMinor: sale.approvedAmountMinor, currency });
  if (sale.isAsAsked) return asked === '' ? approved : asked;
  return approved === '' ? `another amount than ${asked}` : `${approved} of ${asked}`;
}

function factsOf(sale: RecoveredSale): Fact[] {
  if (sale.outcome === 'unknown') {
    return [['why', sale.error.text]];
  }
  if (sale.outcome === 'not-reached') return [['reason', 'not known to the terminal']];
  if (sale.outcome !== 'approved') return [['reason', reasonText(sale.reason)]];
  const { result } = sale;
  const card = [result['card_scheme'], result['masked_card_number']].filter(isText).join(' ');
  const isUnreadable = !sale.isAsAsked && sale.approvedAmountMinor === undefined;
  const other = sale.otherReceiptId;
  return [
    ['amount', isUnreadable ? `${JSON.stringify(result['amount'])} is what the terminal says` : undefined],
    ['but', other === undefined ? undefined : `the terminal says that this is receipt ${other}`],
    ['card', card === '' ? undefined : card],
    ['answer', factText(result['response_text'])],
    ...RESULT_FACTS.map(([member, name]): Fact => [name, factText(result[member]), member]),
  ];
}

const RESULT_FACTS: readonly (readonly [member: string, name: string])[] = [
  ['entry_mode', 'read by'],
  ['verification_method', 'verified by'],
  ['authorization_code', 'authorisation'],
  ['transaction_id', 'transaction'],
  ['trace_number', 'trace'],
  ['timestamp', 'time'],
];

/** What the terminal says to the cashier, then its code, then what it says to technicians. */
function reasonText({ code, message, details, displayMessage }: ErrorReason): string {
  const words = displayMessage ?? message;
  const more = [code, details].filter((text) => text !== '' && text !== words).join(': ');
  return more === '' ? words : `${words} (${more})`.trimStart();
}

/** The papers that came with an approval: the merchant's, then the customer's. */
function receiptLines(sale: RecoveredSale): string[] {
  if (sale.outcome !== 'approved') return [];
  return ['merchant_receipt', 'customer_receipt'].flatMap((member) => {
    const shown = paperLines(sale.result[member]).slice(0, MAX_RECEIPT_LINES);
    if (shown.length === 0) return [];
    return ['', ...shown.map((line) => `  ${cutText(printable(line), MAX_VALUE)}`.trimEnd())];
  });
}

/** A receipt is an array of lines, or an object with all of them in one text. */
function paperLines(paper: unknown): string[] {
  if (Array.isArray(paper)) return paper.filter(isText);
  const text = memberOf(paper, 'text');
  return isText(text) && text !== '' ? text.replace(/\r?\n$/, '').split(/\r?\n/) : [];
}

/** What a terminal says about itself: one line a fact. */
export function statusLines(status: Status): string[] {
  const yesNo = (value: boolean | undefined) => (value === undefined ? undefined : value ? 'yes' : 'no');
  const isUpdating = status.updateStatus !== undefined && status.updateStatus !== '';
  return facts([
    ['state', transactionText(status)],
    ['ready', yesNo(status.readyForTransaction)],
    ['connection to the PSP', yesNo(status.pspConnectionAvailable)],
    ['waiting to be sent', factText(status.pendingTransactionCount)],
    ['chip card in', yesNo(status.chipCardIn)],
    ['update', isUpdating ? updateText(status) : undefined],
    ['charging', yesNo(status.batteryCharging)],
    ['plugged in', yesNo(status.pluggedIn)],
    ['time', status.timestamp],
  ]);
}

/** The same in one line, for `watch`. */
export function statusLine(status: Status): string {
  const parts = [
    transactionText(status),
    status.pspConnectionAvailable === false ? 'no connection to the PSP' : '',
    status.chipCardIn ? 'chip card in' : '',
    (status.pendingTransactionCount ?? 0) > 0
      ? `${status.pendingTransactionCount} transactions to be sent`
      : '',
    status.updateStatus ? `update ${cutText(printable(updateText(status)), MAX_VALUE)}` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function updateText({ updateStatus = '', updateProgress, updateEta }: Status): string {
  const parts = [updateStatus, updateProgress, updateEta === undefined ? undefined : `until ${updateEta}`];
  return parts.filter((part) => part !== undefined).join(' ');
}

export function infoLines(info: TerminalInfo): string[] {
  return facts([
    ['version', info.version],
    ['serial number', info.serialNumber],
    ['sales location', info.salesLocationName],
    ['link speed', info.linkSpeed === undefined ? undefined : `${info.linkSpeed} bytes/s`],
  ]);
}

// For programs: an object a line.

export function eventLine(event: PosEvent): string {
  switch (event.kind) {
    case 'connected':
      return jsonLine({ event: 'connected', to: event.to });
    case 'disconnected': {
      const { reason, failures } = event.disconnection;
      const why = disconnectedText(event.disconnection);
      return jsonLine({ event: 'disconnected', code: reason.code, text: why, failures });
    }
    case 'progress': {
      const { step, count, receiptId, sequenceId } = event.progress;
      return jsonLine({ event: 'progress', step, count, ...identifiers({ receiptId, sequenceId }) });
    }
    case 'status':
      return jsonLine({ event: 'status' }, { status: event.status.text });
    case 'message':
      return jsonLine({ event: 'message', text: event.text });
    case 'note':
      return jsonLine({ event: 'note', text: event.text });
  }
}

export function outcomeLine(sale: RecoveredSale): string {
  const { amountMinor, currency } = sale;
  const head = {
    event: 'outcome',
    outcome: sale.outcome,
    method: sale.method === '' ? undefined : sale.method,
    ...identifiers(sale),
    amount: decimalOf(sale),
    amount_minor: amountMinor,
    currency,
  };
  if (sale.outcome === 'unknown') return jsonLine({ ...head, why: sale.error.text });
  const recorded = { ...head, recorded: sale.isRecorded };
  if (sale.outcome === 'approved') {
    const { approvedAmountMinor, approvedCurrency, otherReceiptId } = sale;
    const approved = { amountMinor: approvedAmountMinor, currency: approvedCurrency ?? currency };
    const said = {
      approved_amount: decimalOf(approved),
      approved_amount_minor: approvedAmountMinor,
      approved_currency: approvedCurrency,
      approved_receipt_id: otherReceiptId,
    };
    return jsonLine({ ...recorded, ...said }, { result: sale.text });
  }
  const { code, message, details, displayMessage } = sale.reason;
  return jsonLine({ ...recorded, reason: { code, message, details, display_message: displayMessage } });
}

/** `12.30`; undefined where the currency's decimals are not known. */
function decimalOf({
  amountMinor,
  currency,
}: Pick<SaleOutcome, 'amountMinor' | 'currency'>): string | undefined {
  if (amountMinor === undefined || currency === undefined || decimalsOf(currency) === undefined) {
    return undefined;
  }
  return formatAmount(amountMinor, currency).replace(` ${currency}`, '');
}

/** One line of JSON. `texts` are members that are JSON already; their numbers stay as they are. */
export function jsonLine(value: object, texts: Readonly<Record<string, string>> = {}): string {
  const masked = JSON.stringify(maskValue(value)).slice(0, -1);
  const members = Object.entries(texts).map(
    ([name, text]) => `${JSON.stringify(name)}:${maskText(onOneLine(text))}`,
  );
  return escapeActive(`${[masked, ...members].join(',')}}`);
}

/** Within JSON strings there are no line breaks and no tabs; between tokens a space does as well. */
export function onOneLine(json: string): string {
  return json.replace(/[\t\n\r]/g, ' ');
}

function identifiers({ receiptId, sequenceId }: Pick<SaleOutcome, 'receiptId' | 'sequenceId'>): object {
  return { receipt_id: receiptId, sequence_id: sequenceId };
}

/** `field`: what it is called elsewhere, where that says how it is masked. */
type Fact = readonly [name: string, value: string | undefined, field?: string];

/** Names in a column; what has no value is left out. */
function facts(all: readonly Fact[]): string[] {
  const known = all.flatMap(([name, value, field]) =>
    value === undefined ? [] : [[name, value, field] as const],
  );
  const width = Math.max(0, ...known.map(([name]) => name.length));
  return known.map(
    ([name, value, field]) => `${name.padEnd(width)}  ${cutText(printable(value, field), MAX_VALUE)}`,
  );
}

function factText(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return isText(value) && value !== '' ? value : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
