import { closeSync, writeSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { Server, type ServerOptions } from '../bridge/server.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { TcpEndpoint } from '../endpoint/endpoint.ts';
import { isInherited, noteInherited, notInheritedText } from '../wire/fd.ts';
import type { Wire } from '../wire/wire.ts';
import { resolveBridgeOptions } from './bridge-options.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { readOrigins } from './origin-option.ts';
import { Program } from './program.ts';
import { readInteger, readListeners, readProxies } from './readers.ts';
import { readScreen } from './screen-option.ts';
import type { Settings } from './settings.ts';
import { readTls } from './tls-options.ts';

const MAX_CONNECTIONS = 10_000;

/** `posbridge serve`: every connection that is accepted, until stopped. */
export async function runServe(settings: Settings): Promise<number> {
  noteInherited();
  const listeners = readListeners(settings);
  if (listeners.length === 0) {
    throw new BridgeError('USAGE', 'say where to listen, for instance --listen tcp:0.0.0.0:10001');
  }
  const endpoints = listeners.map(({ endpoint }) => endpoint);
  for (const endpoint of endpoints) {
    if (endpoint.kind === 'fd' && !isInherited(endpoint.read)) {
      throw settings.fault('listen', `"${endpoint.text}": ${notInheritedText(endpoint.read)}`);
    }
  }
  const tls = await readTls(settings, 'server', ...endpoints);
  const options = await resolveBridgeOptions(settings);
  await readTls(settings, 'terminal', ...options.channels.values());
  for (const { kind, text } of endpoints) {
    if (kind === 'http' && options.dialect.http === undefined) {
      throw settings.fault('listen', `${text}: ${options.dialect.name} is not spoken over HTTP`);
    }
  }
  const proxies = readProxies(settings);
  const web = endpoints.find((endpoint) => 'url' in endpoint);
  if (proxies !== undefined && web !== undefined) {
    throw settings.fault('proxy-protocol', `goes with tcp:, unix: and fd:, not with ${web.text}`);
  }
  const screen = readScreen(settings);
  if (screen !== undefined && options.dialect.screen === undefined) {
    throw settings.fault('screen', `${options.dialect.name} has nothing to show`);
  }
  const notifyFd = readInteger(settings, 'notification-fd', 3, 65_535);
  if (notifyFd !== undefined && !isInherited(notifyFd)) {
    throw settings.fault('notification-fd', `descriptor ${notifyFd} was not inherited`);
  }
  return serve(
    settings,
    { ...options, ...readServerLimits(settings), listeners, proxies, ...(tls !== undefined && { tls }) },
    {
      prepare: async (program) => {
        if (screen !== undefined) await showDialect(screen, options.dialect, program);
      },
      ready: (program) => {
        if (notifyFd !== undefined) notifyReady(notifyFd, program);
      },
    },
  );
}

/** Shows the dialect's page to browsers. */
export async function showDialect(endpoint: TcpEndpoint, dialect: Dialect, program: Program): Promise<void> {
  const shown = await dialect.screen?.();
  if (shown === undefined) return;
  const { openScreen } = await import('../screen/server.ts');
  const context = { clock: systemClock, log: program.log, page: shown.page };
  const screen = await openScreen(endpoint, shown.source, context);
  program.own(screen);
  process.stderr.write(`posbridge: open ${screen.url} in a browser\n`);
}

export function readServerLimits(
  settings: Settings,
): Pick<ServerOptions, 'maxConnections' | 'maxPerPeer' | 'allowOrigins'> {
  const maxPerPeer = readInteger(settings, 'max-per-peer', 1, MAX_CONNECTIONS);
  return {
    maxConnections: readInteger(settings, 'max-connections', 1, MAX_CONNECTIONS) ?? MAX_CONNECTIONS,
    ...(maxPerPeer !== undefined && { maxPerPeer }),
    allowOrigins: settings.command === 'serve' ? readOrigins(settings) : [],
  };
}

export interface ServeSteps {
  /** Runs before anybody can connect. */
  readonly prepare?: (program: Program) => Promise<void>;
  /** Runs when connections are accepted. */
  readonly ready: (program: Program, addresses: readonly string[]) => void | Promise<void>;
}

/** Listens until a signal comes. */
export async function serve(
  settings: Settings,
  options: ServerOptions,
  { prepare, ready }: ServeSteps,
): Promise<number> {
  const program = await Program.start(settings);
  program.own(options.dialect);
  try {
    const stopped = deferred<void>();
    await prepare?.(program);
    await program.tryTerminals(options);
    const torture = settings.flag('torture') === true && { around: await loadTorture() };
    const server = await Server.open({ ...options, ...torture }, program.context);
    program.observe(server);
    program.onStop(stopped.resolve);
    for (const on of server.addresses) program.log.info('listening', { on });
    await ready(program, server.addresses);
    await stopped.promise;
    return (await server.stop()) === 'unknown' ? exitCodeOf('unknown') : EXIT.ok;
  } finally {
    await program.end();
  }
}

async function loadTorture(): Promise<(wire: Wire) => Wire> {
  return (await import('../wire/torture.ts')).tortureWire;
}

/** The newline that s6 waits for. */
function notifyReady(fd: number, { log }: Program): void {
  try {
    writeSync(fd, '\n');
    closeSync(fd);
  } catch (fault) {
    log.warn('readiness could not be told', { fd, why: describeFault(fault) });
  }
}
