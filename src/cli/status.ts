import { systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { maskValue } from '../base/mask.ts';
import { pause } from '../base/pause.ts';
import { askStatus, type StatusPlace } from '../status/ask-status.ts';
import { metricsText } from '../status/metrics.ts';
import { readStatusFolder } from '../status/status-folder.ts';
import { EXIT } from './exit-codes.ts';
import { readEndpoint, readFolder } from './readers.ts';
import type { Settings } from './settings.ts';
import {
  connectionLines,
  lostLines,
  overviewLines,
  stuckLines,
  type Told,
  transactionLines,
} from './status-view.ts';
import { writeLines, writeOut } from './stdout.ts';
import { stopSignals } from './stop-signals.ts';

const WATCH_MS = 1000;

type View = (
  all: readonly Told[],
  nowMs: number,
) => { readonly lines: readonly string[]; readonly isTrouble?: boolean };

const living = (all: readonly Told[]) => all.filter(({ isAlive }) => isAlive);
const troubles = (lines: readonly string[], none: string) => ({
  lines: lines.length === 0 ? [none] : lines,
  isTrouble: lines.length > 0,
});

const VIEWS: ReadonlyMap<string, View> = new Map<string, View>([
  ['connections', (all, nowMs) => ({ lines: connectionLines(living(all), nowMs) })],
  ['transactions', (all, nowMs) => ({ lines: transactionLines(living(all), nowMs) })],
  ['stuck', (all, nowMs) => troubles(stuckLines(all, nowMs), 'Nothing is stuck.')],
  ['lost', (all) => troubles(lostLines(all), 'Nothing was lost.')],
]);

/** `posbridge status`: what running processes do. */
export async function runStatus(settings: Settings, [name]: readonly string[]): Promise<number> {
  const view = name === undefined ? overview : VIEWS.get(name);
  if (view === undefined) {
    throw new BridgeError(
      'USAGE',
      `there is no view ${JSON.stringify(name)}; there is ${[...VIEWS.keys()].join(', ')}`,
    );
  }
  const read = readerOf(settings);
  if (settings.flag('watch') === true) return watch(read, view);
  const all = await read();
  if (settings.flag('metrics') === true) {
    await writeOut(
      metricsText(
        living(all).map(({ status }) => status),
        'text',
      ),
    );
    return EXIT.ok;
  }
  if (settings.flag('json') === true) {
    await writeLines(
      all.map(({ status, isAlive }) => JSON.stringify(maskValue({ is_alive: isAlive, ...status }))),
    );
    return EXIT.ok;
  }
  const { lines, isTrouble = false } = view(all, systemClock.wallMs());
  await writeLines(lines);
  return isTrouble ? EXIT.declined : EXIT.ok;
}

const overview: View = (all, nowMs) => ({
  lines: all.length === 0 ? ['No posbridge tells its status here.'] : overviewLines(all, nowMs),
});

/** Where the command was told to look. */
function readerOf(settings: Settings): () => Promise<Told[]> {
  const at = readPlace(settings);
  if (at !== undefined) return async () => [{ isAlive: true, status: await askStatus(at) }];
  const folder = readFolder(settings, 'status-dir') ?? '';
  return async () => {
    try {
      return await readStatusFolder(folder, systemClock);
    } catch (cause) {
      const what = `cannot look into ${folder}: ${describeFault(cause)}`;
      throw new BridgeError('STATE_OPEN_FAILED', `${what}; say where with --status-dir, or --at`, { cause });
    }
  };
}

/** The process that is to be asked, if one is named. */
export function readPlace(settings: Settings): StatusPlace | undefined {
  const endpoint = readEndpoint(settings, 'at', 'channel');
  if (endpoint === undefined) return undefined;
  if (endpoint.kind === 'unix' || endpoint.kind === 'tcp') return endpoint;
  throw settings.fault(
    'at',
    `${endpoint.text} cannot be asked; wanted is unix: or tcp:, what --status says there`,
  );
}

/** The same again and again, on a screen that is cleared; where standard output is no terminal, one after the other. */
async function watch(read: () => Promise<Told[]>, view: View): Promise<number> {
  const stopping = new AbortController();
  for (const signal of stopSignals()) {
    process.on(signal, () => stopping.abort());
  }
  const isScreen = process.stdout.isTTY === true;
  if (isScreen) await writeOut(ENTER);
  try {
    while (!stopping.signal.aborted) {
      const lines = await read().then(
        (all) => view(all, systemClock.wallMs()).lines,
        (fault: unknown) => [describeFault(fault)],
      );
      const time = new Date(systemClock.wallMs()).toISOString().slice(0, 19);
      const shown = [`posbridge status ${time}Z, every second; Ctrl-C ends it`, '', ...lines];
      const { rows = 24, columns: width = 80 } = process.stdout;
      const fitting = isScreen
        ? shown.slice(0, rows - 1).map((line) => line.slice(0, width))
        : [...shown, ''];
      const isRead = await writeOut(
        `${isScreen ? HOME : ''}${fitting.map((line) => `${line}${isScreen ? CLEAR_LINE : ''}\n`).join('')}${isScreen ? CLEAR_BELOW : ''}`,
      );
      if (!isRead) break;
      await pause(systemClock, WATCH_MS, stopping.signal);
    }
  } finally {
    if (isScreen) await writeOut(LEAVE);
  }
  return EXIT.ok;
}

/** The terminal's second screen, without a cursor, and back. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
