import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { AskingDialect, AskingSettings, TerminalCallbacks } from '../asking.ts';
import { CallbackWire } from './callback-wire.ts';
import { NexoCodec } from './codec.ts';
import { readKeyFile, readVendor } from './end-settings.ts';
import { transactions } from './routes.ts';
import { noMemory, type SaleEnd } from './sale-end.ts';
import { SaleRecords } from './sale-records.ts';
import { SaleSystem } from './sale-system.ts';
import { ServiceCounter } from './service-counter.ts';

/** Between attempts to connect that fail: from the first, doubled up to the last. */
const RETRY_MS = { first: 500, limit: 10_000 };
const DEFAULT_SALE_ID = 'posbridge';

/** nexo Retailer, the register's end: a terminal on the wire. */
export async function asks(settings: AskingSettings): Promise<AskingDialect> {
  const vendor = readVendor(settings);
  const poiId = settings.text('poi');
  if (poiId === undefined || poiId === '') {
    throw settings.fault('poi', "the terminal's POIID is wanted");
  }
  const keys = await readKeyFile(settings, vendor);
  const saleId = settings.text('sale') ?? settings.register ?? DEFAULT_SALE_ID;
  const folder = path.join(
    await settings.folder('its ServiceIDs and transactions'),
    encodeURIComponent(poiId),
  );
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const records = new SaleRecords(folder);
  await records.prune(Date.now());
  const end: SaleEnd = {
    vendor,
    codec: new NexoCodec({ isWrapped: vendor.isWrapped, ...(keys !== undefined && { keys }) }),
    saleId,
    poiId,
    counter: new ServiceCounter(folder),
    records,
    software: { version: '1.0.0', certificationCode: settings.text('certification'), language: 'en' },
    memory: noMemory(),
    callback: readCallback(settings),
  };
  return saleDialect(end);
}

function readCallback(settings: AskingSettings): SaleEnd['callback'] {
  const listen = settings.text('callback');
  const url = settings.text('callback-url');
  if (listen !== undefined) return { listen, url };
  if (url === undefined) return undefined;
  throw settings.fault('callback-url', 'goes with callback, where we listen');
}

export function saleDialect(end: SaleEnd): AskingDialect {
  const commonNames = end.vendor.commonNames?.map((name) => name.replace('{POIID}', end.poiId));
  return {
    name: 'nexo',
    transactions: { methods: transactions.methods, recovery: 'Check' },
    webSocket: { subprotocol: undefined, isBinary: true },
    http: {
      get headers(): Readonly<Record<string, string>> {
        const url = end.memory.callbackUrl;
        return url === undefined ? {} : { 'X-Callback-Url': url };
      },
      ...(commonNames !== undefined && {
        checkCertificate: ({ commonName }) => faultOfName(commonName, commonNames),
      }),
    },
    retryMs: (failures) =>
      failures === 0 ? 0 : Math.min(RETRY_MS.first * 2 ** (failures - 1), RETRY_MS.limit),
    ...(end.callback !== undefined && { callbacks: callbacksOf(end, end.callback) }),
    ask: (host, framing, options) => new SaleSystem(host, framing, options, end),
  };
}

function callbacksOf(end: SaleEnd, { listen, url }: NonNullable<SaleEnd['callback']>): TerminalCallbacks {
  return {
    listen,
    listening: (address) => {
      // Every address of this machine is none that a terminal could connect to.
      end.memory.callbackUrl = url ?? (/\/\/(?:0\.0\.0\.0|\[::\]):/.test(address) ? undefined : address);
    },
    hear: (host) => new CallbackWire(host, end),
  };
}

/** Such a certificate names the terminal, not the host. */
function faultOfName(commonName: string, wanted: readonly string[]): string | undefined {
  return wanted.includes(commonName)
    ? undefined
    : `the certificate is not one of this terminal, ${wanted[0]}`;
}
