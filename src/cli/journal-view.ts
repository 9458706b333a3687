import { ageText } from '../base/age.ts';
import { decimalsOf, formatAmount } from '../base/currency.ts';
import { maskField, maskText, maskValue } from '../base/mask.ts';
import { cutText, escapeActive } from '../base/printable.ts';
import { stringCodeOf } from '../rpc/error-object.ts';
import { isDamaged, type StoredEntry } from '../store/entry-state.ts';
import type { DoneRecord, SentRecord } from '../store/journal-record.ts';
import { columns } from './columns.ts';

/** What an entry of the journal looks like, for people and for programs. Everything that leaves here is masked. */

export const STATES = [
  'running',
  'unresolved',
  'contradicted',
  'done-approved',
  'done-error',
  'absent',
  'damaged',
] as const;
export type State = (typeof STATES)[number];

export function isState(text: string): text is State {
  return (STATES as readonly string[]).includes(text);
}

/**
 * `absent`: somebody asked about it, it never came, and that was the answer. `contradicted`: the register was told that
 * nothing was charged, and then a result came.
 */
export function stateOf(entry: StoredEntry): State {
  const { isRunning, sent, done } = entry;
  if (isDamaged(entry)) return 'damaged';
  if (isRunning) return 'running';
  if (done === undefined) return 'unresolved';
  if (entry.contradicted !== undefined) return 'contradicted';
  if (done.kind === 'result') return 'done-approved';
  return sent?.state === 'absent' && codeOf(done) === NOT_FOUND ? 'absent' : 'done-error';
}

const NOT_FOUND = 'TRANSACTION_NOT_FOUND';

/** The identifying values as people say them: `17/1`. */
export function identifiersOf({ sent }: StoredEntry): string {
  return Object.values(sent?.identity ?? {}).join('/');
}

/** The same for people: values of fields that may hold secrets are masked. */
export function shownIdentity(identity: SentRecord['identity'] = {}): string {
  return Object.entries(identity)
    .map(([name, value]) => maskField(name, value))
    .join('/');
}

/** When it began; of a damaged one, when its file was written last. */
export function timeOf({ sent, changedMs }: StoredEntry): number {
  const ms = Date.parse(sent?.time ?? '');
  return Number.isNaN(ms) ? changedMs : ms;
}

export function whyDamaged({ fault, isSetAside, otherVersion }: StoredEntry): string {
  if (fault !== undefined) return `cannot be read: ${fault}`;
  if (otherVersion !== undefined) return `version ${otherVersion}, which this posbridge leaves alone`;
  return isSetAside ? 'set aside' : 'its first record cannot be read';
}

/** What a list says of an entry. */
export interface Summary {
  readonly id: string;
  readonly time: string;
  readonly state: State;
  readonly register: string | undefined;
  readonly identity: Readonly<Record<string, string>> | undefined;
  readonly method: string | undefined;
  readonly amount: string | undefined;
  readonly currency: string | undefined;
  /** `result`, or the code of an error. */
  readonly outcome: string | undefined;
  readonly outcome_time: string | undefined;
  readonly by: string | undefined;
  /** What had been told before the result came. */
  readonly contradicts: string | undefined;
}

/** Unmasked: for `summaryText` and `tableOf`. */
export function summaryOf(entry: StoredEntry): Summary {
  const { id, sent, done } = entry;
  return {
    id,
    time: timeText(timeOf(entry)),
    state: stateOf(entry),
    register: sent?.register,
    identity: sent?.identity,
    method: sent?.method === '' ? undefined : sent?.method,
    amount: sent?.amount,
    currency: sent?.currency,
    outcome: codeOf(done),
    outcome_time: done?.time,
    by: done?.by,
    contradicts: codeOf(entry.contradicted),
  };
}

/** One line of JSON. */
export function summaryText({ id, ...rest }: Summary): string {
  return jsonLine({ id, ...masked(rest) });
}

/**
 * Everything of an entry as one line of JSON: the records as they are stored, so `done.text` is a JSON text inside a
 * string. `masked` where a secret had to be hidden.
 */
export function recordText(entry: StoredEntry): string {
  const { id, file, sent, done, contradicted, directCode } = entry;
  const plain = { sent, done, contradicted, directCode, ...(isDamaged(entry) && { why: whyDamaged(entry) }) };
  const shown = masked(plain);
  if (shown.sent !== undefined && sent?.hash !== undefined) shown.sent = { ...shown.sent, hash: sent.hash };
  const isMasked = JSON.stringify(shown) !== JSON.stringify(plain);
  return jsonLine({ id, file, state: stateOf(entry), ...shown, ...(isMasked && { masked: true }) });
}

/** Everything of an entry, for people: one line a fact. */
export function describeEntry(entry: StoredEntry, nowMs: number): string[] {
  const { id, file, sent, done, isClean, contradicted, directCode } = entry;
  const state = stateOf(entry);
  const facts: [string, string | undefined][] = [
    ['name', id],
    ['file', file],
    ['state', state === 'damaged' ? `damaged (${whyDamaged(entry)})` : state],
    ['note', sent !== undefined && !isClean ? 'a part of the file cannot be read' : undefined],
    ['ATTENTION', contradicted === undefined ? undefined : contradictionText(contradicted)],
    [sent?.state === 'absent' ? 'asked about' : 'began', whenText(timeOf(entry), nowMs)],
    ['register', sent === undefined ? undefined : sent.register || '(nobody in particular)'],
    ...Object.entries(sent?.identity ?? {}),
    ['method', sent?.method || undefined],
    ['amount', moneyOf(sent) || undefined],
    ['channel', sent?.channel],
    ['place', sent?.place],
    ['peer', sent?.peer],
    ['connection', sent?.connection],
    ['process', sent?.pid?.toString()],
    ['answered with', directCode],
    ['outcome', codeOf(done)],
    ['outcome since', done === undefined ? undefined : whenText(Date.parse(done.time), nowMs)],
    ['settled by', done?.by],
    ['answer', done?.text],
  ];
  const shown = facts.flatMap(([name, value]) => (value === undefined ? [] : [[cell(name), value] as const]));
  if (sent?.hash !== undefined) shown.push(['request', `HMAC ${sent.hash}`]);
  const width = Math.max(...shown.map(([name]) => name.length));
  const digests = new Set([id, file, `HMAC ${sent?.hash}`]);
  return shown.map(
    ([name, value]) => `${name.padEnd(width)}  ${digests.has(value) ? value : printable(value, name)}`,
  );
}

/** A head and one row an entry; `nameLength` characters of a name tell it from every other. */
export function tableOf(summaries: readonly Summary[], nameLength: number, nowMs: number): string[] {
  const rows = summaries.map((one) => [
    one.id.slice(0, nameLength),
    `${one.time.slice(0, 19)}Z`,
    ageText(nowMs - Date.parse(one.time)),
    one.state,
    cell(one.register, 'register'),
    cell(shownIdentity(one.identity), 'id'),
    cell(one.method),
    cell(moneyOf(one), 'amount'),
    cell(outcomeText(one)),
  ]);
  return columns([HEAD, ...rows]);
}

const HEAD = ['NAME', 'TIME', 'AGE', 'STATE', 'REGISTER', 'IDENTIFIERS', 'METHOD', 'AMOUNT', 'OUTCOME'];

/** How many characters tell these names from each other; never less than 8. */
export function nameLengthOf(ids: readonly string[]): number {
  let length = 8;
  const sorted = [...new Set(ids)].toSorted();
  for (const [index, id] of sorted.entries()) {
    const next = sorted[index + 1] ?? '';
    while (id.slice(0, length) === next.slice(0, length)) length += 1;
  }
  return length;
}

/**
 * Words for a terminal: masked, as what stands in `field` if that is known, and with nothing in them that it would act
 * on.
 */
export function printable(text: string, field?: string): string {
  return escapeActive(field === undefined ? maskText(text) : maskField(field, text));
}

function outcomeText({ outcome, by, contradicts }: Summary): string | undefined {
  if (contradicts !== undefined) return `${outcome}, AFTER ${contradicts} WAS TOLD`;
  return by === undefined ? outcome : `${outcome} by ${by}`;
}

function contradictionText(contradicted: DoneRecord): string {
  return `it is charged, but ${codeOf(contradicted)} was told at ${contradicted.time}`;
}

function codeOf(done: DoneRecord | undefined): string | undefined {
  if (done === undefined) return undefined;
  return done.kind === 'result' ? 'result' : stringCodeOf(Buffer.from(done.text));
}

/** `12.30 EUR`; what is no whole number of a known currency's smallest unit stands as the register wrote it. */
function moneyOf(
  money: Pick<Summary, 'amount' | 'currency'> | { amount?: string; currency?: string } = {},
): string {
  const { amount, currency } = money;
  const isExact = amount !== undefined && currency !== undefined && MINOR_UNITS.test(amount);
  if (isExact && decimalsOf(currency) !== undefined) return formatAmount(BigInt(amount), currency);
  return [amount, currency].filter((text) => text !== undefined).join(' ');
}

const MINOR_UNITS = /^(?:0|-?[1-9]\d{0,18})$/;

function timeText(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : '';
}

function whenText(ms: number, nowMs: number): string {
  return `${timeText(ms)} (${ageText(nowMs - ms)} ago)`;
}

function masked<T>(value: T): T {
  return maskValue(value) as T;
}

function cell(text = '', field?: string): string {
  return cutText(printable(text, field), MAX_CELL);
}

const MAX_CELL = 48;

function jsonLine(value: object): string {
  return escapeActive(JSON.stringify(value));
}
