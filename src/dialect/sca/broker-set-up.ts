import type { Dialect } from '../dialect.ts';
import type { DialectSettings } from '../row.ts';
import { Broker } from './broker.ts';
import { type LegacyPlace, readLegacyPlace } from './legacy.ts';

const HOST_TIMEOUT_S = 150;
const MAX_HOST_TIMEOUT_S = 3600;

/** The broker, with the options that the user gave. */
export async function setUpBroker(settings: DialectSettings): Promise<Dialect> {
  for (const option of ['currency', 'pinpad-id', 'terminal-state', 'assume', 'journal'])
    if (settings.text(option) !== undefined)
      throw settings.fault(
        option,
        'has no effect with --role broker: the terminals and applications have it',
      );
  const hostTimeoutS = readSeconds(settings);
  const broker = new Broker({
    omitsSubprotocol: settings.flag('no-subprotocol'),
    mendsHeaders: settings.flag('lenient-headers'),
    takesUnnamed: settings.flag('unnamed-terminals'),
    hostTimeoutMs: hostTimeoutS * 1000,
    legacy: readLegacy(settings),
    server: 'posbridge',
  });
  return broker.dialect;
}

function readLegacy(settings: DialectSettings): LegacyPlace[] {
  const text = settings.text('for');
  if (text === undefined) return [];
  return text.split(';').map((part) => {
    const place = readLegacyPlace(part.trim());
    if (place !== undefined) return place;
    throw settings.fault(
      'for',
      `"${part}": PINPAD=tcp:HOST:PRIMARY,SECONDARY is wanted, such as 1=tcp:127.0.0.1:5015,5016`,
    );
  });
}

function readSeconds(settings: DialectSettings): number {
  const text = settings.text('host-timeout');
  if (text === undefined) return HOST_TIMEOUT_S;
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > MAX_HOST_TIMEOUT_S)
    throw settings.fault('host-timeout', `seconds from 1 to ${MAX_HOST_TIMEOUT_S} are wanted`);
  return seconds;
}
