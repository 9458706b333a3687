import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { paymentBody, requestOf } from '../dialect/nexo/kit.ts';
import { NexoRegister } from '../dialect/nexo/register.ts';
import { type Running, Workbench } from './kit.ts';

const MODULES = path.join(import.meta.dirname, '../../examples/nexo-modules');

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

async function module(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const place = bench.path(`${name}.sock`);
  const started = bench.start('node', [path.join(MODULES, `${name}.mjs`), place, ...args], { env });
  await started.stdout.waitFor('listening');
  return started;
}

const fast = (DELAY: string) => module('fast', [bench.path('hap.sock')], { DELAY });

describe('SCAP, FAST, HAP and TMAP, each a program on a channel', () => {
  test('are a terminal to a nexo register, and a payment in which FAST dies ends truly', async () => {
    const [scap, hap, tmap, slow] = await Promise.all([
      module('scap', []),
      module('hap', [bench.path('book.json')]),
      module('tmap', []),
      fast('0'),
    ]);
    const at = (name: string) => `unix:${bench.path(`${name}.sock`)}`;
    const { port } = await bench.startServe([
      ...['--dialect', 'nexo', '--journal', bench.path('journal')],
      ...['--ui', at('scap'), '--payment', at('fast'), '--storage', at('hap'), '--device', at('tmap')],
      ...['--route', 'Reversal=storage', '--route', 'Totals=storage'],
    ]);
    const register = new NexoRegister(await bench.connect(port));

    const login = await register.ask(requestOf('Login', '1', { OperatorLanguage: 'en' }));
    expect(login.POISystemData.POITerminalData.POISerialNumber).toBe('EXAMPLE-1');
    const paid = await register.ask(requestOf('Payment', '2', paymentBody()));
    expect(paid).toMatchObject({
      Response: { Result: 'Success' },
      PaymentResult: { AmountsResp: { AuthorizedAmount: 1.23 } },
    });
    const declined = await register.ask(
      requestOf('Payment', '3', paymentBody({}, { RequestedAmount: 5.01 })),
    );
    expect(declined.Response).toMatchObject({ ErrorCondition: 'Refusal' });
    const reversal = (ServiceID: string) =>
      register.ask(
        requestOf('Reversal', ServiceID, {
          OriginalPOITransaction: {
            SaleID: 'POS1',
            POIID: 'V400m-1',
            POITransactionID: paid.POIData.POITransactionID,
          },
          ReversalReason: 'CustCancel',
        }),
      );
    expect(await reversal('4')).toMatchObject({ Response: { Result: 'Success' }, ReversedAmount: 1.23 });
    expect((await reversal('5')).Response).toMatchObject({ ErrorCondition: 'Refusal' });
    const closed = await register.ask(
      requestOf('Reconciliation', '6', { ReconciliationType: 'SaleReconciliation' }),
    );
    expect(closed.TransactionTotals[0].PaymentTotals).toEqual([
      { TransactionType: 'Debit', TransactionCount: 1, TransactionAmount: 1.23 },
      { TransactionType: 'ReverseDebit', TransactionCount: 1, TransactionAmount: 1.23 },
    ]);
    const OutputContent = { OutputFormat: 'Text', OutputText: [{ Text: 'THANK YOU' }] };
    const DisplayOutput = { Device: 'CustomerDisplay', InfoQualify: 'Display', OutputContent };
    register.send(requestOf('Display', '7', { DisplayOutput }, { MessageClass: 'Device', DeviceID: '1' }));
    await scap.stdout.waitFor('display: THANK YOU');
    let asked = 0;
    tmap.signal('SIGUSR2');
    await expect
      .poll(async () => {
        const diagnosis = await register.ask(requestOf('Diagnosis', `D${++asked}`, {}));
        return diagnosis.POIStatus.GlobalStatus;
      })
      .toBe('Maintenance');

    // FAST dies with the card in it: nothing was charged, and HAP says so to its successor.
    await slow.kill();
    const stuck = await fast('600');
    register.received.splice(0);
    register.send(requestOf('Payment', '8', paymentBody()));
    await expect
      .poll(() => register.received.some((message) => JSON.stringify(message).includes('PRESENT CARD')))
      .toBe(true);
    await stuck.kill();
    await fast('0');
    expect((await register.response('8')).Response).toMatchObject({ ErrorCondition: 'Cancel' });
    const last = await register.ask(requestOf('Payment', '9', paymentBody()));
    expect(last.Response.Result).toBe('Success');
    expect(hap.errors).toBe('');
  });
});
