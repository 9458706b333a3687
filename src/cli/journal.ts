import { userInfo } from 'node:os';
import path from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { openLogSink } from '../base/log-sink.ts';
import { createLogger } from '../base/logger.ts';
import { ownUid } from '../base/ownership.ts';
import { quoteText } from '../base/printable.ts';
import type { Outcome, StoredEntry } from '../store/entry-state.ts';
import { isSettlement, settlementOutcome } from '../store/settlement.ts';
import type { TransactionJournal } from '../store/transaction-journal.ts';
import { EXIT } from './exit-codes.ts';
import { openJournal, openJournalAt, readMoment } from './journal-options.ts';
import {
  describeEntry,
  identifiersOf,
  isState,
  nameLengthOf,
  printable,
  recordText,
  STATES,
  type Summary,
  shownIdentity,
  stateOf,
  summaryOf,
  summaryText,
  tableOf,
  timeOf,
  whyDamaged,
} from './journal-view.ts';
import { didYouMean } from './nearest.ts';
import type { OptionName } from './options.ts';
import type { Settings } from './settings.ts';
import { writeOut } from './stdout.ts';

/** What people's tools do with a journal. */
type StoredTransactions = Pick<
  TransactionJournal,
  'text' | 'entries' | 'claim' | 'isMissed' | 'prune' | 'close'
>;

interface Job {
  readonly journal: StoredTransactions;
  readonly settings: Settings;
  /** What follows the action. */
  readonly operands: readonly string[];
  readonly nowMs: number;
}

interface Action {
  /** How many operands follow, at least and at most. */
  readonly operands: readonly [number, number];
  /** Of the options that not every action has, those that it takes. */
  readonly options: readonly OptionName[];
  run(job: Job): Promise<number>;
}

const WANTED: Readonly<Record<string, string>> = {
  settle: 'settle wants ID and OUTCOME: approved or not-charged',
  copy: 'copy wants the other journal: a folder, or nats://HOST/PREFIX',
};
const FILTERS = ['since', 'until', 'state'] as const;
const SOME = [...FILTERS, 'json', 'by'] as const;

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['list', { operands: [0, 1], options: [...FILTERS, 'json'], run: list }],
  ['show', { operands: [1, 1], options: ['json'], run: show }],
  ['export', { operands: [0, 1], options: FILTERS, run: exportAll }],
  ['prune', { operands: [0, 0], options: [], run: prune }],
  ['verify', { operands: [0, 0], options: [], run: verify }],
  ['copy', { operands: [1, 1], options: [], run: copy }],
  ['settle', { operands: [2, 2], options: ['by'], run: settle }],
]);

/** `posbridge journal`: data on standard output, words on standard error. */
export async function runJournal(
  settings: Settings,
  [name, ...operands]: readonly string[],
): Promise<number> {
  const action = readAction(settings, name, operands);
  const log = createLogger({ format: 'human', clock: systemClock, level: 'info', sink: openLogSink() });
  const owners = ownUid() === 0 ? 'anybody' : 'ours';
  const journal = await openJournal(settings, { log, kind: 'any', mustExist: true, owners });
  if (journal === undefined) {
    throw new BridgeError('USAGE', 'say where the journal is, for instance --journal /var/lib/posbridge');
  }
  try {
    return await action.run({ journal, settings, operands, nowMs: systemClock.wallMs() });
  } catch (cause) {
    if (cause instanceof BridgeError) throw cause;
    throw new BridgeError('JOURNAL_FAULT', `the journal ${journal.text}: ${describeFault(cause)}`, {
      cause,
    });
  } finally {
    await journal.close();
  }
}

function readAction(settings: Settings, name: string | undefined, operands: readonly string[]): Action {
  const names = [...ACTIONS.keys()];
  if (name === undefined) throw usage(`say what to do: ${names.join(', ')}`);
  const action = ACTIONS.get(name);
  if (action === undefined)
    throw usage(
      `there is no action ${quoteText(name, MAX_SHOWN)}${didYouMean(name, names)}; there is ${names.join(', ')}`,
    );
  const [min, max] = action.operands;
  const surplus = operands[max];
  if (operands.length < min) {
    throw usage(WANTED[name] ?? `${name} wants ID`);
  }
  if (surplus !== undefined) {
    throw usage(`${quoteText(surplus, MAX_SHOWN)} is not understood after ${name}`);
  }
  for (const option of SOME) {
    if (settings.isGiven(option) && !action.options.includes(option)) {
      throw settings.fault(option, `is nothing for ${name}`);
    }
  }
  return action;
}

async function list(job: Job): Promise<number> {
  const { journal, settings, nowMs } = job;
  const isWanted = readFilter(job);
  const ids: string[] = [];
  const found: Summary[] = [];
  for await (const entry of entriesOf(journal)) {
    ids.push(entry.id);
    if (isWanted(entry)) found.push(summaryOf(entry));
  }
  found.sort((one, other) => compare(other.time, one.time) || compare(one.id, other.id));
  if (settings.flag('json')) await print(found.map(summaryText));
  else if (found.length > 0) await print(tableOf(found, nameLengthOf(ids), nowMs));
  else say(ids.length === 0 ? 'the journal is empty' : 'there is no such entry');
  return EXIT.ok;
}

/** Every entry. Rejects with JOURNAL_FAULT at one that this user may not read: nobody is told that it is damaged. */
async function* entriesOf(journal: StoredTransactions): AsyncGenerator<StoredEntry> {
  for await (const entry of journal.entries()) {
    if (entry.fault?.includes(NOT_ALLOWED)) {
      const text = `${path.join(journal.text, entry.file)} cannot be read: ${entry.fault}; ask as its owner, or as root`;
      throw new BridgeError('JOURNAL_FAULT', text);
    }
    yield entry;
  }
}

const NOT_ALLOWED = '(EACCES)';

async function show({ journal, settings, operands, nowMs }: Job): Promise<number> {
  const entry = await find(journal, settings, operands[0] ?? '');
  await print(settings.flag('json') ? [recordText(entry)] : describeEntry(entry, nowMs));
  return EXIT.ok;
}

async function exportAll(job: Job): Promise<number> {
  const isWanted = readFilter(job);
  const { journal } = job;
  await print(
    (async function* () {
      for await (const entry of entriesOf(journal)) if (isWanted(entry)) yield recordText(entry);
    })(),
  );
  return EXIT.ok;
}

async function prune({ journal }: Job): Promise<number> {
  const { removed, unresolved, damaged } = await journal.prune();
  say(`removed ${removed}, kept ${unresolved} unresolved and ${damaged} damaged`);
  return EXIT.ok;
}

async function verify({ journal }: Job): Promise<number> {
  const counts = new Map<string, number>();
  const reports: string[] = [];
  let missed = 0;
  for await (const entry of entriesOf(journal)) {
    const state = stateOf(entry);
    counts.set(state, (counts.get(state) ?? 0) + 1);
    if (state === 'damaged') {
      const isMissed = journal.isMissed(entry);
      if (isMissed) missed += 1;
      const why = `${whyDamaged(entry)}${isMissed ? '' : ', older than the journal keeps'}`;
      reports.push(`damaged\t${entry.file}\t${printable(why)}`);
    } else if (state === 'contradicted') {
      reports.push(`contradicted\t${entry.file}\tcharged, after the register was told that it is not`);
    } else if (state === 'unresolved' && !entry.isClean) {
      reports.push(`doubtful\t${entry.file}\ta part of it cannot be read: an outcome may have stood there`);
    }
  }
  await print(reports.toSorted());
  const summary = STATES.flatMap((state) => (counts.has(state) ? [`${counts.get(state)} ${state}`] : []));
  say(`${summary.join(', ') || 'the journal is empty'}; it is ${missed === 0 ? 'complete' : 'not complete'}`);
  return missed === 0 ? EXIT.ok : EXIT.temporary;
}

async function settle({ journal, settings, operands, nowMs }: Job): Promise<number> {
  const [text = '', outcome = ''] = operands;
  const by =
    settings.read('by', 'a name of 1 to 64 characters', (name) =>
      name.length <= 64 && /\S/.test(name) ? name : undefined,
    ) ?? loginName();
  const time = new Date(nowMs).toISOString();
  const done = settlement(outcome, by, time);
  const entry = await find(journal, settings, text);
  const name = `${entry.id.slice(0, 8)} (${shownIdentity(entry.sent?.identity)})`;
  if (stateOf(entry) === 'damaged')
    throw refusal(`${entry.file} is damaged; only what is unresolved can be settled`);
  const owned = await journal.claim(entry.id);
  if (owned === undefined) {
    throw new BridgeError(
      'JOURNAL_FAULT',
      `${name} is being worked on by a running posbridge; try again later`,
    );
  }
  try {
    if (owned.lookup.state !== 'unresolved')
      throw refusal(`${name} has an outcome already; look at it with show`);
    await owned.finish(done);
  } finally {
    await owned.release();
  }
  say(`settled ${name} as ${outcome}, by ${by}`);
  return EXIT.ok;
}

/** Ages are those of the records: what is written again now is not new. */
const UNSTAMPED: Clock = {
  nowMs: () => systemClock.nowMs(),
  wallMs: () => systemClock.wallMs(),
  after: (delayMs, run) => systemClock.after(delayMs, run),
  afterInput: (run) => systemClock.afterInput(run),
};

async function copy({ settings, operands: [place = ''] }: Job): Promise<number> {
  const log = createLogger({ format: 'human', clock: systemClock, level: 'info', sink: openLogSink() });
  const from = await openJournal(settings, { log });
  const to = await openJournalAt(settings, place, { log, clock: UNSTAMPED });
  try {
    const { copyJournal } = await import('../store/copy-journal.ts');
    const { copied, present } = from === undefined ? { copied: 0, present: 0 } : await copyJournal(from, to);
    say(`copied ${copied}, ${present} were there already; nothing was removed from ${from?.text}`);
    return EXIT.ok;
  } finally {
    await from?.close();
    await to.close();
  }
}

/** What the register is told from now on. */
function settlement(outcome: string, by: string, time: string): Outcome {
  if (isSettlement(outcome)) return settlementOutcome(outcome, by, time);
  throw usage(`${quoteText(outcome, MAX_SHOWN)} is no outcome; there is approved and not-charged`);
}

/** The one entry that is meant. */
async function find(journal: StoredTransactions, settings: Settings, text: string): Promise<StoredEntry> {
  const isMeant = matcher(settings, text);
  const found: StoredEntry[] = [];
  let damaged = 0;
  for await (const entry of entriesOf(journal)) {
    if (isMeant(entry)) found.push(entry);
    else if (stateOf(entry) === 'damaged') damaged += 1;
  }
  const named = quoteText(text, MAX_SHOWN);
  const there = found.filter(({ isSetAside }) => !isSetAside);
  const [first] = there.length > 0 ? there : found;
  if (first === undefined) {
    const hint = damaged === 0 ? '' : `; ${damaged} damaged ones are known by their names only`;
    throw refusal(`there is no entry ${named} in ${journal.text}${hint}`);
  }
  if (new Set(found.map(({ id }) => id)).size > 1) {
    const ones = found
      .slice(0, 4)
      .map(({ id, sent }) => `${id.slice(0, 12)} of ${quoteText(sent?.register ?? '?', 64)}`);
    throw refusal(
      `${named} means ${found.length} entries (${ones.join(', ')}, …): give more of the name, or --register`,
    );
  }
  return first;
}

function readFilter({ settings, operands, nowMs }: Job): (entry: StoredEntry) => boolean {
  const sinceMs = readMoment(settings, 'since', nowMs) ?? Number.NEGATIVE_INFINITY;
  const untilMs = readMoment(settings, 'until', nowMs) ?? Number.POSITIVE_INFINITY;
  const states = settings.list('state').map((text) => {
    if (!isState(text)) throw settings.refused('state', text, `one of ${STATES.join(', ')}`);
    return text;
  });
  const isMeant = matcher(settings, operands[0]);
  return (entry) => {
    const ms = timeOf(entry);
    if (ms < sinceMs || ms >= untilMs || !isMeant(entry)) return false;
    return states.length === 0 || states.includes(stateOf(entry));
  };
}

/** Entries by the beginning of their names or by their identifiers, of one register where it is given. */
function matcher(settings: Settings, text: string | undefined): (entry: StoredEntry) => boolean {
  const register = settings.text('register');
  return (entry) => {
    if (register !== undefined && entry.sent !== undefined && entry.sent.register !== register) return false;
    if (text === undefined) return register === undefined || entry.sent !== undefined;
    if (entry.sent !== undefined && identifiersOf(entry) === text) return true;
    return text.length >= MIN_NAME && entry.file.startsWith(text);
  };
}

/** Shorter ones could be meant for a receipt. */
const MIN_NAME = 4;
const MAX_SHOWN = 200;

function loginName(): string {
  const sudo = process.env['SUDO_USER'];
  if (sudo !== undefined && sudo !== '') return sudo;
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.()}`; // without an account
  }
}

/** Until everything is written, or nobody reads any more (`| head`). */
async function print(lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
  for await (const line of lines) {
    const isRead = await writeOut(`${line}\n`).catch((cause) => {
      throw new BridgeError('JOURNAL_FAULT', describeFault(cause), { cause });
    });
    if (!isRead) return;
  }
}

function say(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

function usage(text: string): BridgeError {
  return refusal(`${text}; see posbridge journal --help`);
}

function refusal(text: string): BridgeError {
  return new BridgeError('USAGE', text);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
