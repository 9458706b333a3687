import { systemClock } from '../base/clock.ts';
import type { BridgeContext } from '../bridge/bridge-options.ts';
import { expandPath } from '../endpoint/expand.ts';
import { placeholdersIn } from '../endpoint/placeholder.ts';
import type { Journal, JournalOptions } from '../store/journal.ts';
import type { OptionName } from './options.ts';
import { parseDurationMs, readDurationMs, readFolder } from './readers.ts';
import type { Settings } from './settings.ts';

const DAY_MS = 86_400_000;
const MAX_KEEP_MS = 10 * 365 * DAY_MS;
const MAX_AGO_MS = 100 * 365 * DAY_MS;

/** The journal that was asked for, if one was. Loaded on demand: most bridges have none. */
export async function openJournal(
  settings: Settings,
  more: Pick<JournalOptions, 'log' | 'kind' | 'mustExist' | 'owners'>,
): Promise<Journal | undefined> {
  const folder = readFolder(settings, 'journal');
  if (folder === undefined) return undefined;
  const keepMs = readDurationMs(settings, 'journal-keep', MAX_KEEP_MS);
  const { Journal } = await import('../store/journal.ts');
  return Journal.open(folder, { clock: systemClock, keepMs, ...more });
}

/** What a bridge records in: one journal, or one for each peer or connection. */
export type Journals = Partial<Pick<BridgeContext, 'journal' | 'journalFor'>>;

/** As `openJournal`; where the folder has placeholders, journals are opened when somebody comes. */
export async function openJournals(settings: Settings, more: Pick<JournalOptions, 'log'>): Promise<Journals> {
  const folder = readFolder(settings, 'journal');
  const words = placeholdersIn(folder ?? '');
  const other = words.find((word) => word !== 'peer' && word !== 'connection');
  if (other !== undefined)
    throw settings.fault('journal', `has no {${other}}; there is {peer} and {connection}`);
  if (folder === undefined || words.length === 0) return { journal: await openJournal(settings, more) };
  const keepMs = readDurationMs(settings, 'journal-keep', MAX_KEEP_MS);
  const [{ Journal }, { JournalPool }] = await Promise.all([
    import('../store/journal.ts'),
    import('../store/journal-pool.ts'),
  ]);
  const pool = new JournalPool((own) => Journal.open(own, { clock: systemClock, keepMs, ...more }));
  return { journalFor: (values) => pool.take(expandPath(folder, values)) };
}

/** An option that is a moment: a date, a time, or how long ago. */
export function readMoment(settings: Settings, name: OptionName, nowMs: number): number | undefined {
  const form = 'a time such as 2025-01-31, 2025-01-31T12:00:00Z, or 2h or 30d for that long ago';
  return settings.read(name, form, (text) => parseMoment(text, nowMs));
}

/** `2025-01-31`, `2025-01-31T12:00`, `2025-01-31 12:00:00+01:00` (UTC where no zone is given), or a duration before `nowMs`. */
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
