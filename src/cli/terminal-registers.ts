import { CHANNEL_NAMES } from '../base/channel-name.ts';
import { BridgeError } from '../base/errors.ts';
import { Server } from '../bridge/server.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { resolveBridgeOptions } from './bridge-options.ts';
import { readEndpoint, readListeners } from './readers.ts';
import type { Settings } from './settings.ts';
import type { Attach } from './terminal-setup.ts';
import { readTls } from './tls-options.ts';

/** One terminal has a handful of registers. */
const MAX_CONNECTIONS = 100;

/**
 * A simulated terminal that registers speak to themselves, in a protocol of theirs: where it listens, or through a
 * broker that it dials.
 */
export async function readRegisterPlaces(settings: Settings): Promise<Attach> {
  settings.refuseIdle('connect', 'with --dialect registers come to --listen, or the terminal dials --wire');
  const simulator = parseEndpoint('simulator:', 'channel');
  const channels = new Map(CHANNEL_NAMES.map((channel) => [channel, simulator]));
  const endpoint = readEndpoint(settings, 'wire', 'wire');
  const listeners = readListeners(settings);
  if ((endpoint === undefined) === (listeners.length === 0)) {
    const where = '--listen tcp:0.0.0.0:5015 where registers find it, or --wire wss://broker.example/';
    throw new BridgeError('USAGE', `say one of the two: ${where}`);
  }
  const side = endpoint === undefined ? 'server' : 'client';
  const tls = await readTls(settings, side, endpoint, ...listeners.map((place) => place.endpoint));
  const options = await resolveBridgeOptions(settings, { channels });
  if (endpoint !== undefined && options.dialect.reconnects === undefined)
    throw settings.fault('wire', `${endpoint.text}: ${options.dialect.name} dials only over ws: and wss:`);
  return async (terminal, program, closing) => {
    program.own(options.dialect);
    program.useSimulator(terminal);
    if (endpoint !== undefined) {
      const { dialFor } = await import('./dialled-terminal.ts');
      const place = { endpoint, fds: undefined, tty: undefined, line: { isLine: false }, tls };
      const dialled = await dialFor(terminal, { settings, options, place, text: endpoint.text }, program);
      closing.push(() => dialled.stop());
      return dialled;
    }
    const server = await Server.open(
      {
        ...options,
        listeners,
        maxConnections: MAX_CONNECTIONS,
        allowOrigins: [],
        ...(tls !== undefined && { tls }),
      },
      program.context,
    );
    closing.push(() => server.stop());
    program.observe(server);
    for (const on of server.addresses) program.log.info('listening', { on });
    return { over: new Promise<never>(() => {}) };
  };
}
