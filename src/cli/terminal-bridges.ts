import { systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { DIALECTS } from '../dialect/registry.ts';
import type { Endpoint, FifoEndpoint } from '../endpoint/endpoint.ts';
import { expandEndpoint } from '../endpoint/expand.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { attachOnce, attachPipes, KeptConnection, type PlaceContext } from '../terminal/places.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { openFdWire } from '../wire/fd.ts';
import { listen } from '../wire/listen.ts';
import { type OptionName, optionsOf } from './options.ts';
import type { Program } from './program.ts';
import { readEndpoint } from './readers.ts';
import type { Settings } from './settings.ts';
import type { Attach } from './terminal-setup.ts';

const OF_DIALECTS = DIALECTS.flatMap(({ options }) => options.map(({ name }) => name));
/** What a terminal behind a bridge has no use for. */
const FOR_REGISTERS: ReadonlySet<string> = new Set([
  ...['wire', 'http-proxy', 'tls-cert', 'tls-key', 'tls-ca', 'screen-files'],
  ...OF_DIALECTS,
]);

/** A simulated terminal that bridges are attached to, as an application: at a place of its own, or at theirs. */
export function readBridgePlaces(settings: Settings): Attach {
  for (const { name } of optionsOf('terminal').filter(({ name }) => FOR_REGISTERS.has(name)))
    settings.refuseIdle(
      name as OptionName,
      'goes with --dialect, where registers speak to the terminal itself',
    );
  const pid = String(process.pid);
  const listening = readEndpoint(settings, 'listen', 'listen');
  if (listening?.kind === 'ws')
    throw settings.fault('listen', `${listening.text} is not for a terminal; use unix: or tcp:`);
  if (settings.list('listen').length > 1)
    throw settings.fault('listen', 'bridges find the terminal at one place; more are for --dialect');
  const connect = settings.list('connect').map((text) => expandEndpoint(readPlace(settings, text), { pid }));
  if (listening === undefined && connect.length === 0) {
    throw new BridgeError(
      'USAGE',
      'say where bridges find the terminal, for instance --listen unix:/tmp/terminal.sock (and --app unix:/tmp/terminal.sock for posbridge)',
    );
  }
  const places = { listen: listening && expandEndpoint(listening, { pid }), connect };
  return (terminal, program, closing) => attachAll(places, terminal, program, closing);
}

const PLACES: ReadonlySet<Endpoint['kind']> = new Set(['unix', 'tcp', 'fd', 'fifo']);

function readPlace(settings: Settings, text: string): Endpoint {
  let endpoint: Endpoint;
  try {
    endpoint = parseEndpoint(text, 'channel');
  } catch (cause) {
    throw settings.fault('connect', describeFault(cause), cause);
  }
  if (PLACES.has(endpoint.kind)) return endpoint;
  throw settings.fault(
    'connect',
    `${endpoint.text} is no place for a terminal; use unix:, tcp:, fd: or fifo:`,
  );
}

/** `over` resolves when all places of the terminal are gone for good. */
async function attachAll(
  {
    listen: place,
    connect,
  }: { readonly listen: Endpoint | undefined; readonly connect: readonly Endpoint[] },
  terminal: Terminal,
  { log }: Program,
  closing: (() => unknown)[],
): Promise<{ readonly over: Promise<unknown> }> {
  const context: PlaceContext = { clock: systemClock, log, random: Math.random };
  const overs: Promise<void>[] = [];
  const pipes = connect.filter((one): one is FifoEndpoint => one.kind === 'fifo');
  if (pipes.length > 0) overs.push((await attachPipes(terminal, pipes, context)).over);
  for (const endpoint of connect) {
    if (endpoint.kind === 'fd') overs.push(attachOnce(terminal, openFdWire(endpoint, context)));
    if (endpoint.kind !== 'unix' && endpoint.kind !== 'tcp') continue;
    const kept = new KeptConnection(terminal, endpoint, context);
    closing.push(() => kept.close());
    overs.push(NEVER);
  }
  if (place === undefined) return { over: Promise.all(overs) };
  const listener = await listen(place, {
    onWire: (wire) => terminal.attach(wire),
    onFault: (fault) => log.warn('a connection could not be accepted', { why: describeFault(fault) }),
  });
  closing.push(() => listener.close());
  log.info('listening', { on: listener.address });
  return { over: NEVER };
}

const NEVER = new Promise<never>(() => {});
