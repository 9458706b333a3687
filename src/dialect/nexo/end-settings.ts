import { readFile } from 'node:fs/promises';
import { describeFault } from '../../base/errors.ts';
import { textOfFile } from '../../base/text-file.ts';
import { type Keys, readKeys } from './keys.ts';
import { VENDORS, type Vendor } from './vendors.ts';

/** Options that both ends have. */
export interface EndSettings {
  text(option: string): string | undefined;
  fault(option: string, why: string): Error;
}

export function readVendor(settings: EndSettings): Vendor {
  const name = settings.text('vendor') ?? 'plain';
  const vendor = VENDORS.get(name);
  if (vendor !== undefined) return vendor;
  throw settings.fault('vendor', `there is ${[...VENDORS.keys()].join(', ')}`);
}

/** The keys that messages are protected by, where there are any. */
export async function readKeyFile(settings: EndSettings, { security }: Vendor): Promise<Keys | undefined> {
  const path = settings.text('keys');
  if (path === undefined) return undefined;
  if (security === 'none')
    throw settings.fault('keys', 'this vendor has no keys: choose the vendor adyen or datamesh');
  const bytes = await readFile(path).catch((fault) => {
    throw settings.fault('keys', `${path} cannot be read: ${describeFault(fault)}`);
  });
  const read = readKeys(textOfFile(bytes), security);
  if (!read.ok) throw settings.fault('keys', `${path}: ${read.why}`);
  return read.keys;
}
