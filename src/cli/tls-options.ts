import { BridgeError } from '../base/errors.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { TlsFiles } from '../wire/tls.ts';
import type { OptionName } from './options.ts';
import type { Settings } from './settings.ts';

const NAMES = {
  client: ['tls-cert', 'tls-key', 'tls-ca'],
  server: ['tls-cert', 'tls-key', 'tls-client-ca'],
} as const satisfies Record<string, readonly OptionName[]>;

/** The files for a terminal at `wss:` or `https:`; as for the wire of a bridge, but a listener's own certificate is not shown to it. */
export async function readTerminalTls(settings: Settings, place: Endpoint): Promise<TlsFiles | undefined> {
  if (!isSecure(place)) return undefined;
  const isClient = settings.command !== 'serve' && settings.command !== 'gateway';
  if (isClient) return readTls(settings, 'client', place);
  const files = { cert: undefined, key: undefined, ca: settings.text('tls-ca') };
  const { readTlsFiles } = await import('../wire/tls.ts');
  readTlsFiles(files);
  return files;
}

/** The files for `wss:` and `https:`, looked into once: what is wrong with them is said at the start. Undefined for any other endpoint. */
export async function readTls(
  settings: Settings,
  side: 'client' | 'server',
  ...endpoints: readonly (Endpoint | undefined)[]
): Promise<TlsFiles | undefined> {
  const endpoint = endpoints.find(isSecure);
  if (endpoint === undefined) {
    const idle = NAMES[side].find((name) => settings.isGiven(name));
    if (idle !== undefined) throw settings.fault(idle, 'goes with a wss: or https: endpoint');
    return undefined;
  }
  const ca = side === 'server' ? 'tls-client-ca' : 'tls-ca';
  const files = { cert: settings.text('tls-cert'), key: settings.text('tls-key'), ca: settings.text(ca) };
  const isHalf = (files.cert === undefined) !== (files.key === undefined);
  if (isHalf || (side === 'server' && files.cert === undefined)) {
    const missing = files.cert === undefined ? 'tls-cert' : 'tls-key';
    const text = `${endpoint.text}: it wants a certificate and its key: --tls-cert FILE --tls-key FILE; --${missing} is missing`;
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
