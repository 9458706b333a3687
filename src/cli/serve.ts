import { closeSync, writeSync } from 'node:fs';
import { deferred } from '../base/deferred.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { Server, type ServerOptions } from '../bridge/server.ts';
import { isInherited, noteInherited } from '../wire/fd.ts';
import type { Wire } from '../wire/wire.ts';
import { resolveBridgeOptions } from './bridge-options.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { Program } from './program.ts';
import { readEndpoint, readInteger } from './readers.ts';
import type { Settings } from './settings.ts';

const MAX_CONNECTIONS = 10_000;

/** `posbridge serve`: every connection accepted on one endpoint, until stopped. */
export async function runServe(settings: Settings): Promise<number> {
  noteInherited();
  const listen = readEndpoint(settings, 'listen', 'listen');
  if (listen === undefined) {
    throw new BridgeError('USAGE', 'say where to listen, for instance --listen tcp:0.0.0.0:10001');
  }
  const options = await resolveBridgeOptions(settings);
  const notifyFd = readInteger(settings, 'notification-fd', 3, 65_535);
  if (notifyFd !== undefined && !isInherited(notifyFd)) {
    throw settings.fault('notification-fd', `descriptor ${notifyFd} was not inherited`);
  }
  return serve(
    settings,
    { ...options, ...readServerLimits(settings), listen },
    {
      ready: (program) => {
        if (notifyFd !== undefined) notifyReady(notifyFd, program);
      },
    },
  );
}

export function readServerLimits(settings: Settings): Pick<ServerOptions, 'maxConnections' | 'allowOrigins'> {
  return {
    maxConnections: readInteger(settings, 'max-connections', 1, MAX_CONNECTIONS) ?? MAX_CONNECTIONS,
    allowOrigins: settings.command === 'serve' ? settings.list('allow-origin') : [],
  };
}

export interface ServeSteps {
  /** Runs before anybody can connect. */
  readonly prepare?: (program: Program) => Promise<void>;
  /** Runs when connections are accepted. */
  readonly ready: (program: Program, address: string) => void;
}

/** Listens until a signal comes. */
export async function serve(
  settings: Settings,
  options: ServerOptions,
  { prepare, ready }: ServeSteps,
): Promise<number> {
  const program = await Program.start(settings);
  try {
    const stopped = deferred<void>();
    await prepare?.(program);
    const torture = settings.flag('torture') === true && { around: await loadTorture() };
    const server = await Server.open({ ...options, ...torture }, program.context);
    program.onGauges(() => server.gauges);
    program.onStop(stopped.resolve);
    program.log.info('listening', { on: server.address });
    ready(program, server.address);
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
