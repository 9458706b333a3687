import { CHANNEL_NAMES } from '../base/channel-name.ts';
import { systemClock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { ListeningDemo } from '../dialect/demo.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { DialectRow } from '../dialect/row.ts';
import type { TcpEndpoint } from '../endpoint/endpoint.ts';
import { parseListener } from '../endpoint/listener.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import type { Screen } from '../screen/server.ts';
import { readDialect, resolveBridgeOptions } from './bridge-options.ts';
import { openSomewhere, openTerminalWithScreen, withOtherPlace } from './demo-terminal.ts';
import type { Program } from './program.ts';
import { readFolder, readListeners } from './readers.ts';
import { readScreen } from './screen-option.ts';
import { readServerLimits, serve } from './serve.ts';
import type { Settings } from './settings.ts';

const DEFAULT_API = 'tcp:127.0.0.1:8480';

/**
 * `posbridge demo`: by default a listener with the simulated terminal behind all channels, and the terminal's screen.
 */
export async function runDemo(settings: Settings): Promise<number> {
  const row = readDialect(settings);
  const demo = await row.demo?.();
  if (demo === undefined) throw settings.fault('dialect', `there is no demo of ${row.name}`);
  if (demo.kind === 'played') return (await import('./demo-stage.ts')).playDemo(demo, settings);
  if (demo.kind === 'brokered') return (await import('./demo-broker.ts')).brokerDemo(demo, settings);
  return listenFor(row, demo, settings);
}

async function listenFor(row: DialectRow, demo: ListeningDemo, settings: Settings): Promise<number> {
  const [listener = parseListener(demo.listen)] = readListeners(settings);
  const simulator = parseEndpoint('simulator:', 'channel');
  const channels = new Map(CHANNEL_NAMES.map((channel) => [channel, simulator]));
  const options = await resolveBridgeOptions(settings, { channels, dialect: await demo.dialect?.() });
  const wanted = readScreen(settings);
  const { dialect } = options;
  const pictures = readFolder(settings, 'screen-files');
  let screen: Screen | undefined;
  let peers: { stop(): void } | undefined;
  let isPrepared = false;
  try {
    return await serve(
      settings,
      { ...options, ...readServerLimits(settings), listeners: [listener] },
      {
        prepare: async (program) => {
          screen = await (dialect.screen === undefined
            ? (await openTerminalWithScreen(program, { wanted, pictures })).screen
            : openDialectScreen(dialect, program, wanted));
          isPrepared = true;
        },
        ready: async (program, [address = '']) => {
          const url = screen?.url ?? '';
          const api = await openApi(row, address, program);
          process.stderr.write(
            dialect.screen === undefined ? words(demo, address, url) + api : shortWords(demo, address, url),
          );
          peers = demo.peers?.(address, systemClock);
        },
      },
    );
  } catch (fault) {
    throw isPrepared ? withOtherPlace(fault, listener.endpoint.text) : fault;
  } finally {
    peers?.stop();
    await screen?.close();
  }
}

/** The page of the dialect itself. */
async function openDialectScreen(
  dialect: Dialect,
  program: Program,
  wanted: TcpEndpoint | undefined,
): Promise<Screen | undefined> {
  const [shown, { openScreen }] = await Promise.all([dialect.screen?.(), import('../screen/server.ts')]);
  if (shown === undefined) return undefined;
  const context = { clock: systemClock, log: program.log, page: shown.page };
  return openSomewhere(wanted, (endpoint) => openScreen(endpoint, shown.source, context));
}

/**
 * The same terminal for tills that speak HTTP, where we speak to such terminals ourselves. Empty, or words about it.
 */
async function openApi({ name, asks }: DialectRow, address: string, program: Program): Promise<string> {
  if (asks === undefined || !address.startsWith('tcp:')) return '';
  const { offerDemo } = await import('./demo-api.ts');
  const terminal = `${name}+${address}`;
  try {
    const url = await openSomewhere(
      undefined,
      (endpoint) => offerDemo(program, { terminal, protocol: name, endpoint }),
      DEFAULT_API,
    );
    return apiWords(url);
  } catch (fault) {
    program.log.warn('the demo does without its HTTP service', { why: describeFault(fault) });
    return '';
  }
}

function shortWords(demo: ListeningDemo, address: string, screen: string): string {
  return `\nOpen ${screen} in a browser. Ctrl-C ends the demo.\n\n${demo.whatToTry(address)}\n\n`;
}

function words(demo: ListeningDemo, address: string, screen: string): string {
  return `
A simulated payment terminal. Its screen: ${screen}

It listens on ${address}. ${demo.whatToTry(address)}

With the screen open in a browser you are the cardholder: tap or insert a card there. Without it the amount decides: those that end in 01
are declined. Ctrl-C ends the demo.

`;
}

function apiWords(url: string): string {
  return `Tills that speak HTTP pay on it as well (docs/api.md; sales in a browser: ${url}/):

    curl -s ${url}/v1/terminals/demo/purchases -H "Idempotency-Key: $(date +%s)" \\
      -H 'Content-Type: application/json' -H 'Prefer: wait=120' \\
      -d '{"amount":"12.30","currency":"EUR","reference":"ORDER-1"}'

`;
}
