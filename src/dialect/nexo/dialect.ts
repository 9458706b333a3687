import type { Dialect } from '../dialect.ts';
import type { DialectSettings } from '../row.ts';
import { NexoAnswering, type PoiEnd } from './answering.ts';
import { NexoCodec } from './codec.ts';
import { readKeyFile, readVendor } from './end-settings.ts';
import { RegisterMemory } from './memory.ts';
import { routes, transactions } from './routes.ts';

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
