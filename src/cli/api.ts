import { ANYBODY } from '../api/caller.ts';
import type { ApiService } from '../api/service.ts';
import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError } from '../base/errors.ts';
import { quoteText } from '../base/printable.ts';
import type { PlaceStatus, StatusSource } from '../base/status.ts';
import { noteInherited } from '../wire/fd.ts';
import {
  isOwnMachine,
  readApiEndpoints,
  readApiTls,
  readOfferedTerminals,
  readOutcomeWaitMs,
  refuseOpenDoors,
} from './api-settings.ts';
import { EXIT } from './exit-codes.ts';
import { readOrigins } from './origin-option.ts';
import { storeFolder } from './pos-settings.ts';
import { StuckWatch } from './pos-stuck.ts';
import { Program } from './program.ts';
import { readDurationMs, readInteger } from './readers.ts';
import type { Settings } from './settings.ts';
import { version } from './version.ts';

const MAX_CONNECTIONS = 65_536;
const MAX_RATE = 1_000_000;
const MAX_KEEP_MS = 10 * 365 * 86_400_000;
const MAX_DRAIN_MS = 3_600_000;

/** `posbridge api`: terminals as an HTTP service, until stopped; `posbridge api token`: who may use it. */
export async function runApi(settings: Settings, operands: readonly string[]): Promise<number> {
  const [first, ...rest] = operands;
  if (first === 'token') return (await import('./api-tokens.ts')).runTokens(settings, rest);
  if (first !== undefined)
    throw new BridgeError(
      'USAGE',
      `${quoteText(first, 64)} is not understood; there is "posbridge api token"`,
    );
  for (const name of ['scope', 'for'] as const)
    settings.refuseIdle(name, 'it goes with "posbridge api token add"');
  return serveApi(settings);
}

async function serveApi(settings: Settings): Promise<number> {
  noteInherited();
  const endpoints = readApiEndpoints(settings);
  refuseOpenDoors(settings, endpoints);
  const tls = await readApiTls(settings, endpoints);
  const terminals = await readOfferedTerminals(settings, process.env);
  const limits = {
    maxConnections: readInteger(settings, 'max-connections', 8, MAX_CONNECTIONS) ?? MAX_CONNECTIONS,
    ratePerS: readRate(settings),
    allowOrigins: readOrigins(settings),
  };
  const drainMs = readDurationMs(settings, 'drain', MAX_DRAIN_MS);
  const store = storeFolder(settings, process.env);
  const program = await Program.start(settings);
  const { log } = program;
  const stopped = deferred<void>();
  program.onStop(stopped.resolve);
  const closing: (() => unknown)[] = [];
  try {
    const [{ ApiService }, { openApiServer }] = await Promise.all([
      import('../api/service.ts'),
      import('../api/http/server.ts'),
    ]);
    const tokens = await openTokens(settings, program, closing);
    const command = settings.text('on-stuck');
    const watches: StuckWatch[] = [];
    closing.push(() => Promise.all(watches.map((watch) => watch.close())));
    const service = await ApiService.open({
      terminals,
      store,
      keepMs: readDurationMs(settings, 'journal-keep', MAX_KEEP_MS),
      outcomeWaitMs: readOutcomeWaitMs(settings),
      watch: (client, { place: to }, log) => {
        watches.push(new StuckWatch(client, { command, to, log }));
      },
      clock: systemClock,
      log,
    });
    closing.push(() => service.close());
    const server = await openApiServer({
      ...limits,
      service,
      endpoints,
      tls,
      tokens,
      version,
      clock: systemClock,
      log,
    });
    closing.push(() => server.close());
    service.start();
    program.observe(observed(service, server.addresses));
    for (const address of server.addresses) log.info('listening', { on: address });
    const bare = endpoints.find((endpoint) => tls === undefined && !isOwnMachine(endpoint));
    if (bare !== undefined)
      log.warn('tokens cross the network as they are: give a certificate with --tls-cert', { on: bare.text });
    await stopped.promise;
    await service.drain(drainMs);
    return EXIT.ok;
  } finally {
    for (const close of closing.reverse()) await close();
    await program.end();
  }
}

/** Its connections are those to terminals; callers come and go. */
function observed(service: ApiService, addresses: readonly string[]): StatusSource {
  return {
    gauges: {},
    connections: [],
    get places(): PlaceStatus[] {
      const terminals = service.terminals(ANYBODY).map(
        ({ name, place, isConnected }): PlaceStatus => ({
          place: `${name} at ${place}`,
          state: isConnected ? 'open' : 'opening',
        }),
      );
      return [...addresses.map((place): PlaceStatus => ({ place, state: 'listening' })), ...terminals];
    },
  };
}

async function openTokens(
  settings: Settings,
  { log }: Program,
  closing: (() => unknown)[],
): Promise<import('../api/token-file.ts').Tokens | undefined> {
  const file = settings.text('tokens');
  if (file === undefined) return undefined;
  const { Tokens } = await import('../api/token-file.ts');
  const { tokens, close } = await Tokens.open(file, {
    renewed: () => log.info('tokens read again', { file }),
    fault: (why) => log.error('the tokens stay as they were', { why }),
  });
  closing.push(close);
  return tokens;
}

function readRate(settings: Settings): number {
  const rate = settings.read(
    'rate-limit',
    `a number of requests a second, up to ${MAX_RATE}, or off`,
    (text) => {
      if (text === 'off') return Number.POSITIVE_INFINITY;
      const number = /^\d{1,7}$/.test(text) ? Number(text) : 0;
      return number > 0 && number <= MAX_RATE ? number : undefined;
    },
  );
  return rate ?? Number.POSITIVE_INFINITY;
}
