import { CHANNEL_NAMES } from '../base/channel-name.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { BridgeContext } from '../bridge/bridge-options.ts';
import { displayEndpoint, expandEndpoint, placeholdersOf } from '../endpoint/expand.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { JournalWatch } from '../status/journal-watch.ts';
import { OwnStatus } from '../status/own-status.ts';
import { type Observed, processStatus } from '../status/process-status.ts';
import { readEndpoint, readFolder } from './readers.ts';
import type { Settings } from './settings.ts';

type Known = Pick<Observed, 'command' | 'startedMs' | 'levels' | 'isStopping' | 'source'>;

/**
 * Tells what this process does, where `--status` and `--status-dir` say. Rejects with a BridgeError where nobody could
 * ask.
 */
export async function openStatus(
  settings: Settings,
  known: Known,
  { clock, log, statistics, presence, journal, version, pid }: BridgeContext,
): Promise<{ close(): Promise<void> }> {
  const watch = journal === undefined ? undefined : new JournalWatch(journal, clock);
  const fixed = fixedEndpoints(settings);
  const observed: Observed = {
    ...known,
    ...{ version, pid, clock, statistics, presence },
    isFixed: (endpoint) => fixed.has(endpoint),
    journal: () => watch?.status,
  };
  const read = () => processStatus(observed);
  const { levels } = known;
  const folder = readFolder(settings, 'status-dir');
  const own = folder === undefined ? undefined : new OwnStatus(folder, { read, levels, clock, log });
  const server = await openServer(settings, { read, levels, log });
  if (server !== undefined) log.info('the status is told', { on: server.address });
  return {
    async close() {
      await Promise.all([own?.close(), server?.close('at-once')]);
    },
  };
}

async function openServer(
  settings: Settings,
  {
    read,
    levels,
    log,
  }: { read: () => ReturnType<typeof processStatus>; levels: Known['levels']; log: BridgeContext['log'] },
) {
  const endpoint = readEndpoint(settings, 'status', 'listen');
  if (endpoint === undefined) return undefined;
  if (endpoint.kind !== 'unix' && endpoint.kind !== 'tcp' && endpoint.kind !== 'fd') {
    throw settings.fault('status', `${endpoint.text} is served over HTTP anyway; use unix: or tcp:`);
  }
  // Only where it is wanted: HTTP costs a process megabytes.
  const { openStatusServer } = await import('../status/status-server.ts');
  try {
    return await openStatusServer(expandEndpoint(endpoint, { pid: String(process.pid) }) as typeof endpoint, {
      read,
      levels,
      onChange: (what, details) => log.warn(what, details),
      onFault: (fault) => log.debug('the status could not be asked for', { why: describeFault(fault) }),
    });
  } catch (fault) {
    if (fault instanceof BridgeError)
      throw new BridgeError(fault.code, `--status: ${fault.text}`, { cause: fault });
    throw fault;
  }
}

/** Endpoints of applications that are the same for every connection. */
function fixedEndpoints(settings: Settings): ReadonlySet<string> {
  const texts = ['app', ...CHANNEL_NAMES].flatMap((name) => {
    const option = name as 'app';
    return settings.isGiven(option) ? [settings.text(option) ?? ''] : [];
  });
  const endpoints = texts.map((text) => parseEndpoint(text, 'channel'));
  return new Set(endpoints.filter((one) => placeholdersOf(one).length === 0).map(displayEndpoint));
}
