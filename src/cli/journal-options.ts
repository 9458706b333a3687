import { type Clock, systemClock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { BridgeContext } from '../bridge/bridge-options.ts';
import type { NatsEndpoint } from '../endpoint/endpoint.ts';
import { expandEndpoint, expandPath } from '../endpoint/expand.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { type PlaceholderValues, placeholdersIn } from '../endpoint/placeholder.ts';
import type { JournalOptions } from '../store/journal.ts';
import type { TransactionJournal } from '../store/transaction-journal.ts';
import { isNats, readNatsAccess } from './nats-options.ts';
import type { OptionName } from './options.ts';
import { parseDurationMs, readDurationMs, readFolder } from './readers.ts';
import type { Settings } from './settings.ts';

const DAY_MS = 86_400_000;
const MAX_KEEP_MS = 10 * 365 * DAY_MS;
const MAX_AGO_MS = 100 * 365 * DAY_MS;

/** The journal that was asked for, if one was. Loaded on demand: most bridges have none. */
export async function openJournal(
  settings: Settings,
  more: JournalWants,
): Promise<TransactionJournal | undefined> {
  const place = readPlace(settings);
  return place === undefined ? undefined : openJournalAt(settings, place, more);
}

type JournalWants = Pick<JournalOptions, 'log' | 'kind' | 'mustExist' | 'owners'> & {
  readonly clock?: Clock;
};

/** A journal anywhere, with the options that all of them have. */
export async function openJournalAt(
  settings: Settings,
  place: string,
  more: JournalWants,
): Promise<TransactionJournal> {
  const options = {
    clock: systemClock,
    keepMs: readDurationMs(settings, 'journal-keep', MAX_KEEP_MS),
    ...more,
  };
  if (!isNats(place)) {
    const { Journal } = await import('../store/journal.ts');
    return Journal.open(place, options);
  }
  const { NatsJournal } = await import('../store/nats/nats-journal.ts');
  const access = readNatsAccess(settings);
  const allowSingle = settings.flag('allow-single') ?? false;
  return NatsJournal.open({ endpoint: parseNats(place), access, allowSingle, ...options });
}

/** Checked as far as it can be while placeholders are not filled in. */
function readPlace(settings: Settings): string | undefined {
  const text = settings.text('journal');
  if (text === undefined || !isNats(text)) {
    // `journal copy` may be about another one.
    if (settings.command !== 'journal')
      settings.refuseIdle('allow-single', 'it goes with a journal at nats:');
    return readFolder(settings, 'journal');
  }
  try {
    parseNats(text);
  } catch (fault) {
    throw settings.fault('journal', describeFault(fault), fault);
  }
  const lock = settings.text('lock');
  if (lock !== undefined && lock !== 'none') {
    throw settings.fault(
      'lock',
      'a lock of this machine is none for others; a journal at nats: has one of its own',
    );
  }
  return text;
}

function parseNats(text: string): NatsEndpoint {
  return parseEndpoint(text, 'journal') as NatsEndpoint;
}

/** What a bridge records in: one journal, or one for each peer or connection. */
export type Journals = Partial<Pick<BridgeContext, 'journal' | 'journalFor'>>;

/** As `openJournal`; where the place has placeholders, journals are opened when somebody comes. */
export async function openJournals(settings: Settings, more: Pick<JournalOptions, 'log'>): Promise<Journals> {
  const place = readPlace(settings);
  const words = placeholdersIn(place ?? '');
  const other = words.find((word) => word !== 'peer' && word !== 'connection');
  if (other !== undefined)
    throw settings.fault('journal', `has no {${other}}; there is {peer} and {connection}`);
  if (place === undefined || words.length === 0) return { journal: await openJournal(settings, more) };
  const { JournalPool } = await import('../store/journal-pool.ts');
  const pool = new JournalPool((own) => openJournalAt(settings, own, more));
  const fill = (values: PlaceholderValues) =>
    isNats(place) ? expandEndpoint(parseNats(place), values).text : expandPath(place, values);
  return { journalFor: (values) => pool.take(fill(values)) };
}

/** An option that is a moment: a date, a time, or how long ago. */
export function readMoment(settings: Settings, name: OptionName, nowMs: number): number | undefined {
  const form = 'a time such as 2025-01-31, 2025-01-31T12:00:00Z, or 2h or 30d for that long ago';
  return settings.read(name, form, (text) => parseMoment(text, nowMs));
}

/**
 * `2025-01-31`, `2025-01-31T12:00`, `2025-01-31 12:00:00+01:00` (UTC where no zone is given), or a duration before
 * `nowMs`.
 */
export function parseMoment(text: string, nowMs: number): number | undefined {
  const agoMs = parseDurationMs(text, MAX_AGO_MS);
  if (agoMs !== undefined) return nowMs - agoMs;
  const [, date, time = '00:00', zone = 'Z'] = MOMENT.exec(text) ?? [];
  if (date === undefined) return undefined;
  const dayMs = Date.parse(`${date}T00:00Z`);
  // The runtime takes the 31st of February for a day in March.
  if (Number.isNaN(dayMs) || !new Date(dayMs).toISOString().startsWith(date)) return undefined;
  const ms = Date.parse(`${date}T${time}${zone}`);
  return Number.isNaN(ms) ? undefined : ms;
}

const MOMENT = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/;
