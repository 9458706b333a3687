import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAmount, writeAmount } from '../../../src/dialect/nexo/amount.ts';
import { NexoCodec } from '../../../src/dialect/nexo/codec.ts';
import type { Keys } from '../../../src/dialect/nexo/keys.ts';
import { readPayment, writePayment } from '../../../src/dialect/nexo/purchase.ts';
import { encodeLengthPrefixed, LengthPrefixedDecoder } from '../../../src/frame/length-prefixed.ts';
import { type Json, JsonNumber, type JsonObject, writeTree } from '../../../src/rpc/json-tree.ts';
import { headerOf } from './kit.ts';

const BLOB: Keys = { kind: 'nexo-blob', key: { passphrase: 'p@ss', keyIdentifier: 'k', keyVersion: 1 } };
const KEK = Buffer.from('44DACB2A22A4A752ADC1BBFFE6CEFB589451E0FFD83F8B21', 'hex');
const MAC: Keys = { kind: 'mac', key: { kek: KEK, keyIdentifier: 'k', keyVersion: '1' } };
const CODECS = [
  ['in the clear', undefined],
  ['encrypted', BLOB],
  ['with a MAC', MAC],
] as const;

const codecWith = (keys: Keys | undefined) =>
  new NexoCodec({ isWrapped: true, ...(keys !== undefined && { keys }) });

/** Numbers as somebody may write them: their digits have to survive. */
const number = fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/).map(asNumber);
const { object } = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.string({ unit: 'binary' }),
    number,
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.string(), tie('value'), { maxKeys: 5, noNullPrototype: false }),
}));
const message = fc.record({
  header: fc.constantFrom('Payment', 'Reversal', 'Login').map((category) => headerOf(category, 'A1')),
  body: object,
  isWrapped: fc.boolean(),
});

interface Written {
  readonly header: ReturnType<typeof headerOf>;
  readonly body: JsonObject;
  readonly isWrapped: boolean;
}

function asNumber(text: string): JsonNumber {
  return new JsonNumber(text);
}

function written({ header, body, isWrapped }: Written, codec: NexoCodec): Buffer {
  return codec.encode({ header, name: `${header.MessageCategory}Request`, body }, isWrapped);
}

describe.each(CODECS)('any message %s', (_, keys) => {
  const codec = codecWith(keys);

  test('is read as it was written, digits and all', () => {
    fc.assert(
      fc.property(message, (one) => {
        const read = codec.decode(written(one, codec));
        if (!read.ok) throw new Error(read.why);
        expect(writeTree(read.message.body)).toBe(writeTree(one.body));
        expect(read.message.header.raw).toEqual(one.header);
        expect(read.message.isWrapped).toBe(one.isWrapped);
      }),
      { numRuns: 150 },
    );
  });

  test('with one bit of it changed is refused, or is the same message', () => {
    if (keys === undefined) return;
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(7), (one, at, bit) => {
        const bytes = written(one, codec);
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 << bit);
        const read = codecWith(keys).decode(bytes);
        if (!read.ok) return;
        expect(writeTree(read.message.body)).toBe(writeTree(one.body));
        expect(read.message.header.raw).toEqual(one.header);
      }),
      { numRuns: 300 },
    );
  });
});

describe('frames', () => {
  test('of any messages are the same, whatever pieces they come in', () => {
    const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 });
    fc.assert(
      fc.property(payloads, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sent, sizes) => {
        const stream = Buffer.concat(sent.map((payload) => encodeLengthPrefixed(Buffer.from(payload))));
        const decoder = new LengthPrefixedDecoder({ maxMessageBytes: 1000 });
        const got: string[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          decoder.push(stream.subarray(at, at + size), {
            message: (bytes) => got.push(bytes.toString('hex')),
            rejected: (why) => got.push(why),
          });
          at += size;
        }
        expect(got).toEqual(sent.map((payload) => Buffer.from(payload).toString('hex')));
      }),
      { numRuns: 150 },
    );
  });
});

describe('amounts', () => {
  const currency = fc.constantFrom('EUR', 'JPY', 'KWD', 'CLF', 'HUF', 'IQD');

  test('of every currency go out and come back, and no double has seen them', () => {
    fc.assert(
      fc.property(fc.nat(9_999_999), currency, (minor, code) => {
        const text = writeAmount(minor, code)?.text ?? '';
        expect(text).toMatch(/^\d+(\.\d*[1-9])?$/);
        expect(readAmount(new JsonNumber(text), code)).toEqual({ ok: true, minor });
        expect(readAmount(`00${text}`, code)).toEqual({ ok: true, minor });
      }),
      { numRuns: 1000 },
    );
  });

  test('of a payment that we ask for are those that we read when we are asked', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_999_999 }), currency, (amount, code) => {
        const params = { amount: new JsonNumber(amount), currency: code };
        const asked = writePayment('Purchase', params, { TransactionID: '1', TimeStamp: 't' });
        if (!asked.ok) throw new Error(asked.why);
        const raw = headerOf('Payment', '1');
        const header = {
          ...raw,
          MessageClass: 'Service',
          MessageType: 'Request',
          DeviceID: undefined,
          raw,
        } as const;
        const read = readPayment(header, asked.body);
        expect(read).toMatchObject({
          ok: true,
          params: { amount: { text: String(amount) }, currency: code },
        });
      }),
      { numRuns: 200 },
    );
  });
});
