import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { pause } from '../../src/base/pause.ts';
import { AnySignal, aborted, Limit, settlesWithin, sharedController } from '../../src/pos/wait.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { after, passUntil, posBench, settle, watch } from './kit.ts';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

test('waiting leaves no listener behind on signals that live longer', async () => {
  const clock = new FakeClock();
  const [one, two] = [new AbortController().signal, new AbortController().signal];
  const paused = pause(clock, 10, one, two);
  const stop = new AbortController();
  const waited = aborted(one, stop.signal);
  const limit = new Limit(clock, 10, one, two);
  const any = new AnySignal(one, two);
  expect([listeners(one), listeners(two)]).toEqual([4, 3]);
  clock.advance(10);
  stop.abort();
  await Promise.all([paused, waited]);
  limit.stop();
  any.stop();
  expect([listeners(one), listeners(two), clock.timerCount]).toEqual([0, 0, 0]);
});

test('a promise settles in time or does not, and no timer is left', async () => {
  const clock = new FakeClock();
  expect(await settlesWithin(clock, 10, Promise.resolve())).toBe(true);
  const late = settlesWithin(clock, 10, new Promise(() => {}));
  clock.advance(10);
  expect(await late).toBe(false);
  expect(clock.timerCount).toBe(0);
});

test('a search of an hour leaves nothing on the signals that it watches, and nobody is warned', async () => {
  const warnings: string[] = [];
  const warned = ({ name }: Error) => warnings.push(name);
  process.on('warning', warned);
  after(() => void process.off('warning', warned));
  const { client, terminal, clock } = await posBench({ outcomeWaitMs: 3_600_000 });
  const controller = sharedController();
  const { signal } = controller;
  terminal.on('Purchase', (request, connection) => connection.fail(request, 'TIMEOUT'));
  terminal.on('Check', (request, connection) => connection.fail(request, 'TRANSACTION_ACTIVE'));
  const sales = Array.from({ length: 15 }, () =>
    watch(client.purchase({ amountMinor: 1, currency: 'EUR' }, { signal })),
  );
  await passUntil(clock, () => terminal.requests('Check').length > 300, 5000);
  expect(listeners(signal)).toBeLessThanOrEqual(sales.length);
  controller.abort();
  await passUntil(clock, () => sales.every(({ isSettled }) => isSettled));
  expect(listeners(signal)).toBe(0);
  await settle();
  expect(warnings).toEqual([]);
});
