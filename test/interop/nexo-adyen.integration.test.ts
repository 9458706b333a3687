import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Any, headerOf, paymentBody } from '../dialect/nexo/kit.ts';
import { errorAnswer } from '../kit/application.ts';
import { Certificates } from '../kit/certificates.ts';
import { Workbench } from './kit.ts';

/**
 * The vendor's own library for registers, unmodified. It wants port 8443, the path `/nexo/`, and a certificate with a
 * name of its own form, so every test listens on an address of its own.
 */
const { Client, Config, TerminalLocalAPI } = createRequire(import.meta.url)('@adyen/api-library');

const POIID = 'V400m-324688179';
const KEY = { KeyIdentifier: 'mykey', KeyVersion: 1, Passphrase: 'p@ss', AdyenCryptoVersion: 1 };

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

async function terminal(address: string, app = 'simulator:?delay=0') {
  const certificates = new Certificates(bench.folder);
  certificates.root('root');
  const subject = `/CN=${POIID}.test.terminal.adyen.com`;
  certificates.signed('terminal', 'root', 'basicConstraints=CA:FALSE', { subject });
  const keys = { keyIdentifier: KEY.KeyIdentifier, keyVersion: KEY.KeyVersion, passphrase: KEY.Passphrase };
  await writeFile(bench.path('keys.json'), JSON.stringify(keys), { mode: 0o600 });
  await bench.startServe([
    ...['--dialect', 'nexo', '--vendor', 'adyen', '--poi-id', POIID, '--keys', bench.path('keys.json')],
    ...['--listen', `https://${address}:8443/nexo/`],
    ...['--tls-cert', certificates.pem('terminal'), '--tls-key', certificates.key('terminal')],
    ...['--app', app, '--journal', bench.path('journal')],
  ]);
  return certificates;
}

function client(address: string, certificates: Certificates) {
  const config = new Config({
    apiKey: 'unused',
    environment: 'TEST',
    certificatePath: certificates.pem('root'),
    terminalApiLocalEndpoint: `https://${address}`,
  });
  const api = new TerminalLocalAPI(new Client(config));
  const ask = (category: string, ServiceID: string, body: object, key = KEY): Promise<Any> =>
    api.request(
      {
        SaleToPOIRequest: {
          MessageHeader: headerOf(category, ServiceID, { POIID }),
          [`${category}Request`]: body,
        },
      },
      key,
    );
  return { ask };
}

const reference = (ServiceID: string) => ({
  MessageReference: { MessageCategory: 'Payment', ServiceID, SaleID: 'POS1', POIID },
});

describe("the vendor's own library, as a register over HTTPS with local encryption", () => {
  test('pays, asks what became of it, and is told what is wrong', async () => {
    const address = '127.84.21.1';
    const { ask } = client(address, await terminal(address));

    const paid = (await ask('Payment', '1', paymentBody())).SaleToPOIResponse;
    expect(paid.MessageHeader).toMatchObject({ ServiceID: '1', POIID, MessageType: 'Response' });
    expect(paid.PaymentResponse).toMatchObject({
      Response: { Result: 'Success' },
      PaymentResult: {
        AmountsResp: { AuthorizedAmount: 1.23, Currency: 'EUR' },
        PaymentInstrumentData: { CardData: { MaskedPan: expect.stringContaining('*') } },
      },
    });

    const status = (await ask('TransactionStatus', '2', reference('1'))).SaleToPOIResponse
      .TransactionStatusResponse;
    expect(status.Response).toMatchObject({ Result: 'Success' });
    const repeated = status.RepeatedMessageResponse;
    expect(repeated.MessageHeader).toMatchObject({ ServiceID: '1', MessageCategory: 'Payment' });
    expect(repeated.RepeatedResponseMessageBody.PaymentResponse).toEqual(paid.PaymentResponse);

    const again = (await ask('Payment', '1', paymentBody())).SaleToPOIResponse.PaymentResponse;
    expect(again.Response).toMatchObject({ ErrorCondition: 'MessageFormat', Result: 'Failure' });

    const declined = (await ask('Payment', '3', paymentBody({}, { RequestedAmount: 1.234 })))
      .SaleToPOIResponse;
    expect(declined.PaymentResponse.Response.ErrorCondition).toBe('MessageFormat');

    const refund = paymentBody(
      { PaymentData: { PaymentType: 'Refund' } },
      { Currency: 'JPY', RequestedAmount: 500 },
    );
    const refunded = (await ask('Payment', '4', refund)).SaleToPOIResponse.PaymentResponse;
    expect(refunded.PaymentResult.AmountsResp).toMatchObject({ AuthorizedAmount: 500, Currency: 'JPY' });

    const diagnosis = (await ask('Diagnosis', '5', {})).SaleToPOIResponse.DiagnosisResponse;
    expect(diagnosis.POIStatus).toMatchObject({ GlobalStatus: 'OK' });

    const nothing = (await ask('TransactionStatus', '6', reference('9'))).SaleToPOIResponse;
    expect(nothing.TransactionStatusResponse.Response.ErrorCondition).toBe('NotFound');
  });

  test('aborts a payment that runs, which has no response, and the payment tells what came of it', async () => {
    const address = '127.84.21.3';
    const application = await bench.application(({ method, params }, line) => {
      if (method !== 'Abort') return method === 'Purchase' ? undefined : { result: {} };
      const [purchase] = application.requests('Purchase');
      expect(params).toMatchObject({ receipt_id: '1', sequence_id: 'POS1' });
      purchase?.attachment.answer(purchase.message ?? {}, errorAnswer('ABORTED', 'by the register'));
      return line.message === undefined ? undefined : { result: {} };
    });
    const { ask } = client(address, await terminal(address, `unix:${bench.socketPath}`));
    const payment = ask('Payment', '1', paymentBody());
    await vi.waitFor(() => expect(application.requests('Purchase')).toHaveLength(1), { timeout: 45_000 });
    const aborted = await ask('Abort', '2', { ...reference('1'), AbortReason: 'MerchantAbort' });
    expect(aborted.SaleToPOIResponse).toBeUndefined();
    expect((await payment).SaleToPOIResponse.PaymentResponse.Response).toMatchObject({
      Result: 'Failure',
      ErrorCondition: 'Aborted',
    });
  });

  test('is not let in with another passphrase', async () => {
    const address = '127.84.21.2';
    const { ask } = client(address, await terminal(address));
    await expect(ask('Payment', '1', paymentBody(), { ...KEY, Passphrase: 'other' })).rejects.toThrow();
    const paid = await ask('Payment', '2', paymentBody());
    expect(paid.SaleToPOIResponse.PaymentResponse.Response).toMatchObject({ Result: 'Success' });
  });
});
