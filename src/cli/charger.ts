import { randomBytes } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { isoTime, systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { escapeActive, quoteText } from '../base/printable.ts';
import { textOfFile } from '../base/text-file.ts';
import { hashPassword, isIdentity, readChargers } from '../dialect/ocpp/chargers.ts';
import {
  type DatabasePlace,
  defaultDatabase,
  type OpenDatabase,
  openDatabase,
  parseDatabase,
} from '../dialect/ocpp/database/open.ts';
import {
  chargePoints,
  frames,
  meterValues,
  type Selection,
  spooled,
  transactions,
} from '../dialect/ocpp/database/reports.ts';
import { detailsOf, frameLine, pointsTable, transactionsTable } from './charger-view.ts';
import { EXIT } from './exit-codes.ts';
import { readMoment } from './journal-options.ts';
import { didYouMean } from './nearest.ts';
import type { OptionName } from './options.ts';
import type { Settings } from './settings.ts';
import { writeLines } from './stdout.ts';

interface Job {
  readonly db: OpenDatabase['db'];
  readonly identity: string | undefined;
  readonly selection: Selection;
  readonly isJson: boolean;
}

interface Action {
  readonly operands: readonly [number, number];
  readonly options: readonly OptionName[];
  /** Lines for standard output. */
  run(job: Job): Promise<readonly string[]>;
}

/** Frames and transactions that are shown where nobody says since when. */
const NEWEST = 50;

const READING: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['list', { operands: [0, 0], options: ['json'], run: list }],
  ['show', { operands: [1, 1], options: ['json'], run: show }],
  ['transactions', { operands: [0, 1], options: ['json', 'since'], run: listTransactions }],
  ['frames', { operands: [0, 1], options: ['json', 'since'], run: listFrames }],
  ['export', { operands: [0, 1], options: ['since'], run: exportAll }],
]);
const ADD: Pick<Action, 'operands' | 'options'> = {
  operands: [1, 1],
  options: ['chargers', 'password-file'],
};
const SOME = ['json', 'since', 'chargers', 'password-file'] as const satisfies readonly OptionName[];

/** `posbridge charger`: what the database of the central system knows, and who may connect to it. */
export async function runCharger(
  settings: Settings,
  [name, ...operands]: readonly string[],
): Promise<number> {
  const names = [...READING.keys(), 'add'];
  if (name === undefined) throw usage(`say what to do: ${names.join(', ')}`);
  const action = READING.get(name);
  const { operands: range, options } = action ?? (name === 'add' ? ADD : unknown(name, names));
  if (operands.length < range[0]) throw usage(`${name} wants IDENTITY`);
  const surplus = operands[range[1]];
  if (surplus !== undefined) throw usage(`${quoteText(surplus, MAX_SHOWN)} is not understood after ${name}`);
  for (const option of SOME) {
    if (settings.isGiven(option) && !options.includes(option)) {
      throw settings.fault(option, `is nothing for ${name}`);
    }
  }
  const [identity] = operands;
  if (action === undefined) return add(settings, identity ?? '');
  const { db, close } = await open(settings);
  try {
    const since = readMoment(settings, 'since', systemClock.wallMs());
    const selection: Selection = {
      identity,
      ...(since === undefined ? { limit: NEWEST } : { since: new Date(since).toISOString() }),
    };
    const lines = await action.run({ db, identity, selection, isJson: settings.isGiven('json') });
    await writeLines(lines.map(escapeActive));
    return EXIT.ok;
  } finally {
    await close();
  }
}

function unknown(name: string, names: readonly string[]): never {
  throw usage(
    `there is no action ${quoteText(name, MAX_SHOWN)}${didYouMean(name, names)}; there is ${names.join(', ')}`,
  );
}

async function open(settings: Settings): Promise<OpenDatabase> {
  const text = settings.text('database');
  const place = text === undefined ? defaultDatabase((name) => process.env[name]) : parseDatabase(text);
  if (place === undefined)
    throw settings.fault('database', 'sqlite:PATH or postgres://USER@HOST/NAME is wanted');
  try {
    await mustExist(place);
    return await openDatabase(place, isoTime(systemClock));
  } catch (cause) {
    const where = place.kind === 'sqlite' ? place.to : 'PostgreSQL';
    throw new BridgeError('STATE_OPEN_FAILED', `--database: cannot open ${where}: ${describeFault(cause)}`, {
      cause,
    });
  }
}

/** Nobody wants to look into a file that looking has made. */
async function mustExist({ kind, to }: DatabasePlace): Promise<void> {
  if (kind === 'sqlite') await stat(to);
}

async function list({ db, isJson }: Job): Promise<readonly string[]> {
  const points = await chargePoints(db, { wallMs: systemClock.wallMs() });
  return isJson ? points.map((point) => JSON.stringify(point)) : pointsTable(points);
}

async function show({ db, identity = '', isJson }: Job): Promise<readonly string[]> {
  const [point] = await chargePoints(db, { identity, wallMs: systemClock.wallMs() });
  if (point === undefined) {
    throw new BridgeError(
      'USAGE',
      `there is no charge point ${quoteText(identity, MAX_SHOWN)} in the database`,
    );
  }
  const running = (await transactions(db, { identity })).filter(({ stopped_at }) => stopped_at === null);
  const waiting = await spooled(db, identity);
  if (isJson) return [JSON.stringify({ ...point, running, spooled: waiting })];
  return detailsOf(point, running, waiting);
}

async function listTransactions({ db, selection, isJson }: Job): Promise<readonly string[]> {
  const rows = await transactions(db, selection);
  return isJson ? rows.map((row) => JSON.stringify(row)) : transactionsTable(rows);
}

async function listFrames({ db, selection, isJson }: Job): Promise<readonly string[]> {
  const rows = await frames(db, selection);
  return rows.map((row) => (isJson ? JSON.stringify(row) : frameLine(row)));
}

/** Every transaction with its meter values, oldest first. */
async function exportAll({ db, selection }: Job): Promise<readonly string[]> {
  const rows = (await transactions(db, { ...selection, limit: undefined })).reverse();
  const lines: string[] = [];
  for (const row of rows) lines.push(JSON.stringify({ ...row, meter_values: await meterValues(db, row.id) }));
  return lines;
}

/** Lets a charge point in: writes its entry, with a key that nobody else knows, which is shown this once. */
async function add(settings: Settings, identity: string): Promise<number> {
  if (!isIdentity(identity))
    throw usage(`${quoteText(identity, MAX_SHOWN)} is no identity: 1 to 64 printable characters`);
  const file = settings.text('chargers');
  if (file === undefined) throw settings.fault('chargers', 'say which file the charge point is written into');
  const given = settings.text('password-file');
  const key =
    given === undefined ? randomBytes(KEY_BYTES).toString('hex') : await readPassword(settings, given);
  const entry = { identity, password: await hashPassword(Buffer.from(key)) };
  const entries = await readEntries(settings, file);
  const others = entries.filter((other) => other.identity !== identity);
  const text = `${JSON.stringify({ chargers: [...others, entry] }, null, 2)}\n`;
  const fresh = `${file}.${process.pid}`;
  try {
    await writeFile(fresh, text, { mode: 0o600 });
    await rename(fresh, file);
  } catch (cause) {
    throw new BridgeError('STATE_OPEN_FAILED', `cannot write ${file}: ${describeFault(cause)}`, { cause });
  }
  await writeLines(given === undefined ? [key] : []);
  const what = others.length < entries.length ? 'has a new password' : 'was added';
  process.stderr.write(
    `posbridge: ${identity} ${what} in ${file}${given === undefined ? '; set the key above as its AuthorizationKey' : ''}\n`,
  );
  return EXIT.ok;
}

const KEY_BYTES = 20;

async function readPassword(settings: Settings, path: string): Promise<string> {
  const bytes = await readFile(path).catch((fault: unknown) => {
    throw settings.fault('password-file', `${path} cannot be read: ${describeFault(fault)}`);
  });
  const password = textOfFile(bytes).trim();
  if (password === '') throw settings.fault('password-file', `${path} is empty`);
  return password;
}

async function readEntries(
  settings: Settings,
  file: string,
): Promise<readonly { readonly identity: string; readonly password?: string }[]> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw settings.fault('chargers', `${file} cannot be read: ${describeFault(fault)}`);
  }
  const read = readChargers(textOfFile(bytes));
  if (!read.ok) throw settings.fault('chargers', `${file}: ${read.why}`);
  return [...read.chargers.values()];
}

function usage(text: string): BridgeError {
  return new BridgeError('USAGE', `${text}; see posbridge charger --help`);
}

const MAX_SHOWN = 64;
