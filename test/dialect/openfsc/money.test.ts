import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../../bridge/journal-kit.ts';
import { type BenchOptions, pass, settle } from '../../bridge/kit.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { openJournal } from '../../store/journal-kit.ts';
import { siteBridge } from './bridge-kit.ts';
import { F1, F2 } from './kit.ts';

/** UNLOCKPUMP and CLEAR through the whole bridge: no answer is invented, and none is given twice for two. */

const CLEAR = `CLEAR 3 c71b ${F1} pace`;
const UNLOCK = `UNLOCKPUMP 1 EUR 100.00 ${F2} pace`;
const PAN = '92873498723498792384';

const kept: unknown[] = [];
/** Bridges on one journal, one after the other or at the same time, as processes would be. */
async function station() {
  const { journal, folder } = await openJournal(undefined, { clock: new FakeClock() });
  const connect = async (more: BenchOptions = {}) => {
    const one = await siteBridge({ journal, ...more });
    kept.push(one); // or the garbage collector lets its entries go
    return one;
  };
  return { connect, folder };
}
type Connected = Awaited<ReturnType<typeof siteBridge>>;

const asked = ({ app }: Connected, method: string, count = 1) =>
  until(() => app.requests(method).length === count);
async function answered(one: Connected, tag: string): Promise<string | undefined> {
  await until(() => one.server.answerTo(tag) !== undefined);
  return one.server.answerTo(tag);
}
async function clear(
  one: Connected,
  tag: string,
  answer: (request: object) => void,
): Promise<string | undefined> {
  const { length } = one.app.requests('openfsc.clear');
  one.server.say(`${tag} ${CLEAR}`);
  await asked(one, 'openfsc.clear', length + 1);
  answer(one.app.requests('openfsc.clear')[length]);
  return answered(one, tag);
}
const fails =
  ({ app }: Connected, fscCode: number) =>
  (request: { connection?: string; id?: string }) =>
    app.send({
      connection: request.connection,
      id: request.id,
      error: { code: 1, message: 'said the application', data: { fscCode } },
    });

describe('an answer is never invented', () => {
  test('a request that was handed over waits for as long as its session lives; others get 500 after 10 s', async () => {
    const one = await siteBridge();
    one.server.say(`S1 ${CLEAR}`, `S2 ${UNLOCK}`, 'S3 PUMPS');
    await pass(one.clock, 600_000);
    expect(one.server.answerTo('S3')).toMatch(/^S3 ERR 500 /);
    expect([one.server.answerTo('S1'), one.server.answerTo('S2')]).toEqual([undefined, undefined]);
    const [request] = one.app.requests('openfsc.clear');
    one.app.answer(request, {});
    await settle();
    expect(one.server.answerTo('S1')).toBe('S1 OK');
  });

  test('when the application dies it is 500, and a repeated request goes to the next one', async () => {
    const one = await siteBridge();
    one.server.say(`S1 ${CLEAR}`);
    await settle();
    one.app.die();
    await settle();
    expect(one.server.answerTo('S1')).toMatch(/^S1 ERR 500 /);
    one.app.isThere = true;
    one.server.say(`S2 ${CLEAR}`);
    await pass(one.clock, 500);
    one.app.answer(one.app.requests('openfsc.clear')[1], {});
    await settle();
    expect(one.server.answerTo('S2')).toBe('S2 OK');
  });

  test('without an application it is 500 after 5 s, before anything was handed over', async () => {
    const one = await siteBridge();
    one.app.die();
    await settle();
    one.server.say(`S1 ${CLEAR}`);
    await pass(one.clock, 6000);
    expect(one.server.answerTo('S1')).toMatch(/^S1 ERR 500 /);
  });

  test('a bridge that is stopped says goodbye instead', async () => {
    const one = await siteBridge();
    one.server.say(`S1 ${CLEAR}`);
    await settle();
    one.bridge.stop();
    await pass(one.clock, 5000);
    expect(one.server.answerTo('S1')).toBeUndefined();
    expect(one.server.lines.at(-1)).toMatch(/^\* QUIT /);
    expect(one.end.value).toBe('unknown');
  });

  test('two pumps are served at the same time', async () => {
    const one = await siteBridge();
    one.server.say(`S1 ${CLEAR}`, `S2 CLEAR 4 c71c ${F2} pace`);
    await settle();
    const [first, second] = one.app.requests('openfsc.clear');
    one.app.answer(second, {});
    one.app.answer(first, {});
    await settle();
    expect(one.server.lines.slice(-2)).toEqual(['S2 OK', 'S1 OK']);
  });

  test('a bridge whose server is gone ends a few seconds later, not after minutes', async () => {
    const one = await siteBridge();
    one.server.say(`S1 ${CLEAR}`);
    await settle();
    one.server.vanish();
    await pass(one.clock, 8000);
    expect(one.end.value).toBe('failed');
  });
});

describe('card data and receipts', () => {
  test('card data waits for the application that is away, in every repeated CLEAR, with and without a journal', async () => {
    for (const connect of [siteBridge, (await station()).connect]) {
      const one = await connect();
      one.app.die();
      await settle();
      one.server.say(`* TRANSACTIONINFO ${F1} PAN ${PAN}`, `S1 ${CLEAR}`);
      await pass(one.clock, 6000);
      expect(await answered(one, 'S1')).toMatch(/^S1 ERR 500 /);
      one.app.isThere = true;
      await pass(one.clock, 6000);
      expect(await clear(one, 'S2', (request) => one.app.answer(request, {}))).toBe('S2 OK');
      expect(one.app.requests('openfsc.clear').map(({ params }) => params.transactionInfo)).toEqual([
        { pan: PAN, mileage: 0 },
      ]);
    }
  });

  test('a malformed receipt is told to the application, the server gets 500, and a repeated CLEAR is asked again', async () => {
    for (const connect of [siteBridge, (await station()).connect]) {
      const one = await connect();
      const malformed = (request: object) =>
        one.app.answer(request, { receiptInfo: [{ key: 'a b', value: '1' }] });
      expect(await clear(one, 'S1', malformed)).toMatch(/^S1 ERR 500 /);
      await until(() => one.app.lines.some(({ error }) => error?.code === -32602));
      expect(await clear(one, 'S2', fails(one, 410))).toBe('S2 ERR 410 said the application');
    }
  });
});

describe('with a journal, CLEAR', () => {
  test('that succeeded is 410 ever after, over restarts, and the application is not asked', async () => {
    const { connect } = await station();
    const one = await connect();
    expect(await clear(one, 'S1', (request) => one.app.answer(request, {}))).toBe('S1 OK');
    one.server.say(`S2 ${CLEAR}`);
    expect(await answered(one, 'S2')).toBe('S2 ERR 410 already cleared');
    const next = await connect();
    next.server.say(`S1 CLEAR 3 c71b ${F1} dkv`);
    expect(await answered(next, 'S1')).toBe('S1 ERR 410 already cleared');
    expect([one, next].flatMap(({ app }) => app.requests('openfsc.clear'))).toHaveLength(1);
  });

  test('is known by its id in capital and in small letters; for another sale the application is asked', async () => {
    const one = await (await station()).connect();
    await clear(one, 'S1', (request) => one.app.answer(request, {}));
    one.server.say(`S2 ${CLEAR.replace(F1, F1.toUpperCase())}`);
    expect(await answered(one, 'S2')).toBe('S2 ERR 410 already cleared');
    one.server.say(`S3 ${CLEAR.replace('c71b', 'c71c')}`);
    await asked(one, 'openfsc.clear', 2);
    fails(one, 404)(one.app.requests('openfsc.clear')[1]);
    expect(await answered(one, 'S3')).toBe('S3 ERR 404 said the application');
  });

  test.each([402, 403, 404])('that was refused with %i is handed over again', async (code) => {
    const one = await (await station()).connect();
    expect(await clear(one, 'S1', fails(one, code))).toBe(`S1 ERR ${code} said the application`);
    expect(await clear(one, 'S2', (request) => one.app.answer(request, {}))).toBe('S2 OK');
  });

  test('that failed with 500 is handed over again, over restarts too', async () => {
    const { connect } = await station();
    const one = await connect();
    expect(await clear(one, 'S1', fails(one, 500))).toBe('S1 ERR 500 said the application');
    const next = await connect();
    expect(await clear(next, 'S1', fails(next, 410))).toBe('S1 ERR 410 said the application');
    next.server.say(`S2 ${CLEAR}`);
    expect(await answered(next, 'S2')).toBe('S2 ERR 410 already cleared');
  });

  test('whose answer comes soon after the loss is recorded: the repeated one is 410', async () => {
    const { connect } = await station();
    const one = await connect();
    one.server.say(`S1 ${CLEAR}`);
    await asked(one, 'openfsc.clear');
    one.server.vanish();
    await settle();
    one.app.answer(one.app.requests('openfsc.clear')[0], {});
    await until(() => one.end.value !== undefined);
    const next = await connect();
    next.server.say(`S1 ${CLEAR}`);
    expect(await answered(next, 'S1')).toBe('S1 ERR 410 already cleared');
  });

  test('whose answer never comes is handed over again after the loss', async () => {
    const { connect } = await station();
    const one = await connect();
    one.server.say(`S1 ${CLEAR}`);
    await asked(one, 'openfsc.clear');
    one.server.vanish();
    await pass(one.clock, 6000);
    await until(() => one.end.value !== undefined);
    const next = await connect();
    expect(await clear(next, 'S1', (request) => next.app.answer(request, {}))).toBe('S1 OK');
  });

  test('is not handed over twice while the first is still running elsewhere', async () => {
    const { connect } = await station();
    const [one, two] = [await connect(), await connect()];
    one.server.say(`S1 ${CLEAR}`);
    await asked(one, 'openfsc.clear');
    two.server.say(`S1 ${CLEAR}`);
    await pass(two.clock, 1000);
    expect(two.app.requests('openfsc.clear')).toEqual([]);
    one.app.answer(one.app.requests('openfsc.clear')[0], {});
    await answered(one, 'S1');
    // Fewer looks than the wait for an outcome has; each may take the disk as long as it likes.
    for (let looks = 0; two.server.answerTo('S1') === undefined && looks < 5000; looks += 1) {
      // Looks are taken by the clock of whichever connection began to look first.
      for (const { clock } of [one, two]) clock.advance(100);
      await sleep(5);
    }
    expect(two.server.answerTo('S1')).toBe('S1 ERR 410 already cleared');
  });

  test('leaves nothing of the card in the folder', async () => {
    const { connect, folder } = await station();
    const one = await connect();
    one.server.say(`* TRANSACTIONINFO ${F1} PAN ${PAN}`, `* TRANSACTIONINFO ${F1} ApprovalCode 643972`);
    await clear(one, 'S1', (request) =>
      one.app.answer(request, { echo: PAN, transactionInfo: { pan: PAN } }),
    );
    expect(one.app.requests('openfsc.clear')[0].params.transactionInfo).toEqual({
      pan: PAN,
      approvalCode: '643972',
      mileage: 0,
    });
    const stored = readdirSync(folder).map((file) => readFileSync(path.join(folder, file), 'latin1'));
    expect(stored.join('')).toContain(F1);
    for (const secret of ['643972', PAN]) expect(stored.join('')).not.toContain(secret);
  });
});

describe('with a journal, UNLOCKPUMP', () => {
  test('that is repeated for the same pump gets the same answer, and the pump is unlocked once', async () => {
    const one = await (await station()).connect();
    one.server.say(`S1 ${UNLOCK}`);
    await asked(one, 'openfsc.unlockPump');
    one.app.answer(one.app.requests('openfsc.unlockPump')[0], {});
    expect(await answered(one, 'S1')).toBe('S1 OK');
    one.server.say(`S2 ${UNLOCK}`);
    expect(await answered(one, 'S2')).toBe('S2 OK');
    expect(one.app.requests('openfsc.unlockPump')).toHaveLength(1);
  });

  test('for another pump is for the application to judge; for another amount it is 412', async () => {
    const one = await (await station()).connect();
    one.server.say(`S1 ${UNLOCK}`);
    await asked(one, 'openfsc.unlockPump');
    one.app.answer(one.app.requests('openfsc.unlockPump')[0], {});
    await answered(one, 'S1');
    one.server.say(`S2 ${UNLOCK.replace('100.00', '200.00')}`);
    expect(await answered(one, 'S2')).toMatch(/^S2 ERR 412 /);
    one.server.say(`S3 ${UNLOCK.replace('UNLOCKPUMP 1', 'UNLOCKPUMP 2')}`);
    await asked(one, 'openfsc.unlockPump', 2);
    fails(one, 412)(one.app.requests('openfsc.unlockPump')[1]);
    expect(await answered(one, 'S3')).toBe('S3 ERR 412 said the application');
  });

  test('and CLEAR of the same transaction are two things', async () => {
    const one = await (await station()).connect();
    one.server.say(`S1 ${UNLOCK}`);
    await asked(one, 'openfsc.unlockPump');
    one.app.answer(one.app.requests('openfsc.unlockPump')[0], {});
    await answered(one, 'S1');
    one.server.say(`S2 CLEAR 1 ${F2} ${F2} pace`);
    await asked(one, 'openfsc.clear');
    one.app.answer(one.app.requests('openfsc.clear')[0], {});
    expect(await answered(one, 'S2')).toBe('S2 OK');
  });
});
