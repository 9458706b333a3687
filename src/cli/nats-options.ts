import type { NatsAccess } from '../nats/access.ts';
import type { OptionName } from './options.ts';
import type { Settings } from './settings.ts';

const ACCESS = ['nats-creds', 'nats-ca', 'nats-cert', 'nats-key'] as const satisfies readonly OptionName[];
const PLACES = [
  'app',
  'ui',
  'payment',
  'storage',
  'device',
  'journal',
] as const satisfies readonly OptionName[];

/** How to sign in at NATS servers. Options without such a server are refused. */
export function readNatsAccess(settings: Settings): NatsAccess {
  const isUsed = settings.command === 'journal' || PLACES.some((name) => isNats(settings.text(name) ?? ''));
  const idle = isUsed ? undefined : ACCESS.find((name) => settings.isGiven(name));
  if (idle !== undefined) settings.refuseIdle(idle, 'it goes with an endpoint or a journal at nats:');
  const [credentials, ca, certificate, key] = ACCESS.map((name) => settings.text(name));
  if ((certificate === undefined) !== (key === undefined)) {
    throw settings.fault(
      certificate === undefined ? 'nats-key' : 'nats-cert',
      'wants its other half: --nats-cert FILE --nats-key FILE',
    );
  }
  return {
    ...(credentials !== undefined && { credentials }),
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
  };
}

/** Whether an address, or the place of a journal, is on NATS servers. */
export function isNats(place: string): boolean {
  return place.startsWith('nats:');
}
