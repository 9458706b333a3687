import { CHANNEL_NAMES, type ChannelName, isChannelName } from '../base/channel-name.ts';
import { BridgeError } from '../base/errors.ts';
import { quoteText } from '../base/printable.ts';
import type { BridgeOptions } from '../bridge/bridge.ts';
import { matches, type Route } from '../bridge/router.ts';
import type { Dialect, KeepaliveOptions } from '../dialect/dialect.ts';
import { DIALECT_NAMES, loadDialect } from '../dialect/registry.ts';
import type { Endpoint, EndpointUse } from '../endpoint/endpoint.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import type { OptionName } from './options.ts';
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

/** Options that belong to some dialects only. */
const DIALECT_OPTIONS: readonly OptionName[] = ['sites', 'push', 'standby'];

/** Turns what the user wrote into what a bridge needs, filling in defaults and refusing contradictions. */
export async function resolveBridgeOptions(
  settings: Settings,
  {
    channels = readChannels(settings),
    line = { isLine: false },
  }: { readonly channels?: ReadonlyMap<ChannelName, Endpoint>; readonly line?: LineFacts } = {},
): Promise<BridgeOptions> {
  const dialectName = settings.text('dialect') ?? 'jsonpos';
  const loaded = await loadDialect(dialectName);
  if (loaded === undefined) {
    throw settings.fault(
      'dialect',
      `there is no dialect ${quoteText(dialectName, 64)}; there is ${DIALECT_NAMES.join(', ')}`,
    );
  }
  const dialect = await configured(loaded, settings);
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
  const lock = settings.read('lock', 'a path or none', (text) => (text === '' ? undefined : text));
  const register = settings.read(
    'register',
    'a name of 1 to 64 letters, digits, dots, dashes, underscores or colons',
    (text) => (/^[A-Za-z0-9._:-]{1,64}$/.test(text) ? text : undefined),
  );
  const linkSpeed = readLinkSpeed(settings) ?? line.bytesPerS;
  return {
    dialect,
    channels,
    routes: settings.list('route').map((text) => readRoute(settings, text)),
    timeoutMs: readTimeouts(settings, dialect.timeoutMs),
    outcomeWaitMs: readDurationMs(settings, 'outcome-wait', MAX_OUTCOME_WAIT_MS),
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

/** Gives a dialect the options that are its own. */
async function configured(dialect: Dialect, settings: Settings): Promise<Dialect> {
  if (dialect.configure !== undefined) {
    if (settings.command !== 'bridge') {
      throw settings.fault('dialect', `${dialect.name} connects and does not listen: use posbridge --wire`);
    }
    return dialect.configure({
      text: (option) => settings.text(option as OptionName),
      environment: (name) => process.env[name],
      fault: (option, why) => settings.fault(option as OptionName, why),
    });
  }
  const strange = DIALECT_OPTIONS.find((option) => settings.isGiven(option));
  if (strange !== undefined) throw settings.fault(strange, `--dialect ${dialect.name} has no such thing`);
  return dialect;
}

/** An option that is an endpoint. */
export function readEndpoint(settings: Settings, name: OptionName, use: EndpointUse): Endpoint | undefined {
  const text = settings.text(name);
  if (text === undefined) return undefined;
  try {
    return parseEndpoint(text, use);
  } catch (cause) {
    if (cause instanceof BridgeError) throw settings.fault(name, cause.text, cause);
    throw cause;
  }
}

export function readInteger(
  settings: Settings,
  name: OptionName,
  min: number,
  max: number,
): number | undefined {
  return settings.read(name, `a whole number from ${min} to ${max}`, (text) => {
    if (!/^\d{1,15}$/.test(text)) return undefined;
    const number = Number(text);
    return number >= min && number <= max ? number : undefined;
  });
}

/** An option that is a time; where a command does not have it, as long as it may be. */
export function readDurationMs(settings: Settings, name: OptionName, limitMs: number): number {
  const days = Math.floor(limitMs / 86_400_000);
  const form = `a time such as 900, 15m or 2h, at most ${days === 1 ? 'a day' : `${days} days`}`;
  return settings.read(name, form, (text) => parseDurationMs(text, limitMs)) ?? limitMs;
}

/** `90`, `1.5`, `500ms`, `30s`, `15m`, `2h`, `30d`; a bare number is seconds. */
export function parseDurationMs(text: string, limitMs: number): number | undefined {
  const [, number, unit = 's'] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  if (number === undefined) return undefined;
  const ms = Math.round(
    Number(number) * ({ ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit] ?? 0),
  );
  return ms > 0 && ms <= limitMs ? ms : undefined;
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
