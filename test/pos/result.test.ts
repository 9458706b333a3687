import { expect, test } from 'vitest';
import { readApproved } from '../../src/pos/result.ts';

const asked = { receiptId: '17', amountMinor: 1230, currency: 'EUR' };

test.each([
  ['{"amount":1230,"currency":"EUR"}', 'same'],
  ['{"amount":1230.0,"currency":"EUR"}', 'same'],
  ['{"amount":123e1,"currency":"EUR"}', 'same'],
  ['{"amount":"1230","currency":"EUR"}', 'same'],
  ['{"amount":"12.30","currency":"EUR"}', 'same'],
  ['{"amount":1230,"currency":"eur"}', 'same'],
  ['{"amount":1230,"currency":"978"}', 'same'],
  ['{"amount":1230,"currency":978}', 'same'],
  ['{"amount":1230}', 'unnamed'],
  ['{"amount":"12.30"}', 'unnamed'],
  ['{"currency":"EUR"}', 'unnamed'],
  ['{"amount":null,"currency":null}', 'unnamed'],
  ['{"amount":"","currency":"EUR"}', 'unnamed'],
  ['{"amount":1230,"currency":"Euro"}', 'unnamed'],
  ['{}', 'unnamed'],
  ['{"amount":1231,"currency":"EUR"}', 'other'],
  ['{"amount":500,"currency":"EUR"}', 'other'],
  ['{"amount":-1230,"currency":"EUR"}', 'other'],
  ['{"amount":"5.00","currency":"EUR"}', 'other'],
  ['{"amount":"5.00"}', 'other'],
  ['{"amount":"12.3","currency":"EUR"}', 'other'],
  ['{"amount":"12,30","currency":"EUR"}', 'other'],
  ['{"amount":12.3,"currency":"EUR"}', 'other'],
  ['{"amount":"twelve","currency":"EUR"}', 'other'],
  ['{"amount":{},"currency":"EUR"}', 'other'],
  ['{"amount":9007199254742221,"currency":"EUR"}', 'other'],
  ['{"amount":1230,"currency":"SEK"}', 'other'],
  ['{"amount":1230,"currency":"752"}', 'other'],
  ['{"amount":1230,"currency":8}', 'other'],
  ['{"currency":"USD"}', 'other'],
  ['{"amount":1230,"amount":500,"currency":"EUR"}', 'other'],
])('the money of a result %s, where 12.30 EUR were asked for, is %s', (text, money) => {
  expect(readApproved(text, asked).money).toBe(money);
});

test.each([
  ['{"amount":500,"currency":"EUR"}', 500, 'EUR'],
  ['{"amount":"5.00","currency":"eur"}', 500, 'EUR'],
  ['{"amount":"5.00","currency":"840"}', 500, 'USD'],
  ['{"amount":"5","currency":"JPY"}', 5, 'JPY'],
  ['{"amount":"5.00","currency":"JPY"}', undefined, 'JPY'],
  ['{"amount":"5.000","currency":"BHD"}', 5000, 'BHD'],
  ['{"amount":"5.00"}', 500, undefined],
  ['{"amount":true}', undefined, undefined],
])('a result %s names %j %j', (text, amountMinor, currency) => {
  expect(readApproved(text, asked)).toMatchObject({ amountMinor, currency });
});

test.each([
  ['{"receipt_id":17}', undefined],
  ['{"receipt_id":17.0}', undefined],
  ['{"receipt_id":"17"}', undefined],
  ['{"receipt_id":null}', undefined],
  ['{}', undefined],
  ['{"receipt_id":{}}', undefined],
  ['{"receipt_id":71}', '71'],
  ['{"receipt_id":"71"}', '71'],
])('a result %s for receipt 17 names the other receipt %j', (text, other) => {
  expect(readApproved(text, asked).otherReceiptId).toBe(other);
});

test('receipts of many digits stay apart', () => {
  const big = { ...asked, receiptId: '9007199254740993' };
  expect(readApproved('{"receipt_id":9007199254740993}', big).otherReceiptId).toBeUndefined();
  expect(readApproved('{"receipt_id":9007199254740992}', big).otherReceiptId).toBe('9007199254740992');
});

test('nothing differs from a sale of which nothing is known', () => {
  const unknown = { receiptId: '17', amountMinor: undefined, currency: undefined };
  expect(readApproved('{"amount":5,"currency":"EUR"}', unknown)).toMatchObject({
    money: 'same',
    amountMinor: 5,
  });
});
