import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import type { OpenFile } from '../base/files.ts';
import { pause } from '../base/pause.ts';
import type { PlaceStatus, StatusSource } from '../base/status.ts';
import type { Endpoint, TerminalEndpoint } from '../endpoint/endpoint.ts';
import { displayEndpoint, expandEndpoint } from '../endpoint/expand.ts';
import type { Gateway } from '../pos/gateway/gateway.ts';
import { noteInherited } from '../wire/fd.ts';
import { listen } from '../wire/listen.ts';
import { EXIT } from './exit-codes.ts';
import { Program } from './program.ts';
import { readProxy } from './proxy-option.ts';
import { readDrainMs, readEndpoint, readFolder } from './readers.ts';
import type { Settings } from './settings.ts';
import { readTls } from './tls-options.ts';

/** How long a sale that is under way may still take when the gateway is told to stop. */
const DRAIN_MS = 4800;

/** `posbridge gateway`: a real terminal as an application for any number of bridges, until stopped. */
export async function runGateway(settings: Settings): Promise<number> {
  noteInherited();
  const place = readPlace(settings);
  const terminal = readTerminal(settings);
  const store = readFolder(settings, 'terminal-store');
  if (store === undefined) {
    const text =
      'say where to remember what the terminal cannot tell a second time, for instance --terminal-store /var/lib/terminal';
    throw new BridgeError('USAGE', text);
  }
  const drainMs = readDrainMs(settings) ?? DRAIN_MS;
  const program = await Program.start(settings);
  const { log } = program;
  const stopped = deferred<void>();
  program.onStop(stopped.resolve);
  let lock: OpenFile | undefined;
  let gateway: Gateway | undefined;
  try {
    lock = await takeFolder(store);
    const { openGateway } = await import('../pos/gateway/open-gateway.ts');
    gateway = await openGateway(terminal, {
      clock: systemClock,
      log,
      register: settings.text('register'),
      store,
      tls: await readTls(settings, 'client', terminal.place),
      proxyTo: readProxy(settings, process.env, terminal.place),
    });
    const opened = gateway;
    const listener = await listen(place, {
      onWire: (wire) => opened.attach(wire),
      onFault: (fault) => log.warn('a connection could not be accepted', { why: describeFault(fault) }),
    });
    log.info('listening', { on: listener.address });
    program.observe(observed(opened, listener.address, displayEndpoint(terminal)));
    await stopped.promise;
    await listener.close();
    const over = new AbortController();
    await Promise.race([gateway.settled(), pause(systemClock, drainMs, over.signal)]);
    over.abort();
    return EXIT.ok;
  } finally {
    await gateway?.close();
    await lock?.close();
    await program.end();
  }
}

/** A gateway has no connections of a bridge: bridges are at its listener, and the terminal at its line. */
function observed({ terminal }: Gateway, listener: string, line: string): StatusSource {
  return {
    gauges: {},
    connections: [],
    get places(): PlaceStatus[] {
      const { state, failures } = terminal;
      const isLost = state === 'waiting' || (state === 'connecting' && failures > 0);
      const own: PlaceStatus = isLost
        ? { place: line, state: 'opening', failures }
        : { place: line, state: 'open' };
      return [{ place: listener, state: 'listening' }, ...(state === 'idle' ? [] : [own])];
    },
  };
}

function readPlace(settings: Settings): Endpoint {
  const place = readEndpoint(settings, 'listen', 'listen');
  if (place === undefined) {
    const text =
      'say where bridges find the gateway, for instance --listen unix:/run/pay.sock (and --app unix:/run/pay.sock for posbridge)';
    throw new BridgeError('USAGE', text);
  }
  if (place.kind !== 'ws') return expandEndpoint(place, { pid: String(process.pid) });
  throw settings.fault('listen', `${place.text} is not for bridges; use unix: or tcp:`);
}

function readTerminal(settings: Settings): TerminalEndpoint {
  const to = readEndpoint(settings, 'to', 'terminal');
  if (to === undefined) {
    const text = 'say where the terminal is and what it speaks, for instance --to jsonpos+tcp:10.0.0.5:10001';
    throw new BridgeError('USAGE', text);
  }
  if (to.kind === 'terminal') return to;
  throw settings.fault('to', `${to.text}: say what the terminal speaks, as in jsonpos+${to.text}`);
}

async function takeFolder(folder: string): Promise<OpenFile> {
  try {
    const { takeStateFolder } = await import('../store/state-folder.ts');
    return await takeStateFolder(folder);
  } catch (cause) {
    throw new BridgeError('STATE_OPEN_FAILED', `cannot use ${folder}: ${describeFault(cause)}`, { cause });
  }
}
