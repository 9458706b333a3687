import { homedir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { quoteText } from '../base/printable.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { registerIn } from '../endpoint/listener.ts';
import { checkTerminal } from '../pos/asking-end.ts';
import type { PosClientOptions } from '../pos/pos-options.ts';
import { readKeepalive, readLinkSpeed, readOutcomeCodes } from './bridge-options.ts';
import type { OptionName } from './options.ts';
import { readApiKey, readLogin } from './pos-secrets.ts';
import { readProxy } from './proxy-option.ts';
import { parseDurationMs, readDurationMs, readEndpoint, readFolder, readInteger } from './readers.ts';
import type { Settings } from './settings.ts';
import { readTls } from './tls-options.ts';

const MAX_CONNECT_TIMEOUT_MS = 86_400_000;
const MAX_OUTCOME_WAIT_MS = 23 * 86_400_000;
const MAX_DISCARD_MS = 60_000;
const MIN_FRAME_BYTES = 16_384;
const MAX_FRAME_BYTES = 1_000_000;

type Environment = Readonly<Record<string, string | undefined>>;

export interface PosSurroundings {
  readonly env: Environment;
  readonly log: Logger;
  /** It makes sales, or looks earlier ones up: without a folder for them it is refused. */
  readonly isStoring: boolean;
}

/** Turns what the user wrote into what a register's client needs. Rejects with USAGE or ENDPOINT_INVALID. */
export async function resolvePosSettings(
  settings: Settings,
  { env, log, isStoring }: PosSurroundings,
): Promise<PosClientOptions> {
  const to = readEndpoint(settings, 'to', 'terminal');
  if (to === undefined) {
    throw new BridgeError('USAGE', 'say where the terminal is, for instance --to tcp:127.0.0.1:10001');
  }
  const wire = to.kind === 'terminal' ? to.place : to;
  if (!('url' in wire) && settings.isGiven('login-file')) {
    throw settings.fault('login-file', `goes with ws:, wss: and https:; ${to.text} asks for no name`);
  }
  refuseLacking(settings, to);
  const discardMs = settings.read('discard', 'a time such as 5s, at most a minute', (text) =>
    parseDurationMs(text, MAX_DISCARD_MS),
  );
  return {
    to,
    store: isStoring ? storeFolder(settings, env) : undefined,
    terminalStore: terminalFolder(settings, env, isStoring),
    register: readRegister(settings),
    apiKey: await readApiKey(settings, env),
    tls: await readTls(settings, 'client', wire),
    proxyTo: readProxy(settings, env, wire),
    wsCredentials: 'url' in wire ? await readLogin(settings, env) : undefined,
    cashierLanguage: readLanguage(settings),
    connectTimeoutMs: readDurationMs(settings, 'connect-timeout', MAX_CONNECT_TIMEOUT_MS),
    outcomeWaitMs: readDurationMs(settings, 'outcome-wait', MAX_OUTCOME_WAIT_MS),
    notFoundAfterMs: readDurationMs(settings, 'not-found-after', MAX_OUTCOME_WAIT_MS),
    outcomeCodes: readOutcomeCodes(settings),
    keepalive: readKeepalive(settings),
    sync: settings.flag('sync'),
    discardMs,
    maxFrameBytes: readInteger(settings, 'max-frame', MIN_FRAME_BYTES, MAX_FRAME_BYTES),
    linkSpeed: readLinkSpeed(settings),
    clock: systemClock,
    log,
  };
}

/** Options that mean nothing to what the terminal speaks. */
function refuseLacking(settings: Settings, to: Endpoint): void {
  if (to.kind !== 'terminal') return;
  const { lacks } = checkTerminal(to).row;
  for (const option of lacks.includes('sync') ? [...lacks, 'discard'] : lacks) {
    settings.refuseIdle(option as OptionName, `a terminal that speaks ${to.dialect} has no such thing`);
  }
}

/**
 * Where protocols remember: `--terminal-store`, else in the store. Undefined where there is none, and none is needed
 * for sales.
 */
function terminalFolder(settings: Settings, env: Environment, isStoring: boolean): string | undefined {
  const given = readFolder(settings, 'terminal-store');
  if (given !== undefined) return given;
  try {
    return path.join(storeFolder(settings, env), 'terminal');
  } catch (fault) {
    if (isStoring) throw fault;
    return undefined;
  }
}

/** In which language the terminal speaks to the cashier. */
export function readLanguage(settings: Settings): string | undefined {
  return settings.read('language', 'a language such as fi or sv-FI', (text) =>
    /^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$/.test(text) ? text : undefined,
  );
}

/** How this register is called, for protocols that want to know. */
export function readRegister(settings: Settings): string | undefined {
  return settings.read(
    'register',
    'a name of 1 to 64 letters, digits, dots, dashes, underscores or colons',
    (text) => (text.includes('{') ? undefined : registerIn(text)),
  );
}

/** Where sales are recorded: `--store`, else where the user's other programs keep their state. */
export function storeFolder(settings: Settings, env: Environment): string {
  const given = readFolder(settings, 'store');
  if (given !== undefined) return given;
  const { XDG_STATE_HOME: state = '' } = env;
  const base = path.isAbsolute(state) ? state : path.join(homeFolder(), '.local/state');
  return path.join(base, 'posbridge/pos');
}

function homeFolder(): string {
  let home: string;
  try {
    home = homedir();
  } catch (cause) {
    throw nowhereToStore(`this user (uid ${process.getuid?.()}) has no home folder`, cause);
  }
  if (!path.isAbsolute(home)) throw nowhereToStore(`HOME is ${quoteText(home, MAX_SHOWN)}`);
  return home;
}

function nowhereToStore(why: string, cause?: unknown): BridgeError {
  const text = `there is no place to record sales: ${why}; name a folder with --store, for instance --store /var/lib/till`;
  return new BridgeError('USAGE', text, { cause });
}

const MAX_SHOWN = 200;
