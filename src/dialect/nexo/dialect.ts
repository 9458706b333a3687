import { readFile } from 'node:fs/promises';
import { describeFault } from '../../base/errors.ts';
import { textOfFile } from '../../base/text-file.ts';
import type { Dialect } from '../dialect.ts';
import type { DialectSettings } from '../row.ts';
import { NexoAnswering, type PoiEnd } from './answering.ts';
import { NexoCodec } from './codec.ts';
import { type Keys, readKeys } from './keys.ts';
import { RegisterMemory } from './memory.ts';
import { routes, transactions } from './routes.ts';
import { VENDORS, type Vendor } from './vendors.ts';

/** nexo Retailer, the terminal's end: a register (Sale System) on the wire, payment programs behind the channels. */
export async function setUp(settings: DialectSettings): Promise<Dialect> {
  const vendor = readVendor(settings);
  const keys = await readKeyFile(settings, vendor);
  return poiDialect({
    vendor,
    codec: new NexoCodec({ isWrapped: vendor.isWrapped, ...(keys !== undefined && { keys }) }),
    memory: new RegisterMemory(settings.text('poi-id')),
    requiresLogin: settings.flag('require-login'),
  });
}

export function poiDialect(end: PoiEnd): Dialect {
  return {
    name: 'nexo',
    routes,
    transactions,
    webSocket: { subprotocol: undefined, isBinary: true },
    http: {},
    converse: (host, framing, options) => new NexoAnswering(host, framing, options, end),
  };
}

interface KeySettings {
  text(option: string): string | undefined;
  fault(option: string, why: string): Error;
}

export function readVendor(settings: KeySettings): Vendor {
  const name = settings.text('vendor') ?? 'plain';
  const vendor = VENDORS.get(name);
  if (vendor !== undefined) return vendor;
  throw settings.fault('vendor', `there is ${[...VENDORS.keys()].join(', ')}`);
}

export async function readKeyFile(settings: KeySettings, { security }: Vendor): Promise<Keys | undefined> {
  const path = settings.text('keys');
  if (path === undefined) return undefined;
  if (security === 'none')
    throw settings.fault('keys', 'this vendor has no keys: choose --vendor adyen or datamesh');
  const bytes = await readFile(path).catch((fault) => {
    throw settings.fault('keys', `${path} cannot be read: ${describeFault(fault)}`);
  });
  const read = readKeys(textOfFile(bytes), security);
  if (!read.ok) throw settings.fault('keys', `${path}: ${read.why}`);
  return read.keys;
}
