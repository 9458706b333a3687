import { BridgeError } from '../base/errors.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { TlsFiles } from '../wire/tls.ts';
import type { OptionName } from './options.ts';
import type { Settings } from './settings.ts';

const NAMES = ['tls-cert', 'tls-key', 'tls-ca', 'tls-client-ca'] as const satisfies readonly OptionName[];

/** The files for `wss:`, looked into once: what is wrong with them is said at the start. Undefined for any other endpoint. */
export async function readTls(
  settings: Settings,
  side: 'client' | 'server',
  ...endpoints: readonly (Endpoint | undefined)[]
): Promise<TlsFiles | undefined> {
  const endpoint = endpoints.find((one) => one?.kind === 'ws' && one.secure);
  if (endpoint === undefined) {
    const idle = NAMES.find((name) => settings.isGiven(name));
    if (idle !== undefined) throw settings.fault(idle, 'goes with a wss: endpoint');
    return undefined;
  }
  const ca = side === 'server' ? 'tls-client-ca' : 'tls-ca';
  const files = { cert: settings.text('tls-cert'), key: settings.text('tls-key'), ca: settings.text(ca) };
  const isHalf = (files.cert === undefined) !== (files.key === undefined);
  if (isHalf || (side === 'server' && files.cert === undefined)) {
    const missing = files.cert === undefined ? 'tls-cert' : 'tls-key';
    const text = `${endpoint.text}: wss: wants a certificate and its key: --tls-cert FILE --tls-key FILE; --${missing} is missing`;
    throw new BridgeError('USAGE', text);
  }
  const { readTlsFiles } = await import('../wire/tls.ts');
  readTlsFiles(files);
  return files;
}
