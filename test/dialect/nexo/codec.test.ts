import { execFileSync } from 'node:child_process';
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { NexoCodec, REPLAYED } from '../../../src/dialect/nexo/codec.ts';
import type { Keys } from '../../../src/dialect/nexo/keys.ts';
import { readKeys } from '../../../src/dialect/nexo/keys.ts';
import { textAt } from '../../../src/rpc/json-tree.ts';

const HEADER = {
  ProtocolVersion: '3.0',
  MessageClass: 'Service',
  MessageCategory: 'Payment',
  MessageType: 'Request',
  ServiceID: '1',
  SaleID: 'POS1',
  POIID: 'V400m-1',
};
const PAYMENT = { header: HEADER, name: 'PaymentRequest', body: { SaleData: { OperatorLanguage: 'fi' } } };
const BLOB: Keys = { kind: 'nexo-blob', key: { passphrase: 'p@ss', keyIdentifier: 'mykey', keyVersion: 1 } };
const KEK = '0123456789ABCDEFFEDCBA98765432101122334455667788';
const MAC: Keys = {
  kind: 'mac',
  key: { kek: Buffer.from(KEK, 'hex'), keyIdentifier: 'SpecV2TestMACKey', keyVersion: '20191122164326.594' },
};

const plain = () => new NexoCodec({ isWrapped: true });
const sealing = (keys: Keys) => new NexoCodec({ isWrapped: true, keys });
const decode = (codec: NexoCodec, text: string | Buffer) => codec.decode(Buffer.from(text));

/** Every string that differs in one character of a member's value. */
function spoilt(text: string, member: string): string[] {
  const [, before = '', value = '', after = ''] =
    new RegExp(`^(.*"${member}":")([^"]*)(".*)$`).exec(text) ?? [];
  return [...value].flatMap((letter, at) => {
    const other = letter === 'A' ? 'B' : 'A';
    const changed = value.slice(0, at) + other + value.slice(at + 1);
    const isSameBytes = Buffer.from(changed, 'base64').equals(Buffer.from(value, 'base64'));
    return letter === '=' || isSameBytes ? [] : [before + changed + after];
  });
}

describe('the envelope', () => {
  test('is written with its wrapper, the header first', () => {
    expect(plain().encode(PAYMENT).toString()).toBe(
      '{"SaleToPOIRequest":{"MessageHeader":{"ProtocolVersion":"3.0","MessageClass":"Service","MessageCategory":"Payment",' +
        '"MessageType":"Request","ServiceID":"1","SaleID":"POS1","POIID":"V400m-1"},' +
        '"PaymentRequest":{"SaleData":{"OperatorLanguage":"fi"}}}}',
    );
  });

  test('is read with and without the wrapper', () => {
    for (const isWrapped of [true, false]) {
      const read = decode(plain(), plain().encode(PAYMENT, isWrapped));
      expect(read).toMatchObject({ ok: true, message: { name: 'PaymentRequest', isWrapped } });
    }
  });

  test('enumerations are read in any case, and unknown members are ignored', () => {
    const header = {
      ...HEADER,
      MessageClass: 'SERVICE',
      MessageCategory: 'PAYMENT',
      MessageType: 'REQUEST',
      X: 1,
    };
    const read = decode(plain(), JSON.stringify({ MessageHeader: header, PaymentRequest: {}, Else: [1] }));
    expect(read).toMatchObject({
      ok: true,
      message: { header: { MessageClass: 'Service', MessageCategory: 'Payment', MessageType: 'Request' } },
    });
  });

  test('identifiers longer than ten characters are read', () => {
    const text = JSON.stringify({
      SaleToPOIRequest: { MessageHeader: { ...HEADER, ServiceID: '29235-status' }, PaymentRequest: {} },
    });
    expect(decode(plain(), text)).toMatchObject({
      ok: true,
      message: { header: { ServiceID: '29235-status' } },
    });
  });

  test.each([
    ['no JSON', '{"SaleToPOIRequest"'],
    ['no object', '[]'],
    ['no header', '{"SaleToPOIRequest":{"PaymentRequest":{}}}'],
    ['no envelope', '{"PaymentRequest":{}}'],
    [
      'both envelopes',
      JSON.stringify({ SaleToPOIRequest: { MessageHeader: HEADER }, SaleToPOIResponse: {} }),
    ],
    [
      'a response in the envelope of a request',
      wrapped({ ...HEADER, MessageType: 'Response' }, 'PaymentResponse'),
    ],
    ['a body of another name', wrapped(HEADER, 'LoginRequest')],
    ['no ServiceID', wrapped({ ...HEADER, ServiceID: undefined })],
    ['an empty POIID', wrapped({ ...HEADER, POIID: '' })],
    ['a SaleID that is too long', wrapped({ ...HEADER, SaleID: 'x'.repeat(129) })],
    ['a class that nobody knows', wrapped({ ...HEADER, MessageClass: 'Servant' })],
    [
      'a member twice',
      `{"SaleToPOIRequest":{"MessageHeader":${JSON.stringify(HEADER)},"PaymentRequest":{"a":1,"a":2}}}`,
    ],
    ['a depth that nobody means', `{"SaleToPOIRequest":${'{"a":'.repeat(200)}1${'}'.repeat(200)}}`],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
  ])('%s is a fault', (_, text) => {
    expect(decode(plain(), text).ok).toBe(false);
  });
});

function wrapped(header: object, body = 'PaymentRequest'): string {
  return JSON.stringify({ SaleToPOIRequest: { MessageHeader: header, [body]: {} } });
}

describe('NexoBlob', () => {
  test('goes both ways, and hides the body', () => {
    const text = sealing(BLOB).encode(PAYMENT);
    expect(text.toString()).not.toContain('OperatorLanguage');
    const read = decode(sealing(BLOB), text);
    expect(read.ok && textAt(read.message.body, 'SaleData', 'OperatorLanguage')).toBe('fi');
  });

  test("is what the vendor's library writes and reads", () => {
    const { default: NexoCrypto } = createRequire(import.meta.url)(
      '@adyen/api-library/lib/src/security/nexoCrypto.js',
    );
    const key = { Passphrase: 'p@ss', KeyIdentifier: 'mykey', KeyVersion: 1, AdyenCryptoVersion: 1 };
    const inner = plain().encode(PAYMENT).toString();
    const theirs = JSON.stringify({ SaleToPOIRequest: NexoCrypto.encrypt(HEADER, inner, key) });
    expect(decode(sealing(BLOB), theirs).ok).toBe(true);
    const ours = JSON.parse(sealing(BLOB).encode(PAYMENT).toString());
    expect(new NexoCrypto().decrypt(ours.SaleToPOIRequest, key)).toBe(inner);
  });

  test.each(['NexoBlob', 'Hmac', 'Nonce'])('one character of %s changed is refused', (member) => {
    const text = sealing(BLOB).encode(PAYMENT).toString();
    const codec = sealing(BLOB);
    const variants = spoilt(text, member);
    expect(variants.length).toBeGreaterThan(10);
    expect(variants.filter((variant) => decode(codec, variant).ok)).toEqual([]);
    expect(decode(codec, text).ok).toBe(true);
  });

  test('a header in the clear that differs from the one inside is refused', () => {
    const text = sealing(BLOB).encode(PAYMENT).toString();
    for (const [from, to] of [
      ['"ServiceID":"1"', '"ServiceID":"2"'],
      ['"POIID":"V400m-1"', '"POIID":"V400m-2"'],
      ['"SaleID":"POS1"', '"SaleID":"POS2"'],
      ['"MessageCategory":"Payment"', '"MessageCategory":"Reversal"'],
    ] as const) {
      expect(decode(sealing(BLOB), text.replace(from, to)).ok, to).toBe(false);
    }
  });

  test('the same nonce is taken once, however its base64 is spelt', () => {
    const codec = sealing(BLOB);
    const text = sealing(BLOB).encode(PAYMENT).toString();
    expect(decode(codec, text).ok).toBe(true);
    expect(decode(codec, text)).toMatchObject({ ok: false, why: REPLAYED });
    expect(decode(codec, text.replace('==","Hmac"', '","Hmac"'))).toMatchObject({ ok: false, why: REPLAYED });
  });

  test('another passphrase, key, version or nothing encrypted is refused', () => {
    const text = sealing(BLOB).encode(PAYMENT).toString();
    const others = [{ passphrase: 'other' }, { keyIdentifier: 'other' }, { keyVersion: 2 }];
    for (const other of others) {
      const keys: Keys = { kind: 'nexo-blob', key: { ...BLOB.key, ...other } as never };
      expect(decode(sealing(keys), text).ok).toBe(false);
    }
    expect(decode(sealing(BLOB), plain().encode(PAYMENT)).ok).toBe(false);
    expect(decode(plain(), text).ok).toBe(false);
  });
});

describe('the MAC', () => {
  const text = sealing(MAC).encode(PAYMENT).toString();
  const trailer = JSON.parse(text).SaleToPOIRequest.SecurityTrailer.AuthenticatedData.Recipient;

  test('is the last block of the encrypted hash, under the session key that the trailer carries', () => {
    const kek = Buffer.from(KEK, 'hex');
    const noIv = Buffer.alloc(8);
    const unwrap = createDecipheriv('des-ede3-cbc', kek, noIv).setAutoPadding(false);
    const session = unwrap.update(Buffer.from(trailer.KEK.EncryptedKey, 'hex'));
    const body = /("MessageHeader".*),"SecurityTrailer"/.exec(text)?.[1] ?? '';
    const hash = createHash('sha256').update(body).digest('hex');
    const padded = Buffer.from(`${hash}8000000000000000`, 'hex');
    const key = Buffer.concat([session, session.subarray(0, 8)]);
    const encrypted = execFileSync(
      'openssl',
      ['enc', '-des-ede3-cbc', '-K', key.toString('hex'), '-iv', '0'.repeat(16), '-nopad'],
      { input: padded },
    );
    expect(encrypted.subarray(-8).toString('hex').toUpperCase()).toBe(trailer.MAC);
    const rewrapped = createCipheriv('des-ede3-cbc', kek, noIv).setAutoPadding(false).update(session);
    expect(rewrapped.toString('hex').toUpperCase()).toBe(trailer.KEK.EncryptedKey);
  });

  test("the key in the vendor's published example unwraps to a DES key: every byte has odd parity", () => {
    // SecurityTrailer of DataMesh's public documentation; its test key is public as well. The message that belongs to
    // it is not.
    const example = Buffer.from('834EAB305DD18724B9ADF361FC698CE0', 'hex');
    const published = Buffer.from('44DACB2A22A4A752ADC1BBFFE6CEFB589451E0FFD83F8B21', 'hex');
    const key = createDecipheriv('des-ede3-cbc', published, Buffer.alloc(8))
      .setAutoPadding(false)
      .update(example);
    expect([...key].map((byte) => (byte.toString(2).split('1').length - 1) % 2)).toEqual(Array(16).fill(1));
  });

  test('the bytes of a session key have odd parity, and every message has its own', () => {
    const kek = Buffer.from(KEK, 'hex');
    const keys = Array.from({ length: 20 }, () => {
      const sealed = JSON.parse(sealing(MAC).encode(PAYMENT).toString()).SaleToPOIRequest.SecurityTrailer;
      const encrypted = Buffer.from(sealed.AuthenticatedData.Recipient.KEK.EncryptedKey, 'hex');
      return createDecipheriv('des-ede3-cbc', kek, Buffer.alloc(8)).setAutoPadding(false).update(encrypted);
    });
    const even = keys
      .flatMap((key) => [...key])
      .filter((byte) => byte.toString(2).split('1').length % 2 === 1);
    expect(even).toEqual([]);
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(20);
  });

  test('a message is taken with its MAC, and not with one bit of anything changed', () => {
    expect(decode(sealing(MAC), text).ok).toBe(true);
    expect(decode(sealing(MAC), text.replace('"fi"', '"fr"')).ok).toBe(false);
    expect(decode(sealing(MAC), text.replace('"ServiceID":"1"', '"ServiceID":"2"')).ok).toBe(false);
    for (let at = 0; at < 16; at += 1) {
      const digit = (Number.parseInt(trailer.MAC[at], 16) ^ 1).toString(16).toUpperCase();
      const mac = trailer.MAC.slice(0, at) + digit + trailer.MAC.slice(at + 1);
      expect(decode(sealing(MAC), text.replace(trailer.MAC, mac)).ok).toBe(false);
    }
    expect(decode(sealing(MAC), plain().encode(PAYMENT)).ok).toBe(false);
  });
});

describe('a file of keys', () => {
  test('is read for either protection', () => {
    const blob = JSON.stringify({ keyIdentifier: 'mykey', keyVersion: 1, passphrase: 'p@ss' });
    expect(readKeys(blob, 'nexo-blob')).toEqual({ ok: true, keys: BLOB });
    const mac = JSON.stringify({
      keyIdentifier: 'SpecV2TestMACKey',
      keyVersion: '20191122164326.594',
      kek: KEK,
    });
    expect(readKeys(mac, 'mac')).toEqual({ ok: true, keys: MAC });
  });

  test.each([
    '',
    '[',
    'null',
    '{}',
    '{"keyIdentifier":"a"}',
    '{"keyIdentifier":"a","kek":"12","keyVersion":"1"}',
  ])('%s is refused without a word of what is in it', (text) => {
    for (const security of ['nexo-blob', 'mac'] as const) expect(readKeys(text, security).ok).toBe(false);
  });
});
