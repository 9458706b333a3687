import { memberOf } from '../../base/member.ts';
import type { BlobKey } from './blob.ts';
import { isMacKey, type MacKey } from './mac.ts';

export type Keys =
  | { readonly kind: 'nexo-blob'; readonly key: BlobKey }
  | { readonly kind: 'mac'; readonly key: MacKey };

export type ReadKeys =
  | { readonly ok: true; readonly keys: Keys }
  | { readonly ok: false; readonly why: string };

/**
 * Reads a file of keys, JSON:
 *
 *   {"keyIdentifier": "mykey", "keyVersion": 1, "passphrase": "…"}                     Adyen
 *   {"keyIdentifier": "SpecV2TestMACKey", "keyVersion": "20191122164326.594", "kek": "hex"}   DataMesh
 *
 * Errors: none thrown; `why` quotes no value
 */
export function readKeys(text: string, security: 'nexo-blob' | 'mac'): ReadKeys {
  const file = parsed(text);
  if (file === undefined) return fault('it is no JSON object');
  const keyIdentifier = memberOf(file, 'keyIdentifier');
  if (typeof keyIdentifier !== 'string' || keyIdentifier === '')
    return fault('keyIdentifier is wanted, a string');
  const keyVersion = memberOf(file, 'keyVersion');
  if (security === 'nexo-blob') {
    const passphrase = memberOf(file, 'passphrase');
    if (typeof passphrase !== 'string' || passphrase === '') return fault('passphrase is wanted, a string');
    if (!Number.isSafeInteger(keyVersion)) return fault('keyVersion is wanted, a whole number');
    return {
      ok: true,
      keys: { kind: security, key: { keyIdentifier, keyVersion: Number(keyVersion), passphrase } },
    };
  }
  const kek = memberOf(file, 'kek');
  if (typeof kek !== 'string' || !isMacKey(kek)) return fault('kek is wanted, 32 or 48 hexadecimal digits');
  if (typeof keyVersion !== 'string' || keyVersion === '') return fault('keyVersion is wanted, a string');
  return {
    ok: true,
    keys: { kind: security, key: { keyIdentifier, keyVersion, kek: Buffer.from(kek, 'hex') } },
  };
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function fault(why: string): ReadKeys {
  return { ok: false, why };
}
