import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type JsonObject, textAt } from '../../rpc/json-tree.ts';
import type { OutgoingTexts } from './message.ts';

/** The key that DataMesh's host and a register share. */
export interface MacKey {
  /** 16 or 24 bytes. */
  readonly kek: Buffer;
  readonly keyIdentifier: string;
  readonly keyVersion: string;
}

const ALGORITHM = 'des-ede3-cbc';
const BLOCK_BYTES = 8;
const SESSION_KEY_BYTES = 16;
const NO_IV = Buffer.alloc(BLOCK_BYTES);
const RECIPIENT = ['AuthenticatedData', 'Recipient'] as const;

/**
 * DataMesh's `SecurityTrailer`: SHA-256 over header and body as they are written, then a CBC-MAC with a session key
 * that is new for every message and travels encrypted under the shared one.
 */
export class Mac {
  readonly #key: MacKey;

  constructor(key: MacKey) {
    this.#key = key;
  }

  trailerOf(texts: OutgoingTexts): JsonObject {
    const sessionKey = newSessionKey();
    const { kek, keyIdentifier, keyVersion } = this.#key;
    return {
      ContentType: 'id-ct-authData',
      AuthenticatedData: {
        Version: 'v0',
        Recipient: {
          KEK: {
            Version: 'v4',
            KEKIdentifier: { KeyIdentifier: keyIdentifier, KeyVersion: keyVersion },
            KeyEncryptionAlgorithm: { Algorithm: ALGORITHM },
            EncryptedKey: hex(encrypt(sessionKey, kek)),
          },
          MACAlgorithm: { Algorithm: 'id-retail-cbc-mac-sha-256' },
          EncapsulatedContent: { ContentType: 'id-data' },
          MAC: hex(macOf(texts, sessionKey)),
        },
      },
    };
  }

  /** What is wrong with a trailer, if anything. The texts are those of the message, byte for byte. */
  faultOf(trailer: JsonObject | undefined, texts: OutgoingTexts): string | undefined {
    if (trailer === undefined) return 'SecurityTrailer is missing';
    const encryptedKey = textAt(trailer, ...RECIPIENT, 'KEK', 'EncryptedKey') ?? '';
    const mac = textAt(trailer, ...RECIPIENT, 'MAC') ?? '';
    if (!HEX_KEY.test(encryptedKey)) return 'SecurityTrailer: EncryptedKey is no key';
    const sessionKey = decrypt(Buffer.from(encryptedKey, 'hex'), this.#key.kek);
    const expected = macOf(texts, sessionKey);
    const given = Buffer.from(HEX_MAC.test(mac) ? mac : '', 'hex');
    const isGenuine = given.length === expected.length && timingSafeEqual(given, expected);
    return isGenuine ? undefined : 'SecurityTrailer: the MAC does not match the message and the key';
  }
}

const HEX_KEY = /^(?:[0-9a-f]{32}|[0-9a-f]{48})$/i;
const HEX_MAC = /^[0-9a-f]{16}$/i;

/** Whether a text is a key for `MacKey.kek`: 32 or 48 hexadecimal digits. */
export function isMacKey(text: string): boolean {
  return HEX_KEY.test(text);
}

function macOf({ header, name, body }: OutgoingTexts, sessionKey: Buffer): Buffer {
  const hash = createHash('sha256').update(`"MessageHeader":${header},"${name}":${body}`).digest();
  const padded = Buffer.concat([hash, Buffer.from([0x80]), Buffer.alloc(BLOCK_BYTES - 1)]);
  return encrypt(padded, sessionKey).subarray(-BLOCK_BYTES);
}

/** Every byte with odd parity, as DES keys have it. */
function newSessionKey(): Buffer {
  const key = randomBytes(SESSION_KEY_BYTES);
  for (const [index, byte] of key.entries()) {
    const ones = (byte >> 1).toString(2).replaceAll('0', '').length;
    key[index] = (byte & 0xfe) | (ones % 2 === 0 ? 1 : 0);
  }
  return key;
}

function encrypt(plain: Buffer, key: Buffer): Buffer {
  const cipher = createCipheriv(ALGORITHM, tripled(key), NO_IV).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

function decrypt(encrypted: Buffer, key: Buffer): Buffer {
  const decipher = createDecipheriv(ALGORITHM, tripled(key), NO_IV).setAutoPadding(false);
  return Buffer.concat([decipher.update(encrypted), decipher.final()]);
}

/** A key of two parts uses the first one again as the third. */
function tripled(key: Buffer): Buffer {
  return key.length === SESSION_KEY_BYTES ? Buffer.concat([key, key.subarray(0, BLOCK_BYTES)]) : key;
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex').toUpperCase();
}
