import { ageText } from '../base/age.ts';
import { decimalsOf, formatAmount } from '../base/currency.ts';
import { cutText, escapeActive } from '../base/printable.ts';
import type { ConnectionStatus, RequestStatus, TransactionStatus } from '../base/status.ts';
import type { ProcessStatus } from '../status/process-status.ts';
import { columns } from './columns.ts';

/** What one process tells, or told before it died. */
export interface Told {
  readonly status: ProcessStatus;
  readonly isAlive: boolean;
}

/** Older than a customer takes. */
const STUCK_MS = 120_000;
/** More than one frame of the largest size. */
const STUCK_BYTES = 1024 * 1024;

/** One line for all, then who is connected, then what runs. */
export function overviewLines(all: readonly Told[], nowMs: number): string[] {
  const living = all.filter(({ isAlive }) => isAlive);
  const trouble = [...stuckLines(all, nowMs), ...lostLines(all)];
  return [
    ...processLines(all, nowMs),
    '',
    ...connectionLines(living, nowMs),
    ...(trouble.length === 0 ? [] : ['', ...trouble.map((line) => `! ${line}`)]),
  ];
}

function processLines(all: readonly Told[], nowMs: number): string[] {
  const rows = all.map(({ status, isAlive }) => [
    String(status.pid),
    status.command === 'bridge' ? 'posbridge' : `posbridge ${status.command}`,
    isAlive
      ? `${ageText(nowMs - Date.parse(status.started))}${status.is_stopping ? ', stopping' : ''}`
      : 'DIED',
    String(Object.values(status.totals.connections).reduce((sum, count) => sum + count, 0)),
    String(status.totals.open_requests),
    `${Math.round(status.memory_bytes / 1_000_000)} MB`,
    shown(
      status.places
        .map(({ place, state }) => (state === 'opening' ? `${place} (not open)` : place))
        .join(', '),
    ),
  ]);
  return columns([['PROCESS', 'COMMAND', 'SINCE', 'CONNECTIONS', 'REQUESTS', 'MEMORY', 'AT'], ...rows]);
}

/** Who is connected, since when, doing what, through which application. */
export function connectionLines(all: readonly Told[], nowMs: number): string[] {
  const rows = all.flatMap(({ status }) =>
    status.connections.map((one) => [
      shown(`${one.connection}${one.is_traced ? ' (traced)' : ''}`),
      shown(one.dialect),
      shown(one.register ?? one.identity ?? '-'),
      ageText(nowMs - Date.parse(one.since)),
      shown(doingText(one, nowMs)),
      shown(applicationsText(one)),
    ]),
  );
  if (rows.length === 0) return ['Nobody is connected.'];
  return columns([['CONNECTION', 'SPEAKS', 'REGISTER', 'SINCE', 'DOING', 'APPLICATION'], ...rows]);
}

/** Every open transaction, the oldest first. */
export function transactionLines(all: readonly Told[], nowMs: number): string[] {
  const rows = transactionsOf(all).map(({ connection, request, transaction }) => [
    ageText(nowMs - Date.parse(request.since)),
    shown(request.method),
    shown(identityText(transaction) || '-'),
    shown(moneyText(transaction) || '-'),
    STATE_WORDS[transaction.state],
    shown(request.application ?? '-'),
    shown(connection),
  ]);
  if (rows.length === 0) return ['No transaction is open.'];
  return columns([
    ['SINCE', 'METHOD', 'IDENTIFIERS', 'AMOUNT', 'STATE', 'APPLICATION', 'CONNECTION'],
    ...rows,
  ]);
}

/** What does not go on by itself, a sentence each. */
export function stuckLines(all: readonly Told[], nowMs: number): string[] {
  const living = all.filter(({ isAlive }) => isAlive);
  const transactions = transactionsOf(living)
    .filter(
      ({ request, transaction }) =>
        transaction.state === 'asking' || nowMs - Date.parse(request.since) > STUCK_MS,
    )
    .map(({ connection, request, transaction }) => {
      const what = [request.method, identityText(transaction), moneyText(transaction)]
        .filter(Boolean)
        .join(' ');
      const age = ageText(nowMs - Date.parse(request.since));
      return `${what}: ${STATE_WORDS[transaction.state]} since ${age}, at ${request.application ?? 'nobody'}; connection ${connection}`;
    });
  const rest = living.flatMap(({ status }) => {
    const { places, applications, connections, journal, pid } = status;
    return [
      ...places
        .filter(({ state }) => state === 'opening')
        .map(({ place, failures = 0, why }) => {
          const attempts = `${failures} attempts${why === undefined ? '' : `, ${why}`}`;
          return `${place} cannot be opened (${attempts}); process ${pid}`;
        }),
      ...applications
        .filter(({ missing }) => missing > 0)
        .map(({ endpoint }) => `nobody is at ${endpoint}; process ${pid}`),
      ...connections.flatMap((one) => queueLines(one)),
      ...(journal?.is_usable === false
        ? [`the journal ${journal.place} cannot be used: ${journal.why}`]
        : []),
      ...(journal?.unresolved
        ? [
            `${journal.unresolved} transactions of dead processes have no outcome: posbridge journal list --state unresolved --journal ${journal.place}`,
          ]
        : []),
    ];
  });
  return [...transactions, ...new Set(rest)].map(shown);
}

function queueLines({ connection, wire_waiting_bytes = 0, applications }: ConnectionStatus): string[] {
  const lines = applications
    .filter(({ waiting_bytes }) => waiting_bytes > STUCK_BYTES)
    .map(
      ({ endpoint, waiting_bytes }) =>
        `${waiting_bytes} bytes wait for ${endpoint}; connection ${connection}`,
    );
  if (wire_waiting_bytes > STUCK_BYTES)
    lines.push(`${wire_waiting_bytes} bytes wait for the peer of ${connection}`);
  return lines;
}

/** What was lost, a sentence each. */
export function lostLines(all: readonly Told[]): string[] {
  const died = all
    .filter(({ isAlive }) => !isAlive)
    .map(({ status }) => {
      const open = status.connections.flatMap(({ requests }) =>
        requests.map((request) =>
          [request.method, identityText(request.transaction)].filter(Boolean).join(' '),
        ),
      );
      const doing = open.length === 0 ? 'with nothing open' : `with ${open.join(', ')} open`;
      return `process ${status.pid} died ${doing}`;
    });
  const counted = all.flatMap(({ status: { pid, counts, requests, journal } }) => {
    const unknown = requests.reduce((sum, { outcomes }) => sum + (outcomes['OUTCOME_UNKNOWN'] ?? 0), 0);
    return [
      ...(unknown > 0 ? [`${unknown} transactions ended without an outcome; process ${pid}`] : []),
      ...['dropped notifications', 'dropped answers', 'refused lines', 'frames not stored', 'others']
        .filter((name) => name !== 'others' && (counts[name] ?? 0) > 0)
        .map((name) => `${counts[name]} ${name}; process ${pid}`),
      ...(journal?.contradicted
        ? [
            `${journal.contradicted} sales are charged although "not charged" was told: posbridge journal list --state contradicted --journal ${journal.place}`,
          ]
        : []),
      ...(journal?.damaged ? [`${journal.damaged} entries of ${journal.place} cannot be read`] : []),
    ];
  });
  return [...died, ...new Set(counted)].map(shown);
}

function transactionsOf(all: readonly Told[]) {
  return all
    .flatMap(({ status }) => status.connections)
    .flatMap(({ connection, requests }) =>
      requests.flatMap((request) => {
        const { transaction } = request;
        return transaction === undefined ? [] : [{ connection, request, transaction }];
      }),
    )
    .toSorted((a, b) => (a.request.since < b.request.since ? -1 : 1));
}

function doingText({ state, requests, open_requests }: ConnectionStatus, nowMs: number): string {
  const [first] = requests;
  const left = state === 'gone' ? 'gone; ' : state === 'draining' ? 'ending; ' : '';
  if (first === undefined) return left === '' ? 'idle' : left.replace('; ', '');
  const more = open_requests > 1 ? ` and ${open_requests - 1} more` : '';
  return `${left}${requestText(first, nowMs)}${more}`;
}

function requestText({ method, since, transaction }: RequestStatus, nowMs: number): string {
  const age = ageText(nowMs - Date.parse(since));
  const state = transaction === undefined ? '' : `, ${STATE_WORDS[transaction.state]}`;
  const words = [method, identityText(transaction), moneyText(transaction), age].filter(Boolean).join(' ');
  return `${words}${state}`;
}

const STATE_WORDS: Readonly<Record<TransactionStatus['state'], string>> = {
  undecided: 'is it new?',
  queued: 'not handed over',
  'handed-over': 'with the application',
  asking: 'looking for the outcome',
  settled: 'being recorded',
};

function identityText(transaction: TransactionStatus | undefined): string {
  return Object.values(transaction?.identity ?? {}).join('/');
}

function moneyText({ amount, currency }: Partial<TransactionStatus> = {}): string {
  const isExact = amount !== undefined && currency !== undefined && /^\d{1,18}$/.test(amount);
  if (isExact && decimalsOf(currency) !== undefined) return formatAmount(BigInt(amount), currency);
  return [amount, currency].filter((text) => text !== undefined).join(' ');
}

function applicationsText({ applications }: ConnectionStatus): string {
  return applications
    .map(({ endpoint, state }) => (state === 'missing' ? `${endpoint} (NOT THERE)` : endpoint))
    .join(', ');
}

/** It was masked where it came from. */
function shown(text: string): string {
  return cutText(escapeActive(text), MAX_CELL);
}

const MAX_CELL = 200;
