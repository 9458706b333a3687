import { readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { identify } from '../../src/bridge/identity.ts';
import type { Told } from '../../src/bridge/journal/outcome-recorder.ts';
import { Journal } from '../../src/store/journal.ts';
import {
  abandonAt,
  beginAt,
  codeOf,
  type DeskBench,
  deskBench,
  duplicateIn,
  endAt,
  failure,
  passUntil,
  repeatAt,
  result,
  until,
  watch,
} from './journal-kit.ts';

const APPROVED = result('{"n":1}');
const NOT_FOUND = failure('TRANSACTION_NOT_FOUND');
/** As a register without sequence numbers says it. */
const BARE = { sequence_id: null };

const besideOf = (bench: DeskBench, more: { peer?: string } = {}) => deskBench({ beside: bench, ...more });

async function checkAt(bench: DeskBench, params: object): Promise<string> {
  return codeOf(await bench.desk.check(bench.identityOf(params), bench.app.ask));
}

describe('while the first is running, a second with the same identifiers', () => {
  test('and another amount is a duplicate at once, in any process, before anybody is BUSY', async () => {
    const bench = await deskBench();
    await beginAt(bench);
    for (const desk of [bench, await besideOf(bench)]) {
      const told = duplicateIn(await desk.desk.accept(desk.request({}, { amount: '999' })));
      expect(told?.details).toMatch(/the first was a Purchase of 1230 EUR at \S+, still running$/);
      expect(told?.display).toBe('another payment with this receipt number is running');
    }
  });

  test('gets the same answer on the same connection, for it has waited for it', async () => {
    const bench = await deskBench();
    const { entry, release } = await beginAt(bench);
    const second = watch(bench.desk.accept(bench.request()));
    await until(() => bench.clock.timerCount > 0);
    await bench.desk.outcomes.record(entry, APPROVED);
    release();
    await passUntil(bench.clock, () => second.value !== undefined);
    expect(second.value).toMatchObject({ kind: 'answer', answer: { kind: 'result' } });
  });
});

describe('the stored answer', () => {
  test('is not given on the connection that has it already: that is another sale', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED);
    const told = duplicateIn(await bench.desk.accept(bench.request()));
    expect(told).toEqual({
      details: expect.stringMatching(/^these identifiers were used: the first was a Purchase .*, charged$/),
      display: expect.stringMatching(/^already paid 12\.30 EUR at 20\d\d-\d\d-\d\d \d\d:\d\d UTC$/),
    });
  });

  test('is not given there, either, while somebody looks at the entry: nothing is running that could be waited for', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED);
    const looking = await bench.journal.claim(bench.idOf());
    const second = watch(bench.desk.accept(bench.request()));
    await until(() => bench.clock.timerCount > 0);
    await looking?.release();
    await passUntil(bench.clock, () => second.value !== undefined);
    expect(second.value?.kind).toBe('duplicate');
  });

  test('is given to a new connection as long as the first has sent nothing since, in any process', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED);
    expect((await repeatAt(bench)).kind).toBe('answer');
  });

  test('is not given while the connection that carried it is open and has gone on, in any process', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED);
    bench.desk.spoke();
    expect(duplicateIn(await repeatAt(bench))?.display).toMatch(/^already paid/);
    const inSameProcess = await deskBench({ beside: bench, journal: bench.journal });
    expect((await inSameProcess.desk.accept(inSameProcess.request())).kind).toBe('duplicate');
    bench.desk.left();
    expect((await repeatAt(bench)).kind).toBe('answer');
  });

  test('is not given while another connection that carried it, to a repeated one, has gone on', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED);
    bench.desk.left();
    const second = await besideOf(bench);
    expect((await second.desk.accept(second.request())).kind).toBe('answer');
    expect((await second.desk.accept(second.request())).kind).toBe('duplicate');
    expect((await repeatAt(bench)).kind).toBe('answer');
    second.desk.spoke();
    expect((await repeatAt(bench)).kind).toBe('duplicate');
  });

  test('is given to 64 connections at most, and each leaves one mark, so that no entry grows for ever', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED);
    const kinds: string[] = [];
    for (let count = 0; count < 70; count += 1) {
      const beside = await deskBench({ beside: bench, journal: bench.journal });
      kinds.push((await beside.desk.accept(beside.request())).kind);
    }
    expect(kinds.filter((kind) => kind === 'answer')).toHaveLength(63); // and the first one
    expect(kinds.at(-1)).toBe('duplicate');
  });

  test('is not held back by what the connection did before it, nor by Check', async () => {
    const bench = await deskBench();
    const { entry, release } = await beginAt(bench);
    bench.desk.spoke();
    await bench.desk.outcomes.record(entry, APPROVED);
    release();
    const checker = await besideOf(bench);
    expect(await checkAt(checker, {})).toBe('result');
    checker.desk.spoke();
    expect((await checker.desk.accept(checker.request())).kind).toBe('answer');
  });

  test('is not held back by a connection that was gone when it came', async () => {
    const bench = await deskBench();
    const { entry, release } = await beginAt(bench);
    bench.desk.left();
    await bench.desk.outcomes.record(entry, APPROVED);
    release();
    bench.desk.spoke();
    expect((await repeatAt(bench)).kind).toBe('answer');
  });

  test('of a decline is refused in words that say that nothing was charged', async () => {
    const bench = await deskBench();
    await endAt(bench, failure('DECLINED'));
    expect(duplicateIn(await bench.desk.accept(bench.request()))).toEqual({
      details: expect.stringMatching(/not charged \(DECLINED\)$/),
      display: 'this receipt number is used up: nothing was charged; use a new one',
    });
  });
});

describe('a register at another address', () => {
  test('is the same, and is logged, with Purchase and with Check', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED);
    const moved = await besideOf(bench, { peer: '::1' });
    expect(await checkAt(moved, {})).toBe('result');
    expect((await moved.desk.accept(moved.request())).kind).toBe('answer');
    const line =
      /^warn a transaction is asked about, or repeated, from another address .*first=192\.0\.2\.7 now=::1/;
    expect(moved.lines).toEqual([expect.stringMatching(line), expect.stringMatching(line)]);
    const same = await besideOf(bench);
    await checkAt(same, {});
    expect(same.lines).toEqual([]);
  });
});

describe('Check without sequence_id', () => {
  test('is about the transaction without one, if there is one', async () => {
    const bench = await deskBench();
    await endAt(bench, failure('DECLINED'));
    bench.desk.spoke();
    await endAt(bench, APPROVED, BARE);
    expect(await checkAt(bench, BARE)).toBe('result');
    expect(await checkAt(bench, {})).toBe('DECLINED');
  });

  test('is about the only transaction with this receipt_id, however it stands', async () => {
    const bench = await deskBench();
    const { entry, release } = await beginAt(bench, { sequence_id: 4 });
    expect(await checkAt(bench, BARE)).toBe('TRANSACTION_ACTIVE');
    await entry.release();
    release();
    bench.app.answer(APPROVED);
    expect(await checkAt(bench, BARE)).toBe('result');
    expect(bench.app.params).toEqual(['{"receipt_id":17,"sequence_id":4}']);
    expect(await checkAt(bench, { sequence_id: 4 })).toBe('result');
    expect(bench.app.questions).toHaveLength(1);
  });

  test('is also about one that the journal has only from the application', async () => {
    const bench = await deskBench();
    bench.app.answer(APPROVED);
    expect(await checkAt(bench, { sequence_id: 4 })).toBe('result');
    expect(await checkAt(bench, BARE)).toBe('result');
    expect(bench.app.questions).toHaveLength(1);
  });

  test('is OUTCOME_UNKNOWN where there are several, and nobody is asked', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED, { sequence_id: 1 });
    await endAt(bench, APPROVED, { sequence_id: 2 });
    expect(await checkAt(bench, BARE)).toBe('OUTCOME_UNKNOWN');
    expect(bench.app.questions).toEqual([]);
  });

  test('does not take the transactions of other receipts, or of other registers, for its own', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED, { receipt_id: 18 });
    const other = await deskBench({ register: 'till-2', beside: bench });
    await endAt(other, APPROVED);
    bench.app.answer(NOT_FOUND);
    expect(await checkAt(bench, BARE)).toBe('TRANSACTION_NOT_FOUND');
  });

  test('that finds nothing has every later Purchase of that receipt refused, whatever its sequence_id', async () => {
    const bench = await deskBench();
    bench.app.answer(NOT_FOUND);
    expect(await checkAt(bench, BARE)).toBe('TRANSACTION_NOT_FOUND');
    for (const params of [BARE, {}, { sequence_id: 2 }, { receipt_id: '17', sequence_id: 'x' }]) {
      const told = duplicateIn(await bench.desk.accept(bench.request(params)));
      expect(told?.details).toMatch(/asked about at .*not charged \(TRANSACTION_NOT_FOUND\)$/);
      const attempt = await bench.request().acquire('id');
      expect(attempt.acquired).toBe(true);
      if (attempt.acquired) attempt.release();
    }
    expect(readdirSync(bench.folder).filter((name) => name.endsWith('.entry'))).toHaveLength(1);
  });

  test('that finds nothing refuses no Purchase of another receipt, nor does one with a sequence_id refuse others', async () => {
    const bench = await deskBench();
    bench.app.answer(NOT_FOUND);
    expect(await checkAt(bench, { sequence_id: 1 })).toBe('TRANSACTION_NOT_FOUND');
    expect((await bench.desk.accept(bench.request({ sequence_id: 2 }))).kind).toBe('begun');
  });

  test('is never TRANSACTION_NOT_FOUND while there is a transaction, also where an absence stayed by mistake', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED, { sequence_id: 3 });
    const { journal } = bench;
    const bare = Journal.idOf(bench.register, '17');
    const sent = { state: 'absent', version: 2, register: 'till-1', identity: {}, method: '' } as const;
    const time = new Date(bench.clock.wallMs()).toISOString();
    const done = { kind: 'error', text: NOT_FOUND.text.toString(), time } as const;
    const entry = await journal.begin(bare, { ...sent, time }, done);
    if (entry !== 'exists') await entry.release();
    expect(await checkAt(bench, BARE)).toBe('result');
  });

  test.each([1, 2, 3])(
    'and Purchases in other processes at the same time: never both, round %i',
    async (round) => {
      const bench = await deskBench();
      const others = await Promise.all([besideOf(bench), besideOf(bench)]);
      for (let n = 0; n < 20; n += 1) {
        const receipt_id = `${round}-${n}`;
        bench.app.answer(NOT_FOUND);
        const checked = watch(
          bench.desk.check(bench.identityOf({ receipt_id, ...BARE }), bench.app.ask).then(codeOf),
        );
        const bought = others.map((other, index) =>
          watch(other.desk.accept(other.request({ receipt_id, sequence_id: index }))),
        );
        await passUntil(bench.clock, () => [checked, ...bought].every(({ value }) => value !== undefined));
        const begun = bought.flatMap(({ value }) => (value?.kind === 'begun' ? [value] : []));
        expect(['TRANSACTION_NOT_FOUND', 'TRANSACTION_ACTIVE', 'OUTCOME_UNKNOWN']).toContain(checked.value);
        if (checked.value === 'TRANSACTION_NOT_FOUND') expect(begun).toEqual([]);
        for (const { entry, release } of begun) {
          await entry.withdraw();
          release();
        }
      }
    },
  );
});

describe('Check with sequence_id, where the transaction was made without one', () => {
  const UNKNOWN = {
    string_code: 'OUTCOME_UNKNOWN',
    details: expect.stringMatching(/made without the other identifiers; ask without them/),
    display_message: expect.stringMatching(/not known/),
  };
  const told = async (bench: DeskBench, params: object) => {
    const { text } = await bench.desk.check(bench.identityOf(params), bench.app.ask);
    return JSON.parse(text.toString()).data;
  };

  test.each(['running', 'unresolved', 'charged', 'declined', 'damaged'])(
    'is OUTCOME_UNKNOWN while it is %s: nobody is asked and no absence is recorded',
    async (state) => {
      const bench = await deskBench();
      if (state === 'charged') await endAt(bench, APPROVED, BARE);
      else if (state === 'declined') await endAt(bench, failure('DECLINED'), BARE);
      else if (state === 'running') await beginAt(bench, BARE);
      else await abandonAt(bench, BARE);
      const file = path.join(bench.folder, `${bench.idOf(BARE)}.entry`);
      if (state === 'damaged') renameSync(file, file.replace('.entry', '.damaged'));
      expect(await told(bench, {})).toEqual(UNKNOWN);
      expect(bench.app.questions).toEqual([]);
      expect(await bench.journal.lookup(bench.idOf())).toEqual({ state: 'none' });
    },
  );

  test('is OUTCOME_UNKNOWN also where that began while the application was asked', async () => {
    const bench = await deskBench();
    const asked = told(bench, {});
    await until(() => bench.app.questions.length === 1);
    await beginAt(bench, BARE);
    bench.app.answer(NOT_FOUND);
    expect(await asked).toEqual(UNKNOWN);
    expect(await bench.journal.lookup(bench.idOf())).toEqual({ state: 'none' });
  });

  test('is no absence where that begins in the very moment in which one is recorded', async () => {
    const bench = await deskBench();
    const other = await besideOf(bench);
    const { journal } = bench;
    const begin = journal.begin.bind(journal);
    vi.spyOn(journal, 'begin').mockImplementationOnce(async (...args) => {
      await beginAt(other, BARE);
      return begin(...args);
    });
    bench.app.answer(NOT_FOUND);
    expect(await checkAt(bench, {})).toBe('TRANSACTION_ACTIVE');
    expect(await journal.lookup(bench.idOf())).toEqual({ state: 'none' });
    expect(await told(bench, {})).toEqual(UNKNOWN);
  });

  test('is about its own where there is one, or where the other was only asked about and not found', async () => {
    const bench = await deskBench();
    await endAt(bench, APPROVED, BARE);
    bench.desk.spoke();
    await endAt(bench, failure('DECLINED'));
    expect(await checkAt(bench, {})).toBe('DECLINED');
    const other = { receipt_id: 18 };
    bench.app.answer(NOT_FOUND);
    expect(await checkAt(bench, { ...other, ...BARE })).toBe('TRANSACTION_NOT_FOUND');
    bench.app.answer(NOT_FOUND);
    expect(await checkAt(bench, other)).toBe('TRANSACTION_NOT_FOUND');
  });
});

test('an application is asked in the words of the transaction itself, at the place that its record names', async () => {
  const bench = await deskBench();
  const words = identify(Buffer.from('{"receipt_id":1.7e1,"sequence_id":"1"}'), [
    'receipt_id',
    'sequence_id',
  ]);
  if (typeof words === 'string') throw new Error(words);
  const first = await bench.desk.accept({ ...bench.request(), identity: words });
  if (first.kind !== 'begun') throw new Error(first.kind);
  await first.entry.release();
  first.release();
  const asked: { params: string; place: string | undefined }[] = [];
  const said = await bench.desk.check(bench.identityOf(), async ({ params, sent }) => {
    asked.push({ params: params.toString(), place: sent?.place });
    return APPROVED;
  });
  expect(codeOf(said)).toBe('result');
  expect(asked).toEqual([{ params: '{"receipt_id":1.7e1,"sequence_id":"1"}', place: 'unix:/run/pay.sock' }]);
});

describe('a result that comes after all', () => {
  /** What a connection remembers of a transaction that was refused. */
  const TOLD: Told = {
    sent: {
      state: 'sent',
      version: 2,
      register: 'till-1',
      identity: { receipt_id: '17', sequence_id: '1' },
      method: 'Purchase',
      amount: '1230',
      currency: 'EUR',
      place: 'unix:/run/pay.sock',
      time: '2026-01-31T12:00:00.000Z',
    },
    code: 'BUSY',
    time: '2026-01-31T12:00:01.000Z',
  };

  test('contradicts "not charged", loudly, and is what Check gives from then on', async () => {
    const bench = await deskBench();
    await endAt(bench, NOT_FOUND);
    await bench.desk.outcomes.contradict(bench.identityOf(), APPROVED, TOLD);
    expect(bench.lines).toEqual([
      expect.stringMatching(
        /^error A RESULT CONTRADICTS WHAT WAS TOLD: IT IS CHARGED .*TRANSACTION_NOT_FOUND/,
      ),
    ]);
    expect(await checkAt(bench, {})).toBe('result');
    expect(await bench.journal.lookup(bench.idOf())).toMatchObject({
      done: { kind: 'result' },
      contradicted: { kind: 'error' },
    });
    expect((await bench.desk.accept(bench.request())).kind).toBe('answer');
  });

  test('is the outcome of one that has none, and changes nothing of one that is charged', async () => {
    const bench = await deskBench();
    await abandonAt(bench);
    await bench.desk.outcomes.contradict(bench.identityOf(), APPROVED, TOLD);
    await bench.desk.outcomes.contradict(bench.identityOf(), result('{"n":2}'), TOLD);
    expect((await bench.desk.check(bench.identityOf(), bench.app.ask)).text).toEqual(APPROVED.text);
    expect(bench.lines).toEqual([]);
  });

  test('after a refusal, which leaves no entry, is recorded with what was asked for, loudly', async () => {
    const bench = await deskBench();
    await bench.desk.outcomes.contradict(bench.identityOf(), APPROVED, TOLD);
    expect(bench.lines).toEqual([
      expect.stringMatching(
        /^error A RESULT CONTRADICTS WHAT WAS TOLD: IT IS CHARGED .*told=BUSY since=2026/,
      ),
    ]);
    const entry = await bench.journal.lookup(bench.idOf());
    expect(entry).toMatchObject({
      sent: TOLD.sent,
      done: { kind: 'result' },
      contradicted: { kind: 'error' },
    });
    expect(await checkAt(bench, {})).toBe('result');
    expect(duplicateIn(await bench.desk.accept(bench.request()))?.details).toMatch(
      /the first was a Purchase of 1230 EUR at \S+, charged$/,
    );
  });

  test('after a refusal and a recorded absence is recorded with what was asked for: an absence knows neither method nor money', async () => {
    const bench = await deskBench();
    bench.app.answer(NOT_FOUND);
    expect(await checkAt(bench, {})).toBe('TRANSACTION_NOT_FOUND');
    await bench.desk.outcomes.contradict(bench.identityOf(), APPROVED, TOLD);
    expect(bench.lines).toEqual([
      expect.stringMatching(/^error A RESULT CONTRADICTS WHAT WAS TOLD: .*told=TRANSACTION_NOT_FOUND/),
    ]);
    expect(await bench.journal.lookup(bench.idOf())).toMatchObject({
      sent: TOLD.sent,
      done: { kind: 'result' },
      contradicted: { kind: 'error', text: expect.stringContaining('TRANSACTION_NOT_FOUND') },
    });
    expect(duplicateIn(await bench.desk.accept(bench.request()))).toEqual({
      details: expect.stringMatching(/the first was a Purchase of 1230 EUR at \S+, charged$/),
      display: expect.stringMatching(/^already paid 12\.30 EUR at /),
    });
  });

  test('waits for who is at the entry, and an error contradicts nothing', async () => {
    const bench = await deskBench();
    await endAt(bench, failure('DECLINED'));
    await bench.desk.outcomes.contradict(bench.identityOf(), failure('CANCELLED'), TOLD);
    expect(await checkAt(bench, {})).toBe('DECLINED');
    const busy = await bench.journal.claim(bench.idOf());
    const contradicting = watch(
      bench.desk.outcomes.contradict(bench.identityOf(), APPROVED, TOLD).then(() => true),
    );
    await until(() => bench.clock.timerCount === 1);
    await busy?.release();
    await passUntil(bench.clock, () => contradicting.value === true);
    for (;;) if ((await checkAt(bench, {})) === 'result') break; // the disk may take longer than the clock
  });
});

describe('what an application tells of an earlier sale, after DUPLICATE_TRANSACTION,', () => {
  test('takes the place of the request in one step: a Check that began before it never hears that nothing is there', async () => {
    const bench = await deskBench();
    const other = await besideOf(bench);
    const checked = watch(other.desk.check(other.identityOf(), other.app.ask).then(codeOf));
    await until(() => other.app.questions.length === 1);
    const { entry, release } = await beginAt(bench);
    /** The other process gets its answer, about the request that was running, just when the entry is away. */
    const withdraw = async () => {
      await entry.withdraw();
      other.app.answer(NOT_FOUND);
      await checked.promise;
    };
    await bench.desk.outcomes.supersede({ ...entry, withdraw }, bench.identityOf(), APPROVED);
    release();
    other.app.answer(NOT_FOUND);
    expect(await checked.promise).toBe('TRANSACTION_ACTIVE');
    expect(await checkAt(other, {})).toBe('result');
  });

  test('is stored as a sale of which no request is known, and no Purchase gets its result', async () => {
    const bench = await deskBench();
    const { entry, release } = await beginAt(bench);
    await bench.desk.outcomes.supersede(entry, bench.identityOf(), APPROVED);
    release();
    const lookup = await bench.journal.lookup(bench.idOf());
    expect(lookup).toMatchObject({
      state: 'done',
      sent: { state: 'absent', method: '' },
      done: { kind: 'result' },
    });
    expect(lookup).not.toMatchObject({ sent: { amount: expect.anything() } });
    expect(lookup).not.toMatchObject({ carriers: expect.anything() });
    expect(duplicateIn(await repeatAt(bench))?.details).toMatch(/they were asked about at \S+, charged$/);
  });

  test('is no answer to the same Purchase, either, where its bridge died before it was told', async () => {
    const bench = await deskBench();
    const { entry, release } = await beginAt(bench);
    await bench.desk.outcomes.note(entry, 'DUPLICATE_TRANSACTION');
    await entry.release();
    release();
    bench.app.answer(APPROVED);
    expect(duplicateIn(await repeatAt(bench))?.details).toMatch(/they were asked about at \S+, charged$/);
    expect(await bench.journal.lookup(bench.idOf())).toMatchObject({ sent: { state: 'absent' } });
  });
});
