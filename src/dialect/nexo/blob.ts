import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  pbkdf2Sync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { JsonNumber, type JsonObject, memberAt, textAt } from '../../rpc/json-tree.ts';

/** What both ends of Adyen's local encryption know. */
export interface BlobKey {
  readonly passphrase: string;
  readonly keyIdentifier: string;
  readonly keyVersion: number;
}

const SALT = 'AdyenNexoV1Salt';
const ROUNDS = 4000;
const HMAC_KEY_BYTES = 32;
const AES_KEY_BYTES = 32;
const IV_BYTES = 16;
const CRYPTO_VERSION = 1;

export type Opened =
  | { readonly ok: true; readonly text: Buffer }
  | { readonly ok: false; readonly why: string };

/**
 * Adyen's local encryption: AES-256-CBC, and an HMAC-SHA256 over the plain text. The keys are derived once, which takes
 * some milliseconds.
 */
export class BlobCipher {
  readonly #key: BlobKey;
  readonly #hmacKey: Buffer;
  readonly #aesKey: Buffer;
  readonly #iv: Buffer;

  constructor(key: BlobKey) {
    const material = pbkdf2Sync(
      Buffer.from(key.passphrase, 'latin1'),
      SALT,
      ROUNDS,
      HMAC_KEY_BYTES + AES_KEY_BYTES + IV_BYTES,
      'sha1',
    );
    this.#key = key;
    this.#hmacKey = material.subarray(0, HMAC_KEY_BYTES);
    this.#aesKey = material.subarray(HMAC_KEY_BYTES, HMAC_KEY_BYTES + AES_KEY_BYTES);
    this.#iv = material.subarray(HMAC_KEY_BYTES + AES_KEY_BYTES);
  }

  seal(plain: Buffer): { readonly blob: string; readonly trailer: JsonObject } {
    const nonce = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-cbc', this.#aesKey, this.#ivOf(nonce));
    const { keyIdentifier, keyVersion } = this.#key;
    return {
      blob: Buffer.concat([cipher.update(plain), cipher.final()]).toString('base64'),
      trailer: {
        AdyenCryptoVersion: new JsonNumber(CRYPTO_VERSION),
        KeyIdentifier: keyIdentifier,
        KeyVersion: new JsonNumber(keyVersion),
        Nonce: nonce.toString('base64'),
        Hmac: this.#hmacOf(plain).toString('base64'),
      },
    };
  }

  open(blob: string, trailer: JsonObject): Opened {
    const fault = this.#faultOf(trailer);
    if (fault !== undefined) return { ok: false, why: fault };
    const nonce = Buffer.from(textAt(trailer, 'Nonce') ?? '', 'base64');
    const hmac = Buffer.from(textAt(trailer, 'Hmac') ?? '', 'base64');
    if (nonce.length !== IV_BYTES)
      return { ok: false, why: `SecurityTrailer.Nonce is not ${IV_BYTES} bytes` };
    const plain = this.#decrypt(Buffer.from(blob, 'base64'), nonce);
    // One answer for both, so that nobody learns from it which of them is wrong.
    const isGenuine = plain !== undefined && isSame(this.#hmacOf(plain), hmac);
    return isGenuine
      ? { ok: true, text: plain }
      : { ok: false, why: 'NexoBlob and SecurityTrailer do not match the key' };
  }

  #faultOf(trailer: JsonObject): string | undefined {
    const { keyIdentifier, keyVersion } = this.#key;
    if (numberOf(trailer, 'AdyenCryptoVersion') !== String(CRYPTO_VERSION))
      return `SecurityTrailer.AdyenCryptoVersion is not ${CRYPTO_VERSION}`;
    if (textAt(trailer, 'KeyIdentifier') !== keyIdentifier)
      return 'SecurityTrailer.KeyIdentifier names another key';
    return numberOf(trailer, 'KeyVersion') === String(keyVersion)
      ? undefined
      : 'SecurityTrailer.KeyVersion names another version of the key';
  }

  #decrypt(blob: Buffer, nonce: Buffer): Buffer | undefined {
    const decipher = createDecipheriv('aes-256-cbc', this.#aesKey, this.#ivOf(nonce));
    try {
      return Buffer.concat([decipher.update(blob), decipher.final()]);
    } catch {
      return undefined; // the padding is wrong
    }
  }

  #ivOf(nonce: Buffer): Buffer {
    return Buffer.from(this.#iv.map((byte, index) => byte ^ (nonce[index] ?? 0)));
  }

  #hmacOf(plain: Buffer): Buffer {
    return createHmac('sha256', this.#hmacKey).update(plain).digest();
  }
}

/** Some write these as numbers, some as strings. */
function numberOf(trailer: JsonObject, name: string): string | undefined {
  const value = memberAt(trailer, name);
  return value instanceof JsonNumber ? value.text : typeof value === 'string' ? value : undefined;
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
