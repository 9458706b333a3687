import { BridgeError } from '../base/errors.ts';
import { whileStarting } from '../base/files.ts';
import { Bridge } from '../bridge/bridge.ts';
import type { BridgeOptions } from '../bridge/bridge-options.ts';
import { turnAway, whyTurnedAway } from '../bridge/turn-away.ts';
import { noteInherited } from '../wire/fd.ts';
import type { TlsFiles } from '../wire/tls.ts';
import { resolveBridgeOptions } from './bridge-options.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { Program } from './program.ts';
import { readEndpoint } from './readers.ts';
import type { Settings } from './settings.ts';
import { readTls } from './tls-options.ts';
import { findPlace, isNobodyAt, nobody, openPlace, type Place } from './wire-place.ts';

/** `posbridge`: one connection, then exit; on a wire that comes back one after the other, until stopped. */
export async function runBridge(settings: Settings): Promise<number> {
  noteInherited();
  const found = findPlace(settings);
  const options = await resolveBridgeOptions(settings, { line: found.line });
  const standbyEndpoint = readEndpoint(settings, 'standby', 'wire');
  const tls = await readTls(
    settings,
    'client',
    found.endpoint,
    standbyEndpoint,
    ...options.channels.values(),
  );
  const place: Place = { ...found, tls };
  const reopens = comesBack(place, options) && settings.flag('once') !== true;
  const standby = readStandby(settings, options, reopens, tls);
  if (settings.isGiven('on-stuck') && (place.endpoint?.kind !== 'serial' || !reopens)) {
    throw settings.fault('on-stuck', 'goes with --wire serial:, without --once');
  }
  // Only where the peer is there already: nobody is called to be told that.
  const isThere = !reopens && place.fds !== undefined && !isNobodyAt(place);
  const program = await Program.start(settings, async (fault, { context }) => {
    if (!isThere) return;
    const wire = await openPlace(place, { settings, options, context }).catch(() => undefined);
    if (wire !== undefined) await turnAway(wire, options.dialect, whyTurnedAway(fault), context.clock);
  });
  program.own(options.dialect);
  try {
    return reopens
      ? await speakForEver(settings, place, options, program, standby)
      : await speakOnce(settings, place, options, program);
  } finally {
    await program.end();
  }
}

/** Whether a wire is opened again when it is lost: a serial line always, another one where the dialect wants it. */
function comesBack({ endpoint }: Place, { dialect }: BridgeOptions): boolean {
  if (endpoint?.kind === 'serial') return true;
  return endpoint !== undefined && endpoint.kind !== 'fd' && dialect.reconnects !== undefined;
}

/** A second wire to the same peer. */
function readStandby(
  settings: Settings,
  { dialect }: BridgeOptions,
  reopens: boolean,
  tls: TlsFiles | undefined,
): Place | undefined {
  const endpoint = readEndpoint(settings, 'standby', 'wire');
  if (endpoint === undefined) return undefined;
  if (!reopens || dialect.ranked === undefined || !CONNECTED.has(endpoint.kind)) {
    throw settings.fault('standby', 'goes with --wire, both of them tcp:, unix:, ws: or wss:');
  }
  return { endpoint, fds: undefined, tty: undefined, line: { isLine: false }, tls };
}

const CONNECTED: ReadonlySet<string> = new Set(['tcp', 'unix', 'ws']);

async function speakOnce(
  settings: Settings,
  place: Place,
  options: BridgeOptions,
  program: Program,
): Promise<number> {
  const isNobody = isNobodyAt(place);
  const { context } = program;
  const opening = openPlace(place, { settings, options, context });
  const knocks = settings.flag('websocket') === true || settings.isGiven('proxy-protocol');
  const wire = await (knocks ? opening.catch(strangerAt(program)) : opening);
  if (wire === undefined) return EXIT.protocol;
  const isLine = place.endpoint?.kind === 'serial';
  if (isLine) program.log.info('the line is open', { on: settings.text('wire') });
  const bridge = await whileStarting(() => Bridge.open(wire, options, context)).catch(
    async (fault: unknown) => {
      if (!isNobody) await turnAway(wire, options.dialect, whyTurnedAway(fault), context.clock);
      throw fault;
    },
  );
  if (isNobody) {
    await bridge.abandon();
    throw nobody();
  }
  program.observe(bridge);
  const ended = bridge.run();
  let isStopped = false;
  program.onStop(() => {
    isStopped = true;
    bridge.stop();
  });
  const end = await ended;
  // A line does not end in good order: whoever started this for one life of it has to know.
  if (isLine && end === 'ended' && !isStopped) {
    program.log.warn('the line is lost', { on: settings.text('wire') });
    return EXIT.temporary;
  }
  return exitCodeOf(end);
}

/** A peer that has not been let in, or wants something else, is none; what is wrong on our side stays a fault. */
function strangerAt({ log }: Program): (fault: unknown) => undefined {
  return (fault) => {
    if (!(fault instanceof BridgeError) || fault.code !== 'WIRE_FAULT') throw fault;
    log.warn('the peer is refused', { why: fault.text });
    return undefined;
  };
}

async function speakForEver(
  settings: Settings,
  place: Place,
  options: BridgeOptions,
  program: Program,
  standby: Place | undefined,
): Promise<number> {
  await program.tryTerminals(options);
  const { ReopeningBridge } = await import('../bridge/reopening-bridge.ts');
  const text = settings.text('wire') ?? '';
  const command = settings.text('on-stuck');
  const wireOf = (own: Place, rank: number, name: string) => ({
    ...options,
    dialect: (standby === undefined ? undefined : options.dialect.ranked?.(rank)) ?? options.dialect,
    place: name,
    openWire: (signal: AbortSignal) =>
      openPlace(own, { settings, options, context: program.context, signal }),
  });
  const bridge = await ReopeningBridge.open(
    {
      ...wireOf(place, 1, text),
      ...(standby !== undefined && { beside: [wireOf(standby, 2, settings.text('standby') ?? '')] }),
      ...(command !== undefined && {
        onStuck: async (failures: number, signal: AbortSignal) => {
          const { runStuckCommand } = await import('./stuck.ts');
          await runStuckCommand(command, { wire: text, failures, log: program.log, signal });
        },
      }),
    },
    program.context,
  );
  program.observe(bridge);
  const ended = bridge.run();
  program.onStop(() => bridge.stop());
  return exitCodeOf(await ended);
}
