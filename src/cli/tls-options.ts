import { BridgeError } from '../base/errors.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { TlsFiles } from '../wire/tls.ts';
import type { OptionName } from './options.ts';
import type { Settings } from './settings.ts';

interface TlsOptionNames {
  readonly cert: OptionName;
  readonly key: OptionName;
  readonly ca: OptionName;
  /** Nobody connects without our certificate. */
  readonly isNeeded: boolean;
  /** What the options are about. */
  readonly about: string;
}

const SIDES = {
  client: {
    cert: 'tls-cert',
    key: 'tls-key',
    ca: 'tls-ca',
    isNeeded: false,
    about: 'a wss: or https: endpoint',
  },
  server: {
    cert: 'tls-cert',
    key: 'tls-key',
    ca: 'tls-client-ca',
    isNeeded: true,
    about: 'a wss: or https: endpoint',
  },
  /** A terminal behind a listener, which has a certificate of its own. */
  terminal: {
    cert: 'terminal-cert',
    key: 'terminal-key',
    ca: 'tls-ca',
    isNeeded: false,
    about: 'a terminal at wss: or https:, as in --app DIALECT+wss://HOST/PATH',
  },
} as const satisfies Record<string, TlsOptionNames>;

type Side = keyof typeof SIDES;

/** The files for a terminal at `wss:` or `https:`. A listener's own certificate is not shown to it. */
export async function readTerminalTls(settings: Settings, place: Endpoint): Promise<TlsFiles | undefined> {
  const side = settings.command === 'serve' || settings.command === 'api' ? 'terminal' : 'client';
  // With several channels it is nobody's fault that this one is not secure.
  return isSecure(place) ? readTls(settings, side, place) : undefined;
}

/**
 * The files for `wss:` and `https:`, looked into once: what is wrong with them is said at the start. Undefined for any
 * other endpoint.
 */
export async function readTls(
  settings: Settings,
  side: Side,
  ...endpoints: readonly (Endpoint | undefined)[]
): Promise<TlsFiles | undefined> {
  const { cert, key, ca, isNeeded, about } = SIDES[side];
  const endpoint = endpoints.find(isSecure);
  if (endpoint === undefined) {
    const idle = [cert, key, ca].find((name) => settings.isGiven(name));
    if (idle !== undefined) throw settings.fault(idle, `goes with ${about}`);
    return undefined;
  }
  const files = { cert: settings.text(cert), key: settings.text(key), ca: settings.text(ca) };
  const isHalf = (files.cert === undefined) !== (files.key === undefined);
  if (isHalf || (isNeeded && files.cert === undefined)) {
    const missing = files.cert === undefined ? cert : key;
    const text = `${endpoint.text}: it wants a certificate and its key: --${cert} FILE --${key} FILE; --${missing} is missing`;
    throw new BridgeError('USAGE', text);
  }
  const { readTlsFiles } = await import('../wire/tls.ts');
  readTlsFiles(files);
  return files;
}

/** A terminal is where its wire is. */
export function isSecure(endpoint: Endpoint | undefined): boolean {
  if (endpoint?.kind === 'terminal') return isSecure(endpoint.place);
  return endpoint !== undefined && 'secure' in endpoint && endpoint.secure;
}
