import { describe, expect, test } from 'vitest';
import { storable } from '../../src/rpc/storable.ts';

const PAN = '4111111111111111';
const MASKED = '************1111';

describe('what goes into a store', () => {
  test.each([
    [
      'track data in a member',
      `{"amount":1,"t2":";${PAN}=25121010000012345678?"}`,
      `{"amount":1,"t2":";${MASKED}=***?"}`,
    ],
    [
      'JSON in a string',
      JSON.stringify({ raw: JSON.stringify({ track2: `${PAN}=2512`, cvv: '123', pin: '1234' }) }),
      JSON.stringify({ raw: '{"track2":"***","cvv":"***","pin":"***"}' }),
    ],
    [
      'printed lines',
      JSON.stringify({
        merchant_receipt: ['Shop', `TRACK2 ${PAN}=25121010000012345678`, 'PIN: 1234', 'PIN 1234', 'CVV 123'],
      }),
      JSON.stringify({
        merchant_receipt: ['Shop', `TRACK2 ${MASKED}=***`, 'PIN: ***', 'PIN ***', 'CVV ***'],
      }),
    ],
    [
      'card.number',
      `{"card":{"number":"${PAN}","scheme":"VISA"}}`,
      `{"card":{"number":"${MASKED}","scheme":"VISA"}}`,
    ],
    ['members that are never stored', `{"a": 1,"b":[{"cvv":"123","c":2}]}`, '{"a":1,"b":[{"c":2}]}'],
    [
      'a number split over elements',
      '{"n":["4111","1111","1111","1111"]}',
      '{"n":["***","***","***","***"]}',
    ],
    [
      'passwords and keys',
      '{"api_key":"hunter2-key","text":"password=hush"}',
      '{"api_key":"***","text":"password=***"}',
    ],
  ])('loses %s', (_, text, kept) => {
    expect(storable(text)).toBe(kept);
  });

  test('keeps an answer without secrets byte for byte', () => {
    const text =
      '{ "receipt_id":"4000123400000008","amount" : 1.10e2,\n"masked_card_number":"************1111", "card_number":"411111******1111",' +
      '"transaction_id":"20261130131500057","trace_number":"000123","authorization_code":"A12345","timestamp":"2026-11-30T13:15:00Z",' +
      '"merchant_receipt":["AID: A0000000031010","TVR 0000008000","\\u00c4\\/"],"customer_receipt":{"text":"AUTH 123456\\nTOTAL 12,30"}}';
    expect(storable(text)).toBe(text);
  });
});
