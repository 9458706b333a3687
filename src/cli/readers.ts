import { BridgeError } from '../base/errors.ts';
import type { Endpoint, EndpointUse } from '../endpoint/endpoint.ts';
import { type ListenPlace, parseListener } from '../endpoint/listener.ts';
import { parseEndpoint } from '../endpoint/parse.ts';
import { isAddress } from '../endpoint/syntax.ts';
import { checkTerminal } from '../pos/asking-end.ts';
import { PROXIES_FORM, TrustedProxies } from '../wire/trusted-proxies.ts';
import type { OptionName } from './options.ts';
import type { Settings } from './settings.ts';

/** An option that is an endpoint. */
export function readEndpoint(settings: Settings, name: OptionName, use: EndpointUse): Endpoint | undefined {
  const text = settings.text(name);
  if (text === undefined) return undefined;
  return parsed(settings, name, () => {
    const endpoint = parseEndpoint(text, use);
    if (endpoint.kind === 'terminal') checkTerminal(endpoint);
    return endpoint;
  });
}

/** Every listener that was asked for, in order. */
export function readListeners(settings: Settings): ListenPlace[] {
  return settings.list('listen').map((text) => parsed(settings, 'listen', () => parseListener(text)));
}

/** Whose connections begin with a header of the PROXY protocol; undefined: nobody's. */
export function readProxies(settings: Settings): TrustedProxies | undefined {
  return settings.read('proxy-protocol', PROXIES_FORM, TrustedProxies.parse);
}

function parsed<T>(settings: Settings, name: OptionName, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof BridgeError) throw settings.fault(name, cause.text, cause);
    throw cause;
  }
}

/**
 * An option that is a folder. An address is refused: it would become a folder of that name, and nobody would notice.
 */
export function readFolder(settings: Settings, name: OptionName): string | undefined {
  return settings.read(name, 'the path of a folder', pathIn);
}

/** Undefined for an empty text and for an address. */
export function pathIn(text: string): string | undefined {
  return text === '' || isAddress(text) ? undefined : text;
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
  const most = days === 0 ? `${limitMs / 60_000} minutes` : days === 1 ? 'a day' : `${days} days`;
  const form = `a time such as 900, 15m or 2h, at most ${most}`;
  return settings.read(name, form, (text) => parseDurationMs(text, limitMs)) ?? limitMs;
}

/** Whoever stops a service does not want to wait longer. */
const MAX_DRAIN_MS = 3_600_000;

/** How long transactions may go on when the process is told to stop, where somebody has said it. */
export function readDrainMs(settings: Settings): number | undefined {
  return settings.isGiven('drain') ? readDurationMs(settings, 'drain', MAX_DRAIN_MS) : undefined;
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
