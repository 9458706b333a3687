import { isIP } from 'node:net';
import type { ApiEndpoint } from '../api/http/server.ts';
import type { OfferedTerminal } from '../api/service.ts';
import { isName } from '../api/token-file.ts';
import { BridgeError } from '../base/errors.ts';
import { maskText } from '../base/mask.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { placeOf } from '../endpoint/place.ts';
import { asTerminal, checkTerminal } from '../pos/asking-end.ts';
import { isLoopback } from '../wire/own-page.ts';
import type { TlsFiles } from '../wire/tls.ts';
import { readKeepalive, readOutcomeCodes } from './bridge-options.ts';
import { readApiKey, readLogin } from './pos-secrets.ts';
import { readLanguage, readRegister } from './pos-settings.ts';
import { readProxy } from './proxy-option.ts';
import { readDurationMs, readInteger } from './readers.ts';
import type { Settings } from './settings.ts';
import { readTerminalTls, readTls } from './tls-options.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const MAX_WAIT_MS = 23 * 86_400_000;
const MAX_CONNECT_TIMEOUT_MS = 86_400_000;
const MIN_FRAME_BYTES = 16_384;
const MAX_FRAME_BYTES = 1_000_000;

/** Where the API is to be found. Throws USAGE. */
export function readApiEndpoints(settings: Settings): ApiEndpoint[] {
  const endpoints = settings.list('listen').map((text): ApiEndpoint => {
    const endpoint = parsed(settings, 'listen', text, () => parseEndpoint(text, 'listen'));
    if (endpoint.kind === 'tcp' || endpoint.kind === 'unix' || endpoint.kind === 'fd') return endpoint;
    const how = 'use tcp:HOST:PORT, with --tls-cert and --tls-key for https:, or unix:PATH';
    throw settings.fault('listen', `${endpoint.text} is no place for the API; ${how}`);
  });
  if (endpoints.length > 0) return endpoints;
  throw new BridgeError('USAGE', 'say where tills find the API, for instance --listen tcp:127.0.0.1:8480');
}

/** Without tokens everybody who can connect may pay, so only this machine can. Throws USAGE. */
export function refuseOpenDoors(settings: Settings, endpoints: readonly ApiEndpoint[]): void {
  if (settings.isGiven('tokens')) return;
  const open = endpoints.find((endpoint) => endpoint.kind === 'fd' || !isOwnMachine(endpoint));
  if (open === undefined) return;
  const how = 'make tokens (posbridge api token add NAME --tokens FILE --scope pay) and pass --tokens FILE';
  throw settings.fault('listen', `${open.text}: others than this machine can connect there; ${how}`);
}

export function isOwnMachine(endpoint: ApiEndpoint): boolean {
  if (endpoint.kind !== 'tcp') return endpoint.kind === 'unix';
  return endpoint.host === 'localhost' || (isIP(endpoint.host) !== 0 && isLoopback(endpoint.host));
}

/** The certificate of the API; undefined: it speaks plain HTTP. Rejects with USAGE. */
export async function readApiTls(
  settings: Settings,
  endpoints: readonly ApiEndpoint[],
): Promise<TlsFiles | undefined> {
  const names = ['tls-cert', 'tls-key', 'tls-client-ca'] as const;
  const given = names.find((name) => settings.isGiven(name));
  if (given === undefined) return undefined;
  const tcp = endpoints.find(({ kind }) => kind === 'tcp');
  if (tcp === undefined) throw settings.fault(given, 'goes with a tcp: endpoint');
  return readTls(settings, 'server', { ...tcp, secure: true } as unknown as Endpoint);
}

/** Every terminal that is offered. Rejects with USAGE or ENDPOINT_INVALID. */
export async function readOfferedTerminals(settings: Settings, env: Environment): Promise<OfferedTerminal[]> {
  const common = await readCommon(settings, env);
  const terminals: OfferedTerminal[] = [];
  const places = new Map<string, string>();
  for (const text of settings.list('terminal')) {
    const at = text.indexOf('=');
    const [name, place] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
    if (!isName(name))
      throw settings.refused('terminal', text, 'NAME=ENDPOINT, as in counter=tcp:10.0.0.5:10001');
    if (terminals.some((other) => other.name === name))
      throw settings.fault('terminal', `${name} is given twice`);
    const endpoint = parsed(settings, 'terminal', text, () => readTerminalEndpoint(place));
    const { wire, row } = checkTerminal(asTerminal(endpoint));
    const where = await placeOf(wire);
    const other = places.get(where);
    if (other !== undefined) throw settings.fault('terminal', `${other} and ${name} are the same terminal`);
    places.set(where, name);
    const client = {
      ...common,
      to: endpoint,
      tls: await readTerminalTls(settings, wire),
      proxyTo: readProxy(settings, env, wire),
    };
    terminals.push({ name, place: maskText(endpoint.text), protocol: row.name, client });
  }
  await readTls(settings, 'terminal', ...terminals.map(({ client }) => client.to as Endpoint));
  if (terminals.length > 0) return terminals;
  throw new BridgeError(
    'USAGE',
    'say which terminals there are, for instance --terminal counter=tcp:10.0.0.5:10001',
  );
}

function readTerminalEndpoint(text: string): ReturnType<typeof asTerminal> {
  const endpoint = parseEndpoint(text, 'terminal');
  const terminal = asTerminal(endpoint as Parameters<typeof asTerminal>[0]);
  checkTerminal(terminal);
  return terminal;
}

async function readCommon(
  settings: Settings,
  env: Environment,
): Promise<Omit<OfferedTerminal['client'], 'to'>> {
  return {
    apiKey: await readApiKey(settings, env),
    wsCredentials: await readLogin(settings, env),
    register: readRegister(settings),
    cashierLanguage: readLanguage(settings),
    connectTimeoutMs: readDurationMs(settings, 'connect-timeout', MAX_CONNECT_TIMEOUT_MS),
    outcomeWaitMs: readOutcomeWaitMs(settings),
    notFoundAfterMs: readDurationMs(settings, 'not-found-after', MAX_WAIT_MS),
    outcomeCodes: readOutcomeCodes(settings),
    keepalive: readKeepalive(settings),
    maxFrameBytes: readInteger(settings, 'max-frame', MIN_FRAME_BYTES, MAX_FRAME_BYTES),
  };
}

export function readOutcomeWaitMs(settings: Settings): number {
  return readDurationMs(settings, 'outcome-wait', MAX_WAIT_MS);
}

function parsed<T>(settings: Settings, name: 'listen' | 'terminal', text: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof BridgeError) throw settings.fault(name, `"${maskText(text)}": ${cause.text}`, cause);
    throw cause;
  }
}
