import { mkdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../kit/fake-clock.ts';
import { BootClock, entryFile } from '../store/journal-kit.ts';
import {
  abandonAt,
  beginAt,
  codeOf,
  type DeskBench,
  deskBench,
  detailsOf,
  duplicateIn,
  endAt,
  failure,
  OUTCOME_WAIT_MS,
  passUntil,
  REPEAT_WINDOW_MS,
  repeatAt,
  result,
  turn,
  until,
  watch,
} from './journal-kit.ts';

const APPROVED = result('{"n": 1.10e2, "t":"\\u00e4"}');

/** A folder in the place of the entry: it cannot be read. */
function obstruct({ folder, idOf }: DeskBench): void {
  mkdirSync(entryFile(folder, idOf()));
}

/** The first record cannot be read. */
function damage({ folder, idOf }: DeskBench, params?: object): void {
  writeFileSync(entryFile(folder, idOf(params)), 'hello');
}

/** The outcome was being written when the power went. */
async function tear(bench: DeskBench): Promise<void> {
  await endAt(bench, APPROVED);
  const file = entryFile(bench.folder, bench.idOf());
  truncateSync(file, statSync(file).size - 1);
}

async function stateAt({ journal, idOf }: DeskBench, params?: object): Promise<string> {
  return (await journal.lookup(idOf(params))).state;
}

describe('a new transaction', () => {
  test('begins with what is known of it, the terminal taken', async () => {
    const bench = await deskBench({ connection: 'till-1.1' });
    const request = bench.request({ receipt_id: 'R-1' }, { pid: 7 });
    const acceptance = await bench.desk.accept(request);
    expect(acceptance.kind).toBe('begun');
    expect(await stateAt(bench, { receipt_id: 'R-1' })).toBe('running');
    expect((await bench.request().acquire('id')).acquired).toBe(false);
    if (acceptance.kind === 'begun') {
      expect(acceptance.entry.lookup).toMatchObject({
        sent: {
          state: 'sent',
          version: 2,
          register: 'till-1',
          identity: { receipt_id: 'R-1', sequence_id: '1' },
          params: '{"receipt_id":"R-1","sequence_id":1}',
          hash: expect.stringMatching(/^[0-9a-f]{64}$/),
          place: 'unix:/run/pay.sock',
          peer: '192.0.2.7',
          method: 'Purchase',
          amount: '1230',
          currency: 'EUR',
          channel: 'payment',
          connection: 'till-1.1',
          pid: 7,
          time: new Date(bench.clock.wallMs()).toISOString(),
        },
      });
      acceptance.release();
    }
    expect((await bench.request().acquire('id')).acquired).toBe(true);
    expect(request.delays).toBe(0);
    expect(bench.app.questions).toEqual([]);
  });

  test('is busy while another one is running, and leaves no trace', async () => {
    const bench = await deskBench();
    await beginAt(bench);
    const acceptance = await bench.desk.accept(bench.request({ receipt_id: 18 }));
    expect(acceptance.kind).toBe('busy');
    expect(await stateAt(bench, { receipt_id: 18 })).toBe('none');
    if (acceptance.kind === 'busy')
      expect(await acceptance.attempt.holder()).toMatchObject({ connection: 'till-1' });
  });

  test('of another register with the same identifiers is another one', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED);
    const other = await deskBench({ register: 'till-2', beside: bench });
    expect((await other.desk.accept(other.request())).kind).toBe('begun');
  });

  test('that cannot be written is JOURNAL_UNAVAILABLE, loudly, and the terminal stays free', async () => {
    const bench = await deskBench();
    mkdirSync(path.join(bench.folder, 'compare.key')); // where a file has to be
    expect(await bench.desk.accept(bench.request())).toMatchObject({
      kind: 'refused',
      code: 'JOURNAL_UNAVAILABLE',
      details: expect.stringMatching(/^the transaction cannot be recorded: /),
    });
    expect(bench.lines).toEqual([
      expect.stringMatching(/^error the journal cannot be used journal=\S+ why=/),
    ]);
    expect((await bench.request().acquire('id')).acquired).toBe(true);
  });

  test.each([
    'gone',
    'a file',
    'replaced by another that takes nothing',
    'replaced by another that takes everything',
  ])(
    'of which nobody can say whether there is a file, for the folder is %s, is unknown, not refused; so is a Check',
    async (state) => {
      const bench = await deskBench();
      renameSync(bench.folder, `${bench.folder}.away`);
      if (state === 'a file') writeFileSync(bench.folder, 'a file where the folder was');
      else if (state.endsWith('nothing'))
        mkdirSync(path.join(bench.folder, 'compare.key'), { recursive: true });
      else if (state !== 'gone') mkdirSync(bench.folder, 0o700);
      expect(await bench.desk.accept(bench.request())).toMatchObject({ kind: 'unknown' });
      expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('OUTCOME_UNKNOWN');
      expect(bench.app.questions).toEqual([]);
      expect((await bench.request().acquire('id')).acquired).toBe(true);
      rmSync(bench.folder, { recursive: true, force: true });
      renameSync(`${bench.folder}.away`, bench.folder);
      expect(await stateAt(bench)).toBe('none');
    },
  );

  test('of which there is a file that cannot be read may be an old one: unknown, not refused', async () => {
    const bench = await deskBench();
    obstruct(bench);
    expect(await bench.desk.accept(bench.request())).toMatchObject({ kind: 'unknown' });
    expect(bench.lines).toEqual([
      expect.stringMatching(/^error the journal cannot be used journal=\S+ why=/),
    ]);
    expect(bench.app.questions).toEqual([]);
    expect((await bench.request().acquire('id')).acquired).toBe(true);
  });
});

describe('the same transaction while the first is running', () => {
  test('is not BUSY: it waits, and gets the outcome', async () => {
    const bench = await deskBench();
    const { entry, release } = await beginAt(bench);
    const request = bench.request();
    const second = watch(bench.desk.accept(request));
    const elsewhere = await deskBench({ beside: bench });
    const third = watch(elsewhere.desk.accept(elsewhere.request()));
    for (let round = 0; round < 50; round += 1) {
      await until(() => bench.clock.timerCount >= 2);
      bench.clock.advance(100);
    }
    expect(request.delays).toBeGreaterThan(0);
    expect([second.value, third.value]).toEqual([undefined, undefined]);
    await bench.desk.outcomes.record(entry, APPROVED);
    release();
    await passUntil(bench.clock, () => second.value !== undefined && third.value !== undefined);
    for (const { value } of [second, third]) {
      expect(value).toMatchObject({ kind: 'answer', answer: { kind: 'result' } });
      if (value?.kind === 'answer') expect(value.answer.text.equals(APPROVED.text)).toBe(true);
    }
    expect(bench.app.questions).toEqual([]);
  });

  test('however close together they come: one begins, none is BUSY', async () => {
    const bench = await deskBench();
    const elsewhere = await deskBench({ beside: bench });
    for (let receipt_id = 100; receipt_id < 130; receipt_id += 1) {
      const accepted = [bench, elsewhere, bench, elsewhere].map(({ desk, request }) =>
        watch(desk.accept(request({ receipt_id }))),
      );
      const begun = () => accepted.flatMap(({ value }) => (value?.kind === 'begun' ? [value] : []));
      await passUntil(bench.clock, () => begun().length > 0);
      for (const { entry, release } of begun()) {
        await bench.desk.outcomes.record(entry, APPROVED);
        release();
      }
      await passUntil(bench.clock, () => accepted.every(({ value }) => value !== undefined));
      const kinds = accepted.map(({ value }) => value?.kind);
      expect(kinds.toSorted()).toEqual(['answer', 'answer', 'answer', 'begun']);
    }
  });

  test('that is refused in the end lets the second begin', async () => {
    const bench = await deskBench();
    const { entry, release } = await beginAt(bench);
    const second = watch(bench.desk.accept(bench.request()));
    await until(() => bench.clock.timerCount > 0);
    await entry.withdraw();
    release();
    await passUntil(bench.clock, () => second.value !== undefined);
    expect(second.value?.kind).toBe('begun');
  });

  test('whose process dies has the application asked', async () => {
    const bench = await deskBench();
    const { entry, release } = await beginAt(bench);
    const second = watch(bench.desk.accept(bench.request()));
    await until(() => bench.clock.timerCount > 0);
    bench.app.answer(APPROVED);
    await entry.release();
    release();
    await passUntil(bench.clock, () => second.value !== undefined);
    expect(second.value?.kind).toBe('answer');
    expect(bench.app.questions).toEqual(['payment']);
  });

  test('is unknown when the first goes on too long', async () => {
    const bench = await deskBench();
    await beginAt(bench);
    const second = watch(bench.desk.accept(bench.request()));
    await passUntil(bench.clock, () => second.value !== undefined, 60_000);
    expect(second.value).toMatchObject({ kind: 'unknown' });
  });

  test('is no longer waited for when its register is gone', async () => {
    const bench = await deskBench();
    await beginAt(bench);
    const request = bench.request();
    const second = watch(bench.desk.accept(request));
    await until(() => bench.clock.timerCount > 0);
    request.isLeft = true;
    bench.clock.advance(100);
    await second.promise;
    expect(second.value?.kind).not.toBe('begun');
  });
});

describe('a repeated transaction', () => {
  test('gets the stored answer until the window closes, byte for byte, then DUPLICATE_TRANSACTION', async () => {
    const bench = await deskBench();
    const began = new Date(bench.clock.wallMs()).toISOString();
    const { entry, release } = await beginAt(bench);
    bench.clock.advance(60_000);
    await bench.desk.outcomes.record(entry, APPROVED);
    release();
    for (const passMs of [0, REPEAT_WINDOW_MS]) {
      bench.clock.advance(passMs);
      const acceptance = await repeatAt(bench);
      expect(acceptance).toMatchObject({ kind: 'answer', answer: { kind: 'result' } });
      if (acceptance.kind === 'answer') expect(acceptance.answer.text.equals(APPROVED.text)).toBe(true);
    }
    bench.clock.advance(1);
    expect(duplicateIn(await repeatAt(bench))).toEqual({
      details: `these identifiers were used: the first was a Purchase of 1230 EUR at ${began}, charged`,
      display: `already paid 12.30 EUR at ${began.slice(0, 16).replace('T', ' ')} UTC`,
    });
  });

  test('gets a stored error in the same way', async () => {
    const bench = await deskBench();
    await endAt(bench, failure('DECLINED'));
    const acceptance = await repeatAt(bench);
    expect(acceptance.kind === 'answer' && codeOf(acceptance.answer)).toBe('DECLINED');
  });

  test('gets the stored answer when the clock was set back', async () => {
    const bench = await deskBench();
    bench.clock.advance(3_600_000);
    await endAt(bench, APPROVED);
    const early = { ...bench, clock: new FakeClock(0) };
    expect((await repeatAt(early)).kind).toBe('answer');
  });

  test('gets the stored answer when the clock was set forward meanwhile, in the same window', async () => {
    const clock = new BootClock(0);
    const bench = await deskBench({ beside: { ...(await deskBench()), clock } });
    await endAt(bench, APPROVED);
    clock.set(Date.now());
    clock.advance(REPEAT_WINDOW_MS);
    expect((await repeatAt(bench)).kind).toBe('answer');
    clock.advance(1);
    expect((await repeatAt(bench)).kind).toBe('duplicate');
  });

  test.each([
    ['amount', { amount: '1231' }],
    ['amount, which is missing', { amount: undefined }],
    ['amount, however little', { amount: '1230.0' }],
    ['currency', { currency: 'SEK' }],
    ['method', { method: 'Refund' }],
  ])('with another %s is DUPLICATE_TRANSACTION, which names the first one', async (_, more) => {
    const bench = await deskBench();
    const time = new Date(bench.clock.wallMs()).toISOString();
    await endAt(bench, APPROVED);
    expect(duplicateIn(await repeatAt(bench, {}, more as object))).toEqual({
      details: `these identifiers were used: the first was a Purchase of 1230 EUR at ${time}, charged`,
      display: `already paid 12.30 EUR at ${time.slice(0, 16).replace('T', ' ')} UTC`,
    });
    expect((await bench.request().acquire('id')).acquired).toBe(true);
  });

  test('without amount and currency, like the first, gets the stored answer; with them it is refused', async () => {
    const bench = await deskBench();
    const plain = { ...bench.request(), record: { method: 'Purchase' }, compared: '["Purchase"]' };
    const first = await bench.desk.accept(plain);
    if (first.kind === 'begun') {
      await bench.desk.outcomes.record(first.entry, APPROVED);
      first.release();
    }
    const beside = await deskBench({ beside: bench });
    expect((await beside.desk.accept(plain)).kind).toBe('answer');
    expect(duplicateIn(await repeatAt(bench))?.details).toContain('of ? ? at');
  });
});

describe('a repeated transaction without a known outcome', () => {
  test.each([
    ['a result', APPROVED, 'result'],
    ['an error that is an outcome', failure('DECLINED'), 'DECLINED'],
  ])(
    'asks the application on the channel that the first went to, and gets %s, which is recorded',
    async (_, answer, code) => {
      const bench = await deskBench();
      await abandonAt(bench, {}, { channel: 'ui' });
      bench.app.answer(answer);
      const request = bench.request({}, { channel: 'ui' });
      const acceptance = await bench.desk.accept(request);
      expect(acceptance.kind === 'answer' && codeOf(acceptance.answer)).toBe(code);
      expect(bench.app.questions).toEqual(['ui']);
      expect(request.delays).toBe(1);
      expect(await stateAt(bench)).toBe('done');
      expect((await repeatAt(bench, {}, { channel: 'ui' })).kind).toBe('answer');
      expect(bench.app.questions).toHaveLength(1);
    },
  );

  test('is not charged when the application has said so twice, 5 s apart', async () => {
    const bench = await deskBench();
    await abandonAt(bench);
    const second = watch(bench.desk.accept(bench.request()));
    bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
    await until(() => bench.clock.timerCount === 1);
    expect(bench.app.questions).toHaveLength(1);
    bench.clock.advance(4999);
    await turn();
    expect(bench.app.questions).toHaveLength(1);
    expect(await stateAt(bench)).toBe('running');
    bench.clock.advance(1);
    await until(() => bench.app.questions.length === 2);
    bench.app.answer(failure('TRANSACTION_NOT_FOUND', 'really'));
    await second.promise;
    expect(second.value?.kind === 'answer' && detailsOf(second.value.answer)).toBe('really');
    expect(await bench.journal.lookup(bench.idOf())).toMatchObject({
      state: 'done',
      sent: { state: 'sent' },
    });
  });

  test('gets what the application says the second time, if that is an outcome', async () => {
    const bench = await deskBench();
    await abandonAt(bench);
    const second = watch(bench.desk.accept(bench.request()));
    bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
    await until(() => bench.clock.timerCount === 1);
    bench.clock.advance(5000);
    bench.app.answer(APPROVED);
    await second.promise;
    expect(second.value?.kind === 'answer' && codeOf(second.value.answer)).toBe('result');
  });

  test('asks every 5 s while the application is at it', async () => {
    const bench = await deskBench();
    await abandonAt(bench);
    const second = watch(bench.desk.accept(bench.request()));
    for (let asked = 1; asked <= 5; asked += 1) {
      bench.app.answer(failure('TRANSACTION_ACTIVE'));
      await until(() => bench.clock.timerCount === 1);
      expect(bench.app.questions).toHaveLength(asked);
      expect(await stateAt(bench)).toBe('unresolved');
      bench.clock.advance(5000);
    }
    bench.app.answer(APPROVED);
    await second.promise;
    expect(second.value?.kind).toBe('answer');
  });

  test('is unknown when the application is at it for ever', async () => {
    const bench = await deskBench();
    await abandonAt(bench);
    const second = watch(bench.desk.accept(bench.request()));
    for (let n = 0; n <= OUTCOME_WAIT_MS / 5000; n += 1) bench.app.answer(failure('TRANSACTION_ACTIVE'));
    await passUntil(bench.clock, () => second.value !== undefined, 5000);
    expect(second.value).toMatchObject({ kind: 'unknown' });
  });

  test.each([
    ['nothing', undefined],
    ['BUSY', failure('BUSY')],
    ['INTERNAL_ERROR', failure('INTERNAL_ERROR')],
    ['UNKNOWN', failure('UNKNOWN')],
    ['DUPLICATE_TRANSACTION', failure('DUPLICATE_TRANSACTION')],
    ['JSONRPC_INVALID_PARAMS', failure('JSONRPC_INVALID_PARAMS')],
    ['that it does not know Check', failure('JSONRPC_METHOD_NOT_FOUND')],
  ])('is unknown, and stays unresolved, when the application says %s', async (_, answer) => {
    const bench = await deskBench();
    await abandonAt(bench);
    bench.app.answer(answer);
    expect(await bench.desk.accept(bench.request())).toMatchObject({ kind: 'unknown' });
    expect(await stateAt(bench)).toBe('unresolved');
    expect((await bench.request().acquire('id')).acquired).toBe(true);
  });

  test('does not hold up another one', async () => {
    const bench = await deskBench();
    await abandonAt(bench);
    expect((await bench.desk.accept(bench.request({ receipt_id: 18 }))).kind).toBe('begun');
  });
});

describe('a doubtful or damaged record', () => {
  test('that is doubtful is never "not charged", however often the application says so', async () => {
    const bench = await deskBench();
    await tear(bench);
    for (let round = 0; round < 3; round += 1) {
      bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
      expect(await bench.desk.accept(bench.request())).toMatchObject({ kind: 'unknown' });
      bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
      expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('OUTCOME_UNKNOWN');
    }
    expect(await stateAt(bench)).toBe('unresolved');
    bench.app.answer(APPROVED);
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('result');
    expect(await stateAt(bench)).toBe('done');
  });

  test('that is damaged is unknown to a repeated request unless the application has an outcome', async () => {
    const bench = await deskBench();
    damage(bench);
    for (const answer of [failure('TRANSACTION_NOT_FOUND'), failure('JSONRPC_METHOD_NOT_FOUND'), undefined]) {
      bench.app.answer(answer);
      expect(await bench.desk.accept(bench.request())).toMatchObject({ kind: 'unknown' });
    }
    bench.app.answer(APPROVED);
    expect(duplicateIn(await bench.desk.accept(bench.request()))?.details).toMatch(
      /asked about at .*, charged$/,
    );
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('result');
    expect(bench.app.questions).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('that is damaged is OUTCOME_UNKNOWN to Check unless the application has an outcome', async () => {
    const bench = await deskBench();
    damage(bench);
    for (const answer of [
      failure('TRANSACTION_NOT_FOUND'),
      failure('JSONRPC_METHOD_NOT_FOUND'),
      failure('BUSY'),
      undefined,
    ]) {
      bench.app.answer(answer);
      expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('OUTCOME_UNKNOWN');
    }
    bench.app.answer(failure('TRANSACTION_ACTIVE'));
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('TRANSACTION_ACTIVE');
    expect(await stateAt(bench)).toBe('lost');
    bench.app.answer(failure('DECLINED'));
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('DECLINED');
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('DECLINED');
    expect(bench.app.questions).toHaveLength(6);
  });
});

describe('Check', () => {
  test('of a running one is TRANSACTION_ACTIVE, and the application is not asked', async () => {
    const bench = await deskBench();
    const { entry } = await beginAt(bench);
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('TRANSACTION_ACTIVE');
    await bench.desk.outcomes.record(entry, APPROVED);
    const answer = await bench.desk.check(bench.identityOf(), bench.app.ask);
    expect(answer.text.equals(APPROVED.text)).toBe(true);
    expect(bench.app.questions).toEqual([]);
  });

  test('gives the stored bytes as long as the journal keeps them, whatever the window', async () => {
    const bench = await deskBench();
    await endAt(bench, failure('DECLINED', 'by the issuer'));
    bench.clock.advance(29 * 86_400_000);
    const answer = await bench.desk.check(bench.identityOf({ receipt_id: '17' }), bench.app.ask);
    expect(answer.text.equals(failure('DECLINED', 'by the issuer').text)).toBe(true);
  });

  test('of an unresolved one asks on its channel, believes an outcome and records it', async () => {
    const bench = await deskBench();
    await abandonAt(bench, {}, { channel: 'ui' });
    bench.app.answer(APPROVED);
    expect((await bench.desk.check(bench.identityOf(), bench.app.ask)).text.equals(APPROVED.text)).toBe(true);
    expect((await bench.desk.check(bench.identityOf(), bench.app.ask)).text.equals(APPROVED.text)).toBe(true);
    expect(bench.app.questions).toEqual(['ui']);
  });

  test('of an unresolved one asks twice before it says TRANSACTION_NOT_FOUND; meanwhile others hear TRANSACTION_ACTIVE', async () => {
    const bench = await deskBench();
    await abandonAt(bench);
    const checked = watch(bench.desk.check(bench.identityOf(), bench.app.ask));
    bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
    await until(() => bench.clock.timerCount === 1);
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('TRANSACTION_ACTIVE');
    bench.clock.advance(5000);
    bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
    expect(codeOf(await checked.promise)).toBe('TRANSACTION_NOT_FOUND');
    expect(bench.app.questions).toEqual(['payment', 'payment']);
    expect(await stateAt(bench)).toBe('done');
  });

  test.each([
    ['nothing', undefined, 'OUTCOME_UNKNOWN'],
    ['TRANSACTION_ACTIVE', failure('TRANSACTION_ACTIVE'), 'TRANSACTION_ACTIVE'],
    ['BUSY', failure('BUSY'), 'OUTCOME_UNKNOWN'],
    ['JSONRPC_METHOD_NOT_FOUND', failure('JSONRPC_METHOD_NOT_FOUND'), 'OUTCOME_UNKNOWN'],
  ])('of an unresolved one, when the application says %s', async (_, answer, code) => {
    const bench = await deskBench();
    await abandonAt(bench);
    bench.app.answer(answer);
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe(code);
    expect(await stateAt(bench)).toBe('unresolved');
  });

  test.each([
    ['nothing', undefined],
    ['BUSY', failure('BUSY')],
    ['that it does not know Check', failure('JSONRPC_METHOD_NOT_FOUND')],
    ['TRANSACTION_ACTIVE', failure('TRANSACTION_ACTIVE')],
  ])(
    'of an unresolved one stays open when the application first says "not found", then %s',
    async (_, answer) => {
      const bench = await deskBench();
      await abandonAt(bench);
      const checked = watch(bench.desk.check(bench.identityOf(), bench.app.ask));
      bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
      await until(() => bench.clock.timerCount === 1);
      bench.clock.advance(5000);
      bench.app.answer(answer);
      expect(codeOf(await checked.promise)).toMatch(/^(OUTCOME_UNKNOWN|TRANSACTION_ACTIVE)$/);
      expect(await stateAt(bench)).toBe('unresolved');
    },
  );

  test('without a record: what the application knows is believed and recorded, and a Purchase is refused', async () => {
    const bench = await deskBench();
    bench.app.answer(APPROVED);
    expect((await bench.desk.check(bench.identityOf(), bench.app.ask)).text.equals(APPROVED.text)).toBe(true);
    expect((await bench.desk.check(bench.identityOf(), bench.app.ask)).text.equals(APPROVED.text)).toBe(true);
    expect(bench.app.questions).toEqual([undefined]);
    expect(duplicateIn(await bench.desk.accept(bench.request()))?.details).toMatch(
      /asked about at .*, charged$/,
    );
  });

  test('without a record, when the application does not find it: TRANSACTION_NOT_FOUND, recorded first, so that a late Purchase is refused', async () => {
    const bench = await deskBench();
    const time = new Date(bench.clock.wallMs()).toISOString();
    bench.app.answer(failure('TRANSACTION_NOT_FOUND', 'no'));
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('TRANSACTION_NOT_FOUND');
    expect(await bench.journal.lookup(bench.idOf())).toMatchObject({
      state: 'done',
      sent: { state: 'absent' },
    });
    for (const passMs of [0, 20 * 86_400_000]) {
      bench.clock.advance(passMs);
      expect(duplicateIn(await bench.desk.accept(bench.request()))).toEqual({
        details: `these identifiers were used: they were asked about at ${time}, not charged (TRANSACTION_NOT_FOUND)`,
        display: 'this receipt number is used up: nothing was charged; use a new one',
      });
      expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('TRANSACTION_NOT_FOUND');
    }
    expect(bench.app.questions).toHaveLength(1);
    bench.clock.advance(11 * 86_400_000);
    expect((await bench.desk.accept(bench.request())).kind).toBe('begun');
  });

  test('without a record, on a disk that fails when it is recorded: nobody holds it, and the next Check is answered', async () => {
    const bench = await deskBench();
    const identity = bench.identityOf({ sequence_id: undefined });
    const { journal } = bench;
    const whole = journal.siblings.bind(journal);
    // The first time it is read whether another one may be meant, the second time whether one has begun meanwhile.
    let count = 0;
    journal.siblings = async (id) => {
      count += 1;
      if (count === 2) throw new Error('EIO');
      return whole(id);
    };
    bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
    expect(codeOf(await bench.desk.check(identity, bench.app.ask))).toBe('OUTCOME_UNKNOWN');
    expect(count).toBe(2);
    bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
    expect(codeOf(await bench.desk.check(identity, bench.app.ask))).toBe('TRANSACTION_NOT_FOUND');
  });

  test('without a record, when the application does not know Check: OUTCOME_UNKNOWN, and nothing is recorded', async () => {
    const bench = await deskBench();
    bench.app.answer(failure('JSONRPC_METHOD_NOT_FOUND'));
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('OUTCOME_UNKNOWN');
    expect(await stateAt(bench)).toBe('none');
  });

  test('disbelieves a result that names another receipt or currency: OUTCOME_UNKNOWN, and the entry stays open', async () => {
    const bench = await deskBench();
    await abandonAt(bench);
    for (const other of ['{"receipt_id":18}', '{"receipt_id":"17","currency":"SEK"}']) {
      bench.app.answer(result(other));
      expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('OUTCOME_UNKNOWN');
    }
    expect(await stateAt(bench)).toBe('unresolved');
    bench.app.answer(result('{"receipt_id":"17","currency":"EUR","amount":500}'));
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('result');
  });

  test('without a record, while the journal is not complete: OUTCOME_UNKNOWN, and nothing is recorded; an outcome is believed', async () => {
    const bench = await deskBench();
    damage(bench, { receipt_id: 99 });
    for (let round = 0; round < 2; round += 1) {
      bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
      const said = await bench.desk.check(bench.identityOf(), bench.app.ask);
      expect(codeOf(said)).toBe('OUTCOME_UNKNOWN');
      expect(detailsOf(said)).toMatch(/damaged; look at the terminal, and ask again/);
    }
    expect(await stateAt(bench)).toBe('none');
    bench.app.answer(failure('DECLINED'));
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('DECLINED');
    rmSync(path.join(bench.folder, `${bench.idOf({ receipt_id: 99 })}.damaged`));
    bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
    expect(codeOf(await bench.desk.check(bench.identityOf({ receipt_id: 18 }), bench.app.ask))).toBe(
      'TRANSACTION_NOT_FOUND',
    );
  });

  test.each([
    ['nothing', undefined, 'OUTCOME_UNKNOWN'],
    ['BUSY', failure('BUSY'), 'OUTCOME_UNKNOWN'],
    ['TRANSACTION_ACTIVE', failure('TRANSACTION_ACTIVE'), 'TRANSACTION_ACTIVE'],
  ])('without a record, when the application says %s: nothing is recorded', async (_, answer, code) => {
    const bench = await deskBench();
    bench.app.answer(answer);
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe(code);
    expect(await stateAt(bench)).toBe('none');
  });

  test('is TRANSACTION_ACTIVE when the Purchase comes while the application is asked', async () => {
    const bench = await deskBench();
    const checked = watch(bench.desk.check(bench.identityOf(), bench.app.ask));
    await until(() => bench.app.questions.length === 1);
    const { entry } = await beginAt(bench);
    bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
    expect(codeOf(await checked.promise)).toBe('TRANSACTION_ACTIVE');
    await bench.desk.outcomes.record(entry, APPROVED);
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('result');
  });

  test('while the journal cannot be read: OUTCOME_UNKNOWN, loudly, and nobody is asked', async () => {
    const bench = await deskBench();
    obstruct(bench);
    const said = await bench.desk.check(bench.identityOf(), bench.app.ask);
    expect(codeOf(said)).toBe('OUTCOME_UNKNOWN');
    expect(detailsOf(said)).toContain('the journal cannot be read');
    expect(bench.app.questions).toEqual([]);
    expect(bench.lines).toEqual([expect.stringMatching(/^error the journal cannot be read why=/)]);
  });

  test('while the folder is gone: never TRANSACTION_NOT_FOUND', async () => {
    const bench = await deskBench();
    rmSync(bench.folder, { recursive: true });
    bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('OUTCOME_UNKNOWN');
  });

  test('several at once agree, and the application is believed once', async () => {
    const bench = await deskBench();
    for (let n = 0; n < 5; n += 1) bench.app.answer(failure('TRANSACTION_NOT_FOUND'));
    const checks = [1, 2, 3, 4, 5].map(() => bench.desk.check(bench.identityOf(), bench.app.ask));
    const codes = (await Promise.all(checks)).map(codeOf);
    for (const code of codes) expect(code).toMatch(/^TRANSACTION_(NOT_FOUND|ACTIVE)$/);
    expect(codes).toContain('TRANSACTION_NOT_FOUND');
    expect(codeOf(await bench.desk.check(bench.identityOf(), bench.app.ask))).toBe('TRANSACTION_NOT_FOUND');
  });
});

describe('card secrets', () => {
  const full = result(
    '{"track2":"4111=2512","amount":1.0,"card":{"cvv":"123","pan":"4111"},"list":[{"pin":1}]}',
  );
  const stored = '{"amount":1.0,"card":{"pan":"4111"},"list":[{}]}';

  test('in an answer are not stored, and that is reported; Check gives the stored text', async () => {
    const bench = await deskBench();
    await endAt(bench, full);
    expect(bench.lines).toEqual([expect.stringMatching(/^warn an answer has card secrets/)]);
    expect((await bench.desk.check(bench.identityOf(), bench.app.ask)).text.toString()).toBe(stored);
  });

  test('in an answer that was found by asking are not stored either, and every Check gives the same', async () => {
    const bench = await deskBench();
    await abandonAt(bench);
    bench.app.answer(full);
    expect((await bench.desk.check(bench.identityOf(), bench.app.ask)).text.toString()).toBe(stored);
    bench.app.answer(full);
    const other = bench.identityOf({ receipt_id: 18 });
    expect((await bench.desk.check(other, bench.app.ask)).text.toString()).toBe(stored);
    expect((await bench.desk.check(other, bench.app.ask)).text.toString()).toBe(stored);
  });
});
