import { CHANNEL_NAMES, type ChannelName, isChannelName } from '../base/channel-name.ts';
import { BridgeError } from '../base/errors.ts';
import { quoteText } from '../base/printable.ts';
import type { BridgeOptions } from '../bridge/bridge-options.ts';
import { matches, type Route, Router } from '../bridge/router.ts';
import type { Dialect, KeepaliveOptions } from '../dialect/dialect.ts';
import { DIALECTS, findDialect } from '../dialect/registry.ts';
import type { DialectRow } from '../dialect/row.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { placeholdersOf } from '../endpoint/expand.ts';
import { REGISTER_FORM, registerIn } from '../endpoint/listener.ts';
import { placeholdersIn } from '../endpoint/placeholder.ts';
import { isDeclarable } from '../rpc/outcome.ts';
import { accessOf, isInherited } from '../wire/fd.ts';
import { isNats } from './nats-options.ts';
import { type OptionName, SECRETS } from './options.ts';
import {
  parseDurationMs,
  pathIn,
  readDrainMs,
  readDurationMs,
  readEndpoint,
  readInteger,
} from './readers.ts';
import type { Settings } from './settings.ts';
import type { LineFacts } from './wire-place.ts';

/** Bytes a second. */
const MIN_LINK_SPEED = 10;
const MAX_LINK_SPEED = 1_000_000_000;
const MIN_FRAME_BYTES = 16_384;
const MAX_FRAME_BYTES = 1_000_000;
/** Longest time that a timer option takes: a day for answers; for outcomes what a timer of the runtime holds. */
const MAX_TIMEOUT_MS = 86_400_000;
const MAX_OUTCOME_WAIT_MS = 23 * 86_400_000;
const MAX_REPEAT_WINDOW_MS = 365 * 86_400_000;

/** Turns what the user wrote into what a bridge needs, filling in defaults and refusing contradictions. */
export async function resolveBridgeOptions(
  settings: Settings,
  {
    channels = readChannels(settings),
    line = { isLine: false },
    dialect: ready,
  }: {
    readonly channels?: ReadonlyMap<ChannelName, Endpoint>;
    readonly line?: LineFacts;
    /** It is set up already. */
    readonly dialect?: Dialect | undefined;
  } = {},
): Promise<BridgeOptions> {
  const dialect = ready ?? (await setUpDialect(settings, channels));
  refuseUnknownIdentities(settings, channels, dialect);
  const name = settings.read(
    'name',
    'a name of 1 to 64 letters, digits, dots, dashes or underscores',
    (text) => (/^[A-Za-z0-9._-]{1,64}$/.test(text) ? text : undefined),
  );
  const identity = settings.read(
    'identity',
    'a list of member names such as receipt_id,sequence_id',
    (text) => {
      const fields = text.split(',').map((field) => field.trim());
      return fields.includes('') || new Set(fields).size < fields.length ? undefined : fields;
    },
  );
  const maxFrameBytes =
    readInteger(settings, 'max-frame', MIN_FRAME_BYTES, MAX_FRAME_BYTES) ?? MAX_FRAME_BYTES;
  const lock = settings.read('lock', 'a path or none', pathIn);
  const register = settings.read('register', REGISTER_FORM, registerIn);
  const linkSpeed = readLinkSpeed(settings) ?? line.bytesPerS;
  const drainMs = readDrainMs(settings);
  const routes = settings.list('route').map((text) => readRoute(settings, text));
  const router = new Router(new Map(), routes, dialect.routes);
  refuseOneWay(settings, channels, router, dialect);
  refuseSharedJournal(settings, channels, router, dialect);
  return {
    dialect,
    channels,
    routes,
    timeoutMs: readTimeouts(settings, dialect.timeoutMs),
    outcomeWaitMs: readDurationMs(settings, 'outcome-wait', MAX_OUTCOME_WAIT_MS),
    ...(drainMs !== undefined && { drainMs }),
    ...(settings.text('not-found-after') !== undefined && {
      notFoundAfterMs: readDurationMs(settings, 'not-found-after', MAX_TIMEOUT_MS),
    }),
    outcomeCodes: new Set(readOutcomeCodes(settings)),
    carried: await readCarried(settings, dialect),
    repeatWindowMs: readDurationMs(settings, 'repeat-window', MAX_REPEAT_WINDOW_MS),
    protocol: {
      maxFrameBytes,
      keepalive: readKeepalive(settings),
      sync: settings.flag('sync') ?? line.isLine,
    },
    ...(linkSpeed !== undefined && Number.isFinite(linkSpeed) && { linkSpeed }),
    ...(name !== undefined && { name }),
    ...(identity !== undefined && { identity }),
    ...(lock !== undefined && { lock }),
    ...(register !== undefined && { register }),
  };
}

/** The dialect that was chosen. */
export function readDialect(settings: Settings): DialectRow {
  const name = settings.text('dialect') ?? 'jsonpos';
  const row = findDialect(name);
  if (row !== undefined) return row;
  const names = DIALECTS.map((dialect) => dialect.name).join(', ');
  throw settings.fault('dialect', `there is no dialect ${quoteText(name, 64)}; there is ${names}`);
}

/** Loads the dialect that was chosen, with the options that are its own; those of others are refused. */
async function setUpDialect(
  settings: Settings,
  channels: ReadonlyMap<ChannelName, Endpoint>,
): Promise<Dialect> {
  const row = readDialect(settings);
  const { name } = row;
  if (settings.command === 'terminal' && !row.roles.includes('simulates')) {
    const others = DIALECTS.filter(({ roles }) => roles.includes('simulates')).map((one) => one.name);
    const why = `the simulated terminal does not answer in ${name} itself, but in ${others.join(', ')}`;
    throw settings.fault('dialect', `${why}; leave it out, and put a bridge in front of it`);
  }
  if (settings.command !== 'bridge' && !row.roles.includes('listens')) {
    throw settings.fault('dialect', `${name} connects and does not listen: use posbridge --wire`);
  }
  const foreign = DIALECTS.filter((other) => other !== row).flatMap(({ options }) =>
    options.map((option) => option.name),
  );
  const own = row.options.map((option) => option.name);
  for (const option of [...row.lacks, ...foreign.filter((other) => !own.includes(other))]) {
    settings.refuseIdle(option as OptionName, `--dialect ${name} has no such thing`);
  }
  return row.setUp({
    text: (option) => settings.text(option as OptionName),
    flag: (option) => settings.flag(option as OptionName) === true,
    isSimulated: channels.get('payment')?.kind === 'simulator',
    environment: (variable) => process.env[variable],
    fault: (option, why) => settings.fault(option as OptionName, why),
  });
}

/**
 * `{identity}` stands for whom a dialect speaks for; one that speaks for nobody in particular could never fill it in.
 */
function refuseUnknownIdentities(
  settings: Settings,
  channels: ReadonlyMap<ChannelName, Endpoint>,
  dialect: Dialect,
): void {
  if (dialect.identities !== undefined || (dialect.admit !== undefined && asksWhoKnocks(settings))) return;
  for (const [channel, endpoint] of channels) {
    if (!placeholdersOf(endpoint).includes('identity')) continue;
    const option = settings.isGiven(channel) ? channel : 'app';
    const where = dialect.admit === undefined ? `with --dialect ${dialect.name}` : 'without a WebSocket';
    const why = `${endpoint.text}: ${where} there is no {identity}; {connection} is unique`;
    throw settings.fault(option, why);
  }
}

/** Whether every peer has to say who it is before it is let in. */
function asksWhoKnocks(settings: Settings): boolean {
  if (settings.command !== 'serve') return settings.flag('websocket') === true;
  return settings.list('listen').every((text) => /^(?:ws|http)s?:/.test(text));
}

/** A transaction that nobody can ever answer would stay open for good: somewhere answers have to come back. */
function refuseOneWay(
  settings: Settings,
  channels: ReadonlyMap<ChannelName, Endpoint>,
  router: Router,
  { transactions }: Dialect,
): void {
  if ([...channels].some(([channel, endpoint]) => canRead(channel, endpoint))) return;
  for (const method of transactions.methods) {
    const wanted = router.channelOf(method);
    const channel = channels.has(wanted) && wanted !== 'device' ? wanted : 'payment';
    const endpoint = channels.get(channel);
    if (endpoint === undefined || endpoint.kind === 'null') continue;
    const why = `${endpoint.text} goes one way, and ${method} could never be answered`;
    const option = settings.isGiven(channel) ? channel : 'app';
    throw settings.fault(option, `${why}: add a way back, for instance --device fifo:PATH, or use unix:PATH`);
  }
}

/** A terminal for each peer, or for each connection, needs a journal of its own: numbers are unique in a journal. */
function refuseSharedJournal(
  settings: Settings,
  channels: ReadonlyMap<ChannelName, Endpoint>,
  router: Router,
  { transactions }: Dialect,
): void {
  const journal = settings.text('journal');
  if (journal === undefined || transactions.recovery === undefined) return;
  for (const method of transactions.methods) {
    const endpoint = channels.get(router.channelOf(method)) ?? channels.get('payment');
    if (endpoint === undefined) continue;
    const words = placeholdersOf(endpoint).filter((word) => word === 'peer' || word === 'connection');
    const missing = words.find((word) => !placeholdersIn(journal).includes(word));
    if (missing === undefined) continue;
    const why = `${endpoint.text} is another terminal for each {${missing}}, and each terminal needs a journal of its own`;
    throw settings.fault(
      'journal',
      `${journal}: ${why}: put {${missing}} into it, as in ${journal}${isNats(journal) ? '-' : '/'}{${missing}}`,
    );
  }
}

function canRead(channel: ChannelName, endpoint: Endpoint): boolean {
  if (endpoint.kind === 'fifo') return channel === 'device';
  if (endpoint.kind === 'fd') return !isInherited(endpoint.read) || accessOf(endpoint.read) !== 'write';
  return endpoint.kind !== 'null';
}

function readChannels(settings: Settings): Map<ChannelName, Endpoint> {
  const channels = new Map<ChannelName, Endpoint>();
  const app = readEndpoint(settings, 'app', 'channel');
  if (app?.kind === 'fifo') {
    throw settings.fault(
      'app',
      `${app.text} is a named pipe, and goes one way; give --ui, --payment, --storage and --device one each`,
    );
  }
  for (const channel of CHANNEL_NAMES) {
    const endpoint = readEndpoint(settings, channel, 'channel') ?? app;
    if (endpoint !== undefined) channels.set(channel, endpoint);
  }
  if (channels.size === 0) {
    throw new BridgeError(
      'USAGE',
      'no application: say where it is, for instance --app unix:/run/pay.sock, or --app simulator: to try things out',
    );
  }
  const device = channels.get('device');
  for (const [channel, endpoint] of channels) {
    if (channel !== 'device' && device?.kind === 'fifo' && endpoint.text === device.text) {
      throw settings.fault(
        'device',
        `${device.text} is read for device and cannot be written for ${channel} as well`,
      );
    }
  }
  return channels;
}

/** Undefined: not said. Infinity: off. */
export function readLinkSpeed(settings: Settings): number | undefined {
  const form = `off, or bytes a second, a whole number from ${MIN_LINK_SPEED} to ${MAX_LINK_SPEED}`;
  return settings.read('link-speed', form, (text) => {
    if (text === 'off') return Number.POSITIVE_INFINITY;
    if (!/^\d{1,10}$/.test(text)) return undefined;
    const speed = Number(text);
    return speed >= MIN_LINK_SPEED && speed <= MAX_LINK_SPEED ? speed : undefined;
  });
}

function readRoute(settings: Settings, text: string): Route {
  const [method, channel, ...rest] = text.split('=');
  if (
    method === undefined ||
    method === '' ||
    channel === undefined ||
    !isChannelName(channel) ||
    rest.length > 0
  ) {
    const form = `METHOD=CHANNEL, for instance Print*=ui (channels: ${CHANNEL_NAMES.join(', ')})`;
    throw settings.refused('route', text, form);
  }
  return { method, channel };
}

export function readTimeouts(settings: Settings, defaultMs = 60_000): (method: string) => number {
  let generalMs = defaultMs;
  const special: { method: string; ms: number }[] = [];
  for (const text of settings.list('timeout')) {
    const at = text.lastIndexOf('=');
    const ms = parseDurationMs(text.slice(at + 1), MAX_TIMEOUT_MS);
    if (ms === undefined || at === 0) {
      throw settings.refused(
        'timeout',
        text,
        'SECONDS or METHOD=SECONDS, at most a day, such as 30 or Test=600',
      );
    }
    if (at === -1) generalMs = ms;
    else special.unshift({ method: text.slice(0, at), ms });
  }
  return (method) => special.find((one) => matches(one.method, method))?.ms ?? generalMs;
}

/**
 * What a recovery request carries where the request for the transaction is not known any more: the key of an operator,
 * as JSON.
 */
async function readCarried(settings: Settings, dialect: Dialect): Promise<Record<string, string>> {
  const { carried = [] } = dialect.transactions;
  const isGiven = settings.isGiven('api-key-file');
  if (!isGiven && !process.env[SECRETS['api-key-file']]) return {};
  if (carried.length === 0) {
    settings.refuseIdle('api-key-file', `--dialect ${dialect.name} has no such thing`);
    return {};
  }
  const { readApiKey } = await import('./pos-secrets.ts');
  const key = JSON.stringify(await readApiKey(settings, process.env));
  return Object.fromEntries(carried.map((name) => [name, key]));
}

/** Codes that are declared to mean "not charged". */
export function readOutcomeCodes(settings: Settings): string[] {
  return settings.list('outcome').map((text) => {
    if (isDeclarable(text)) return text;
    throw settings.refused('outcome', text, 'a code that has no other meaning, such as PRINTER_FAILED');
  });
}

export function readKeepalive(settings: Settings): KeepaliveOptions | 'off' {
  const form = 'IDLE,BUSY,LIMIT in seconds, such as 30,5,20, or off';
  const keepalive = settings.read('keepalive', form, (text): KeepaliveOptions | 'off' | undefined => {
    if (text === 'off') return 'off';
    const parts = text.split(',').map((part) => parseDurationMs(part, MAX_TIMEOUT_MS));
    const [idleMs, busyMs, limitMs, ...rest] = parts;
    if (idleMs === undefined || busyMs === undefined || limitMs === undefined || rest.length > 0)
      return undefined;
    return { idleMs, busyMs, limitMs };
  });
  return keepalive ?? 'off';
}
