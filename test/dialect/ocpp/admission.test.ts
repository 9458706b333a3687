import { expect, test } from 'vitest';
import type { Knock } from '../../../src/base/knock.ts';
import { admission } from '../../../src/dialect/ocpp/admission.ts';

const knock: Knock = {
  path: 'CP001',
  rawPath: '/ocpp/CP001',
  subprotocols: ['ocpp1.6'],
  headers: {},
  address: '127.0.0.1',
  isEncrypted: false,
};
const fromPage: Knock = { ...knock, headers: { origin: ['https://shop.example'] } };

test('a web page is no charge point that needs no password', async () => {
  const admit = admission(undefined);
  expect(await admit(knock)).toEqual({ identity: 'CP001', subprotocol: 'ocpp1.6' });
  expect(await admit(fromPage)).toMatchObject({ status: 403 });
  expect(await admission(async () => new Map([['CP001', { identity: 'CP001' }]]))(fromPage)).toMatchObject({
    status: 403,
  });
});

test('a charge point that sends Origin and has a certificate is let in', async () => {
  const chargers = async () => new Map([['CP001', { identity: 'CP001', commonName: 'CP001' }]]);
  const certificate = { commonName: 'CP001' };
  const known = { ...fromPage, certificate, isEncrypted: true };
  expect(await admission(chargers)(known)).toMatchObject({ identity: 'CP001' });
  expect(await admission(chargers)(fromPage)).toMatchObject({ status: 403 });
});
