import { expect, test } from 'vitest';
import { maskField, maskText, maskValue } from '../../../src/base/mask.ts';

/** Looks like a Visa number, check digit included. */
const ID = '4000123400000008';

test.each([
  'receipt_id',
  'receiptId',
  'receipt_number',
  'sequence_id',
  'register',
  'connection',
  'id',
  'transaction_id',
  'siteTransactionId',
  'original_receipt_id',
  'trace_number',
  'amount',
  'amount_minor',
  'timestamp',
  'startTime',
  'ean',
])('%s is shown as it is', (name) => {
  for (const value of [ID, Number(ID), `${ID}/1`, `till-${ID}`, [ID, ID]]) {
    expect(maskValue({ [name]: value })).toEqual({ [name]: value });
    const json = JSON.stringify({ [name]: value, params: { [name]: value } });
    expect(maskText(json)).toBe(json);
  }
  expect(maskField(name, ID)).toBe(ID);
});

test.each(['card_id', 'account_id', 'customer_id', 'panReference', 'note', 'text', 'merchant_receipt'])(
  '%s is looked at',
  (name) => {
    expect(maskValue({ [name]: ID })).toEqual({ [name]: '************0008' });
    expect(maskField(name, ID)).toBe('************0008');
  },
);

test('behind its name in running text an identifier is shown', () => {
  for (const text of [
    `receipt_id=${ID}, amount 12`,
    `{"receipt_id":"${ID}","a":"cut o`,
    `the outcome of receipt ${ID}/1 is not known`,
    `receipt ${ID} is still being carried out`,
    `settled 1a2b3c4d (${ID}/1) as approved`,
    `transactionId: ${ID}.`,
    `56386103-0001-4532-8b1b-6372b8579392`,
  ]) {
    expect(maskText(text)).toBe(text);
  }
});

test('what is no identifier is hidden in a field for one', () => {
  for (const value of [
    `;${ID}=25121010000012345678?`,
    `${ID}D25121010000012300`,
    `card ${ID}`,
    'api_key:hunter2',
    `{"pan":"${ID}"}`,
  ]) {
    expect(JSON.stringify(maskValue({ receipt_id: value }))).not.toMatch(/4000123400000|hunter2/);
  }
  expect(maskValue({ card: { id: ID } })).toEqual({ card: { id: '************0008' } });
  expect(maskText('receipt 4111 1111 1111 1111')).toBe('receipt ************1111');
  expect(maskText(`"card":{"id":"${ID}","x`)).not.toContain(ID);
});

test.each([
  ...[
    'passwort',
    'Kennwort',
    'wachtwoord',
    'lösenord',
    'adgangskode',
    'passord',
    'salasana',
    'tunnusluku',
    'parool',
  ],
  ...[
    'mot_de_passe',
    'motDePasse',
    'contraseña',
    'contrasena',
    'clave_secreta',
    'senha',
    'hasło',
    'haslo',
    'heslo',
  ],
  ...[
    'jelszó',
    'lozinka',
    'geslo',
    'şifre',
    'parola',
    'пароль',
    'κωδικός',
    '密码',
    'パスワード',
    '비밀번호',
    'סיסמה',
  ],
])('%s is a secret in another language', (name) => {
  expect(maskValue({ [name]: 'hush' })).toEqual({ [name]: '***' });
  expect(maskText(JSON.stringify({ [name]: 'hush' }))).toBe(JSON.stringify({ [name]: '***' }));
  for (const sign of [': ', '=', ' : ']) expect(maskText(`${name}${sign}hush`)).toBe(`${name}${sign}***`);
});

test.each([
  'paid',
  'parolees',
  'passage',
  'classname',
  'hash_mode',
  'geslacht',
  'message',
  'Straße',
  'größe',
  'имя',
])('%s is no secret', (name) => {
  expect(maskValue({ [name]: 'seen' })).toEqual({ [name]: 'seen' });
  expect(maskText(`${name}: seen`)).toBe(`${name}: seen`);
});
