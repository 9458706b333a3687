import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { paymentBody, requestOf } from '../dialect/nexo/kit.ts';
import { NexoRegister } from '../dialect/nexo/register.ts';
import { errorAnswer } from '../kit/application.ts';
import { Workbench } from './kit.ts';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const statusOf = (ServiceID: string, about: string) =>
  requestOf('TransactionStatus', ServiceID, {
    MessageReference: { MessageCategory: 'Payment', ServiceID: about, SaleID: 'POS1', POIID: 'V400m-1' },
  });
const innerOf = (status: { RepeatedMessageResponse: { PaymentResponse: object } }) =>
  status.RepeatedMessageResponse.PaymentResponse;
/** Only ends a wait that would never end. */
const STUCK = { timeout: 45_000 };
const REPEATED = { Result: 'Failure', ErrorCondition: 'MessageFormat' };

describe('a nexo register', () => {
  const serve = (...args: string[]) =>
    bench.startServe(['--dialect', 'nexo', '--journal', bench.path('journal'), ...args]);
  const register = async (port: number) => new NexoRegister(await bench.connect(port));

  test('pays at the simulated terminal, and asks on another connection what became of it', async () => {
    const { port } = await serve('--app', 'simulator:?delay=0');
    const first = await register(port);
    const paid = await first.ask(requestOf('Payment', '1', paymentBody()));
    expect(paid).toMatchObject({
      Response: { Result: 'Success' },
      PaymentResult: { AmountsResp: { Currency: 'EUR', AuthorizedAmount: 1.23 } },
    });
    const second = await register(port);
    expect((await second.ask(requestOf('Payment', '1', paymentBody()))).Response).toMatchObject(REPEATED);
    const status = await second.ask(statusOf('2', '1'));
    expect(innerOf(status)).toEqual(paid);
  });

  test('is never taken twice for the same request: while it runs, in two processes, and after kill -9', async () => {
    let decide: () => void = () => {};
    const decided = new Promise<void>((resolve) => {
      decide = resolve;
    });
    const application = await bench.application(async ({ method }) => {
      if (method === 'Check') return errorAnswer('TRANSACTION_ACTIVE', 'still running');
      if (method !== 'Purchase') return { result: {} };
      await decided;
      return { result: { amount: 123, currency: 'EUR', transaction_id: 'T1' } };
    });
    const app = ['--app', `unix:${bench.socketPath}`];
    const one = await serve(...app);
    const two = await serve(...app);
    const first = await register(one.port);
    first.send(requestOf('Payment', '1', paymentBody()));
    await vi.waitFor(() => expect(application.requests('Purchase')).toHaveLength(1), STUCK);
    const other = await register(two.port);
    expect((await other.ask(requestOf('Payment', '1', paymentBody()))).Response).toMatchObject(REPEATED);
    expect((await other.ask(statusOf('2', '1'))).Response).toMatchObject({ ErrorCondition: 'InProgress' });
    expect((await other.ask(requestOf('Payment', '3', paymentBody()))).Response).toMatchObject({
      ErrorCondition: 'Busy',
    });
    await one.server.kill();
    await expect(first.response('1')).rejects.toThrow('ended without');
    expect((await other.ask(statusOf('4', '1'))).Response).toMatchObject({ ErrorCondition: 'InProgress' });
    expect(application.requests('Purchase')).toHaveLength(1);
    decide();
  });
});
