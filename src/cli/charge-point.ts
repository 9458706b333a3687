import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { systemClock } from '../base/clock.ts';
import { BridgeError, describeFault } from '../base/errors.ts';
import { openLogSink } from '../base/log-sink.ts';
import { textOfFile } from '../base/text-file.ts';
import { maskFrame } from '../dialect/ocpp/mask-frame.ts';
import { ChargePoint } from '../dialect/ocpp/simulator/charge-point.ts';
import {
  DEFAULT_SCRIPT,
  playScript,
  readScript,
  type Step,
} from '../dialect/ocpp/simulator/charge-script.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { connectWs } from '../wire/ws.ts';
import { EXIT } from './exit-codes.ts';
import { Program } from './program.ts';
import { readDurationMs, readEndpoint, readInteger } from './readers.ts';
import type { Settings } from './settings.ts';
import { readTls } from './tls-options.ts';

const SUBPROTOCOL = 'ocpp1.6';
const DAY_MS = 86_400_000;
const MAX_CONNECTORS = 64;
const MAX_WATTS = 1_000_000;

/** `posbridge charge-point`: a simulated charge point, until its script is played, or until stopped. */
export async function runChargePoint(settings: Settings): Promise<number> {
  const endpoint = readTo(settings);
  const script = await readSteps(settings);
  const tls = await readTls(settings, 'client', endpoint);
  const headers = await readLogin(settings, endpoint);
  const program = await Program.start(settings);
  const output = openOutput(settings);
  const point = new ChargePoint({
    clock: systemClock,
    newId: randomUUID,
    open: () => connectWs(endpoint, { subprotocol: SUBPROTOCOL, headers, tls }),
    connectors: readInteger(settings, 'connectors', 1, MAX_CONNECTORS) ?? 2,
    powerW: readInteger(settings, 'power', 1, MAX_WATTS) ?? 11_000,
    meterMs: readDurationMs(settings, 'meter-every', DAY_MS),
    show: output.show,
  });
  let isStopped = false;
  const stopped = new Promise<void>((resolve) => {
    program.onStop(() => {
      isStopped = true;
      point.stop();
      resolve();
    });
  });
  try {
    point.start();
    const isFine = await Promise.race([
      playScript(point, script, { tag: settings.text('tag') ?? '' }),
      stopped,
    ]);
    if (settings.isGiven('stay')) await stopped;
    return isFine === false && !isStopped ? EXIT.declined : EXIT.ok;
  } finally {
    point.stop();
    await program.end();
    output.flush();
  }
}

type WsEndpoint = Extract<Endpoint, { kind: 'ws' }>;

function readTo(settings: Settings): WsEndpoint {
  const endpoint = readEndpoint(settings, 'to', 'wire');
  if (endpoint?.kind === 'ws') return endpoint;
  throw new BridgeError(
    'USAGE',
    'say which central system, for instance --to ws://127.0.0.1:9000/ocpp/CP001',
  );
}

async function readSteps(settings: Settings): Promise<readonly Step[]> {
  const given = settings.text('script') ?? DEFAULT_SCRIPT;
  const text = given.startsWith('@') ? await readFileText(settings, given.slice(1)) : given;
  const read = readScript(text);
  if (read.ok) return read.steps;
  throw settings.fault('script', read.why);
}

async function readFileText(settings: Settings, path: string): Promise<string> {
  const bytes = await readFile(path).catch((fault: unknown) => {
    throw settings.fault('script', `${path} cannot be read: ${describeFault(fault)}`);
  });
  return textOfFile(bytes);
}

/** The identity is the name, as the protocol wants it. */
async function readLogin(settings: Settings, endpoint: WsEndpoint): Promise<Record<string, string>> {
  const path = settings.text('password-file');
  if (path === undefined) return {};
  const bytes = await readFile(path).catch((fault: unknown) => {
    throw settings.fault('password-file', `${path} cannot be read: ${describeFault(fault)}`);
  });
  const identity = decodeURIComponent(new URL(endpoint.url).pathname.split('/').at(-1) ?? '');
  const login = Buffer.from(`${identity}:${textOfFile(bytes).trim()}`);
  return { Authorization: `Basic ${login.toString('base64')}` };
}

/** Messages and what happens, on standard output, for people or as JSON. */
function openOutput(settings: Settings): {
  show: (direction: 'in' | 'out' | 'note', text: string) => void;
  flush(): void;
} {
  const isJson = settings.isGiven('json');
  const sink = openLogSink(1, (lines) => `# ${lines} lines were left out: nobody read them`);
  const marks = { in: '<-', out: '->', note: '#' };
  return {
    show: (direction, text) => {
      const shown = direction === 'note' ? text : maskFrame(text);
      sink.write(isJson ? JSON.stringify({ direction, text: shown }) : `${marks[direction]} ${shown}`);
    },
    flush: () => sink.flush(),
  };
}
