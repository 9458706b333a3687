import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Journal } from '../../src/store/journal.ts';
import type { SentRecord } from '../../src/store/journal-record.ts';
import { deskBench } from '../bridge/journal-kit.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import {
  after,
  DAY_MS,
  doneAt,
  entryFile,
  isRoot,
  mountedFolder,
  type OpenJournal,
  openJournal,
  remount,
  sentAt,
  temporaryFolder,
} from '../store/journal-kit.ts';
import { type Ended, PROGRAM, posbridge, ROOT, run } from './kit.ts';

/** `posbridge journal`, as people and scripts meet it. */

const HOUR_MS = 3_600_000;
const journal = (folder: string, ...args: string[]): Promise<Ended> =>
  posbridge(['journal', ...args, '--journal', folder]);
const rows = ({ stdout }: Ended) => stdout.split('\n').slice(1, -1);
const objects = ({ stdout }: Ended) =>
  stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
const oneLine = (text: RegExp) =>
  expect.stringMatching(new RegExp(`^posbridge: [^\\n]*${text.source}[^\\n]*\\n$`));

interface Kept {
  readonly agoMs?: number;
  readonly sent?: Partial<SentRecord>;
  readonly done?: { readonly kind: 'result' | 'error'; readonly text: string } | 'running';
}

/** Puts an entry into a journal: unresolved unless it says otherwise. The name is that of its identifiers. */
async function put(
  open: OpenJournal,
  receipt: string,
  { agoMs = HOUR_MS, sent, done }: Kept = {},
): Promise<string> {
  const clock = new FakeClock(Date.now() - agoMs);
  const record = sentAt(clock, { identity: { receipt_id: receipt, sequence_id: '1' }, ...sent });
  const [first = '', ...rest] = Object.values(record.identity);
  const id = Journal.idOf(record.register, first, JSON.stringify(rest));
  const entry = await open.journal.begin(id, record);
  if (entry === 'exists') throw new Error('exists');
  if (done === 'running') after(() => entry.release());
  else if (done === undefined) await entry.release();
  else await entry.finish({ ...doneAt(clock), ...done });
  return id;
}

const approved = { kind: 'result', text: '{"n": 1.10e2}' } as const;
const declined = {
  kind: 'error',
  text: '{"code":1,"message":"no","data":{"string_code":"DECLINED","details":"x"}}',
} as const;
const notFound = { kind: 'error', text: declined.text.replace('DECLINED', 'TRANSACTION_NOT_FOUND') } as const;

/** One of each state. */
async function mixed() {
  const open = await openJournal();
  const ids = {
    approved: await put(open, '17', { agoMs: 5 * HOUR_MS, done: approved }),
    declined: await put(open, '18', { agoMs: 4 * HOUR_MS, done: declined }),
    absent: await put(open, '19', {
      agoMs: 3 * HOUR_MS,
      sent: { state: 'absent', method: '' },
      done: notFound,
    }),
    unresolved: await put(open, '20', { agoMs: 2 * HOUR_MS }),
    running: await put(open, '21', { agoMs: HOUR_MS, done: 'running' }),
    damaged: Journal.idOf('192.0.2.7', '22', '["1"]'),
  };
  writeFileSync(path.join(open.folder, `${ids.damaged}.damaged`), 'hello');
  return { ...open, ids };
}

describe('list', () => {
  test('is a table, newest first', async () => {
    const { folder, ids } = await mixed();
    const listed = await journal(folder, 'list');
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout).toMatch(
      /^NAME +TIME +AGE +STATE +REGISTER +IDENTIFIERS +METHOD +AMOUNT +OUTCOME\n/,
    );
    const words = rows(listed).map((row) => row.split(/ {2,}/));
    expect(words.map(([name, , age, ...rest]) => [name, age, ...rest])).toEqual([
      [ids.damaged.slice(0, 8), expect.stringMatching(/^\d+s$/), 'damaged'],
      [ids.running.slice(0, 8), '60m', 'running', '192.0.2.7', '21/1', 'Purchase', '12.30 EUR'],
      [ids.unresolved.slice(0, 8), '2h', 'unresolved', '192.0.2.7', '20/1', 'Purchase', '12.30 EUR'],
      [ids.absent.slice(0, 8), '3h', 'absent', '192.0.2.7', '19/1', '12.30 EUR', 'TRANSACTION_NOT_FOUND'],
      [
        ids.declined.slice(0, 8),
        '4h',
        'done-error',
        '192.0.2.7',
        '18/1',
        'Purchase',
        '12.30 EUR',
        'DECLINED',
      ],
      [
        ids.approved.slice(0, 8),
        '5h',
        'done-approved',
        '192.0.2.7',
        '17/1',
        'Purchase',
        '12.30 EUR',
        'result',
      ],
    ]);
    for (const [, time = ''] of words) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  test.each<[string[], string[]]>([
    [
      ['--since', '150m'],
      ['22', '21', '20'],
    ],
    [
      ['--until', '150m'],
      ['19', '18', '17'],
    ],
    [
      ['--since', '270m', '--until', '90m'],
      ['20', '19', '18'],
    ],
    [['--state', 'unresolved'], ['20']],
    [
      ['--state', 'running', '--state', 'damaged'],
      ['22', '21'],
    ],
    [['--state', 'absent', '--since', '1h'], []],
    [['--state', 'done-approved'], ['17']],
    [['--state', 'done-error'], ['18']],
    [['18/1'], ['18']],
    [
      ['--register', '192.0.2.7'],
      ['21', '20', '19', '18', '17'],
    ],
    [['--register', 'nobody'], []],
    [['18/1', '--register', 'nobody'], []],
  ])('%j is narrowed', async (args, receipts) => {
    const { folder, ids } = await mixed();
    const receiptOf = new Map(Object.values(ids).map((id, index) => [id, String(17 + index)]));
    const listed = objects(await journal(folder, 'list', '--json', ...args));
    expect(listed.map(({ id }) => receiptOf.get(id))).toEqual(receipts);
  });

  test('is one object a line for programs', async () => {
    const { folder, ids } = await mixed();
    const listed = await journal(folder, 'list', '--json', '--state=done-error');
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(objects(listed)).toEqual([
      {
        id: ids.declined,
        time: expect.stringMatching(/Z$/),
        state: 'done-error',
        register: '192.0.2.7',
        identity: { receipt_id: '18', sequence_id: '1' },
        method: 'Purchase',
        amount: '1230',
        currency: 'EUR',
        outcome: 'DECLINED',
        outcome_time: expect.stringMatching(/Z$/),
      },
    ]);
  });

  test('of nothing has no data, and says why', async () => {
    const { folder } = await openJournal();
    expect(await journal(folder, 'list')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'the journal is empty\n',
    });
    expect(await journal(folder, 'list', '--json')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const { folder: other } = await mixed();
    expect(await journal(other, 'list', '99/9')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'there is no such entry\n',
    });
  });

  test('hides card numbers wherever they stand', async () => {
    const open = await openJournal();
    const card = '4111111111111111';
    const sent = {
      identity: { receipt_id: '17', pan: card },
      register: 'till',
      method: card,
      amount: '1250',
      currency: card,
      channel: card,
      connection: 'till.1',
    };
    await put(open, 'x', { sent, done: { kind: 'error', text: declined.text.replace('DECLINED', card) } });
    const id = readdirSync(open.folder)[0]?.slice(0, 12) ?? '';
    for (const args of [
      ['list'],
      ['list', '--json'],
      ['export'],
      ['show', id],
      ['show', id, '--json'],
      ['verify'],
      ['settle', id, 'approved'],
    ]) {
      const { stdout, stderr } = await journal(open.folder, ...args);
      expect(stdout + stderr).not.toBe('');
      expect([args, (stdout + stderr).includes(card)]).toEqual([args, false]);
    }
  });

  test('shows what identifies a sale as it is, also what looks like a card number', async () => {
    const open = await openJournal();
    const receipt = '4000123400000008';
    await put(open, 'x', { sent: { identity: { receipt_id: receipt, sequence_id: '1' } } });
    const id = readdirSync(open.folder)[0]?.slice(0, 12) ?? '';
    for (const args of [
      ['list'],
      ['list', '--json'],
      ['export'],
      ['show', id],
      ['show', id, '--json'],
      ['settle', id, 'approved'],
    ]) {
      const { stdout, stderr } = await journal(open.folder, ...args);
      expect([args, (stdout + stderr).includes(receipt)]).toEqual([args, true]);
    }
  });

  test('does not mind a reader that has seen enough', async () => {
    const open = await openJournal();
    for (let receipt = 0; receipt < 200; receipt += 1) {
      await put(open, String(receipt), {
        done: { kind: 'result', text: JSON.stringify({ x: 'y'.repeat(2000) }) },
      });
    }
    const script = `'${PROGRAM}' journal export --journal '${open.folder}' | head -n 1 | wc -l; echo "\${PIPESTATUS[0]}"`;
    expect(await run('bash', ['-c', script])).toMatchObject({ stdout: '1\n0\n', stderr: '' });
    const full = `'${PROGRAM}' journal export --journal '${open.folder}' >/dev/full; echo $?`;
    expect(await run('bash', ['-c', full])).toMatchObject({
      stdout: '111\n',
      stderr: oneLine(/standard output: no space left/),
    });
  });
});

describe('show', () => {
  test('finds an entry by identifiers and by the beginning of its name', async () => {
    const { folder, ids } = await mixed();
    const shown = await journal(folder, 'show', '17/1');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toMatch(
      new RegExp(`^name +${ids.approved}\n(.*\n)*state +done-approved\n(.*\n)*answer +\\{"n": 1.10e2\\}\n`),
    );
    for (const text of [ids.approved.slice(0, 6), ids.approved, `${ids.approved}.entry`]) {
      expect((await journal(folder, 'show', text)).stdout).toBe(shown.stdout);
    }
  });

  test('shows the records as they are stored', async () => {
    const { folder, ids } = await mixed();
    const shown = await journal(folder, 'show', '17/1', '--json');
    const [sent, done] = readFileSync(entryFile(folder, ids.approved), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line.slice(9)));
    expect(objects(shown)).toEqual([
      { id: ids.approved, file: `${ids.approved}.entry`, state: 'done-approved', sent, done },
    ]);
  });

  test.each([
    ['99/1', /there is no entry "99\/1" in \S+; 1 damaged ones are known by their names only/],
    ['17', /there is no entry "17"/],
    ['', /there is no entry ""/],
    ['\u001b[31m', /there is no entry "\\u001b\[31m"/],
  ])('%j is 100', async (text, why) => {
    const { folder } = await mixed();
    expect(await journal(folder, 'show', text)).toMatchObject({
      code: 100,
      stdout: '',
      stderr: oneLine(why),
    });
  });

  test('wants to know whose, where several registers use the same', async () => {
    const open = await openJournal();
    const ids = [
      await put(open, '17'),
      await put(open, '17', { sent: { register: 'till-2' } }),
      await put(open, '17', { sent: { register: '' } }),
    ];
    const shown = await journal(open.folder, 'show', '17/1');
    expect(shown).toMatchObject({
      code: 100,
      stdout: '',
      stderr: oneLine(/"17\/1" means 3 entries \(.*: give more of the name, or --register/),
    });
    for (const id of ids) expect(shown.stderr).toContain(id.slice(0, 12));
    for (const [index, register] of ['192.0.2.7', 'till-2', ''].entries()) {
      const [one] = objects(await journal(open.folder, 'show', '17/1', '--json', `--register=${register}`));
      expect(one.id).toBe(ids[index]);
    }
  });

  test('takes the entry rather than what was set aside under the same name', async () => {
    const { folder, ids } = await mixed();
    writeFileSync(path.join(folder, `${ids.approved}.damaged`), 'hello');
    expect(objects(await journal(folder, 'show', ids.approved, '--json'))[0]).toMatchObject({
      state: 'done-approved',
    });
    const aside = await journal(folder, 'show', `${ids.approved}.damaged`, '--json');
    expect(objects(aside)[0]).toMatchObject({ state: 'damaged', why: 'set aside' });
    expect((await journal(folder, 'show', ids.damaged)).stdout).toMatch(/state +damaged \(set aside\)/);
  });
});

describe('export', () => {
  test('gives every entry with the answer exactly as it is stored', async () => {
    const open = await openJournal();
    const text = '{"n": 1.10e2, "big":12345678901234567890, "ü":"\\u00e4\\u2028\u2028", "t":"a\\nb"}';
    await put(open, '17', { done: { kind: 'result', text } });
    await put(open, '18', { agoMs: 5 * DAY_MS });
    const exported = await journal(open.folder, 'export');
    expect(exported).toMatchObject({ code: 0, stderr: '' });
    const [unresolved, done] = objects(exported).toSorted((one, other) =>
      one.sent.time < other.sent.time ? -1 : 1,
    );
    expect(done.done).toEqual({ state: 'done', kind: 'result', text, time: done.sent.time });
    expect(done).not.toHaveProperty('masked');
    expect(unresolved).toMatchObject({
      state: 'unresolved',
      sent: { identity: { receipt_id: '18' }, hash: 'a'.repeat(64) },
    });
    expect(unresolved).not.toHaveProperty('done');
    expect(objects(await journal(open.folder, 'export', '--since', '1d'))).toEqual([done]);
    expect(objects(await journal(open.folder, 'export', '18/1'))).toEqual([unresolved]);
  });

  test('says where something is hidden', async () => {
    const open = await openJournal();
    await put(open, '17', { done: { kind: 'result', text: '{"card_number":"4111111111111111"}' } });
    expect(objects(await journal(open.folder, 'export'))[0]).toMatchObject({
      masked: true,
      done: { text: '{"card_number":"************1111"}' },
    });
  });
});

describe('prune', () => {
  test('removes what is older than the journal keeps, and says how many', async () => {
    const open = await openJournal();
    await put(open, '1', { agoMs: 31 * DAY_MS, done: approved });
    await put(open, '2', { agoMs: 40 * DAY_MS, done: declined });
    await put(open, '3', { agoMs: 29 * DAY_MS, done: declined });
    await put(open, '4', { agoMs: 99 * DAY_MS });
    await put(open, '5', { agoMs: 99 * DAY_MS, done: 'running' });
    writeFileSync(path.join(open.folder, '0.damaged'), '');
    expect(await journal(open.folder, 'prune')).toEqual({
      code: 0,
      signal: null,
      stdout: '',
      stderr: 'removed 2, kept 1 unresolved and 1 damaged\n',
    });
    expect(readdirSync(open.folder)).toHaveLength(4);
    expect((await journal(open.folder, 'prune', '--journal-keep', '28d')).stderr).toMatch(/^removed 1, /);
    expect((await journal(open.folder, 'prune')).stderr).toMatch(/^removed 0, /);
  });
});

describe('verify', () => {
  test('of a complete journal is 0', async () => {
    const open = await openJournal();
    expect(await journal(open.folder, 'verify')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'the journal is empty; it is complete\n',
    });
    await put(open, '17', { done: approved });
    await put(open, '18');
    expect(await journal(open.folder, 'verify')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '1 unresolved, 1 done-approved; it is complete\n',
    });
  });

  test('names what is damaged, changes nothing, and is 111', async () => {
    const open = await openJournal();
    const torn = await put(open, '17', { done: approved });
    const empty = await put(open, '18', { done: approved });
    const odd = Journal.idOf('192.0.2.7', '19', '["1"]');
    truncateSync(entryFile(open.folder, torn), readFileSync(entryFile(open.folder, torn)).length - 2);
    truncateSync(entryFile(open.folder, empty));
    mkdirSync(entryFile(open.folder, odd));
    writeFileSync(path.join(open.folder, '0.damaged'), '');
    const before = readdirSync(open.folder);
    const verified = await journal(open.folder, 'verify');
    expect(verified.code).toBe(111);
    expect(verified.stderr).toBe('1 unresolved, 3 damaged; it is not complete\n');
    expect(verified.stdout.split('\n').toSorted()).toEqual(
      [
        '',
        'damaged\t0.damaged\tset aside',
        `damaged\t${empty}.entry\tits first record cannot be read`,
        `damaged\t${odd}.entry\tcannot be read: it is no regular file`,
        `doubtful\t${torn}.entry\ta part of it cannot be read: an outcome may have stood there`,
      ].toSorted(),
    );
    expect(readdirSync(open.folder)).toEqual(before);
  });

  test('does not mind what is damaged and older than the journal keeps', async () => {
    const open = await openJournal();
    writeFileSync(path.join(open.folder, '0.damaged'), '');
    const verified = await journal(open.folder, 'verify', '--journal-keep', '1ms');
    expect(verified).toMatchObject({
      code: 0,
      stdout: 'damaged\t0.damaged\tset aside, older than the journal keeps\n',
    });
  });
});

describe('settle', () => {
  test.each([
    ['approved', 'result', { settled_by: 'alice', settled_at: expect.any(String) }],
    [
      'not-charged',
      'error',
      {
        code: 1,
        message: expect.any(String),
        data: {
          string_code: 'TRANSACTION_NOT_FOUND',
          details: expect.stringMatching(/^not charged, says alice \(/),
        },
      },
    ],
  ])('%s ends an unresolved one for good, in a name', async (outcome, kind, answer) => {
    const open = await openJournal();
    const id = await put(open, '17');
    expect(await journal(open.folder, 'settle', '17/1', outcome, '--by', 'alice')).toEqual({
      code: 0,
      signal: null,
      stdout: '',
      stderr: `settled ${id.slice(0, 8)} (17/1) as ${outcome}, by alice\n`,
    });
    const lookup = await open.journal.lookup(id);
    expect(lookup).toMatchObject({ state: 'done', done: { kind, by: 'alice' } });
    if (lookup.state === 'done') {
      expect(JSON.parse(lookup.done.text)).toEqual(answer);
      expect(Math.abs(Date.parse(lookup.done.time) - Date.now())).toBeLessThan(60_000);
    }
    const bench = await deskBench({ register: '192.0.2.7' });
    const desk = await deskBench({ register: '192.0.2.7', beside: { ...bench, folder: open.folder } });
    const said = await desk.desk.check(desk.identityOf(), desk.app.ask);
    expect([said.kind, JSON.parse(said.text.toString())]).toEqual([kind, answer]);
    expect((await journal(open.folder, 'list')).stdout).toMatch(/ by alice\n$/);
    for (const again of ['approved', 'not-charged']) {
      expect(await journal(open.folder, 'settle', '17/1', again)).toMatchObject({
        code: 100,
        stderr: oneLine(/\(17\/1\) has an outcome already/),
      });
    }
    expect(await open.journal.lookup(id)).toEqual(lookup);
  });

  test('is said by the login name, or by who became root', async () => {
    const open = await openJournal();
    const names = [execFileSync('id', ['-un'], { encoding: 'utf8' }).trim(), 'carol'];
    for (const [index, SUDO_USER] of [undefined, 'carol'].entries()) {
      const id = await put(open, String(index));
      const args = ['journal', 'settle', `${index}/1`, 'approved', '--journal', open.folder];
      const { stderr } = await posbridge(args, { env: { SUDO_USER } });
      expect(stderr).toMatch(new RegExp(`, by ${names[index]}\n$`));
      expect(await open.journal.lookup(id)).toMatchObject({ done: { by: names[index] } });
    }
  });

  test('ends a doubtful one, too', async () => {
    const open = await openJournal();
    const id = await put(open, '17', { done: approved });
    truncateSync(entryFile(open.folder, id), readFileSync(entryFile(open.folder, id)).length - 2);
    expect((await journal(open.folder, 'settle', id.slice(0, 8), 'not-charged')).code).toBe(0);
    expect(await open.journal.lookup(id)).toMatchObject({ state: 'done', done: { kind: 'error' } });
  });

  test('refuses what is running (111), done, absent or damaged (100), and leaves it as it is', async () => {
    const { folder, ids } = await mixed();
    const before = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
    const settled = (text: string) => journal(folder, 'settle', text, 'approved');
    expect(await settled('21/1')).toMatchObject({
      code: 111,
      stdout: '',
      stderr: oneLine(/is being worked on by a running posbridge/),
    });
    expect(await settled('17/1')).toMatchObject({ code: 100, stderr: oneLine(/has an outcome already/) });
    expect(await settled('19/1')).toMatchObject({ code: 100, stderr: oneLine(/has an outcome already/) });
    expect(await settled(ids.damaged)).toMatchObject({
      code: 100,
      stderr: oneLine(/is damaged; only what is unresolved/),
    });
    expect(await settled('99/1')).toMatchObject({ code: 100, stderr: oneLine(/there is no entry/) });
    expect(readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'))).toEqual(before);
  });

  test('is done by one of those who do it at once', async () => {
    const open = await openJournal();
    const id = await put(open, '17');
    const ended = await Promise.all(
      ['a', 'b', 'c', 'd'].map((by, n) =>
        journal(open.folder, 'settle', '17/1', n % 2 ? 'approved' : 'not-charged', '--by', by),
      ),
    );
    const winners = ended.filter(({ code }) => code === 0);
    expect(winners).toHaveLength(1);
    for (const { code } of ended) expect([0, 100, 111]).toContain(code);
    const lookup = await open.journal.lookup(id);
    expect(winners[0]?.stderr).toContain(`by ${lookup.state === 'done' ? lookup.done.by : '?'}`);
    expect(readFileSync(entryFile(open.folder, id), 'utf8').match(/"state":"done"/g)).toHaveLength(1);
  });
});

describe('wrong usage is 100, in one line', () => {
  test.each<[string[], RegExp]>([
    [[], /say what to do: list, show, export, prune, verify, copy, settle; see posbridge journal --help/],
    [['bogus'], /there is no action "bogus"; there is list, /],
    [['toString'], /there is no action "toString"/],
    [['list', 'a', 'b'], /"b" is not understood after list/],
    [['prune', 'x'], /"x" is not understood after prune/],
    [['verify', 'x'], /"x" is not understood after verify/],
    [['show'], /show wants ID/],
    [['settle'], /settle wants ID and OUTCOME: approved or not-charged/],
    [['settle', '17/1'], /settle wants ID and OUTCOME/],
    [['settle', '17/1', 'declined'], /"declined" is no outcome; there is approved and not-charged/],
    [['settle', '17/1', 'approved', '--by', ' '], /--by: " " is not a name/],
    [['settle', '17/1', 'approved', '--json'], /--json: is nothing for settle/],
    [['list', '--by', 'me'], /--by: is nothing for list/],
    [['prune', '--until', '30d'], /--until: is nothing for prune/],
    [['export', '--json'], /--json: is nothing for export/],
    [['list', '--state', 'bogus'], /--state: "bogus" is not one of running, unresolved/],
    [['list', '--since', 'bogus'], /--since: "bogus" is not a time such as 2025-01-31, /],
    [['list', '--journal-keep', 'long'], /--journal-keep: "long" is not a time/],
    [['list', '--app', 'null:'], /there is no option "--app" for this command; see posbridge journal --help/],
  ])('%j', async (args, why) => {
    const { folder } = await openJournal();
    expect(await journal(folder, ...args)).toEqual({
      code: 100,
      signal: null,
      stdout: '',
      stderr: oneLine(why),
    });
  });

  test('without a journal', async () => {
    expect(await posbridge(['journal', 'list'])).toMatchObject({
      code: 100,
      stderr: oneLine(/say where the journal is, for instance --journal/),
    });
  });
});

describe('a journal that cannot be had is 111, in one line', () => {
  test.each(['list', 'export', 'prune', 'verify'])('by %s, and none is made', async (action) => {
    const folder = path.join(temporaryFolder(), 'none');
    expect(await journal(folder, action)).toMatchObject({
      code: 111,
      stdout: '',
      stderr: oneLine(/the journal \S+none cannot be opened: no such file or directory \(ENOENT\)/),
    });
    expect(existsSync(folder)).toBe(false);
    writeFileSync(folder, '');
    expect(await journal(folder, action)).toMatchObject({ code: 111, stderr: oneLine(/ENOTDIR/) });
    rmSync(folder);
  });

  test.runIf(isRoot)('on a full disk nothing is settled', async () => {
    const open = await openJournal(mountedFolder('size=64k'));
    const id = await put(open, '17', { sent: { hash: 'x'.repeat(3650) } });
    for (const size of [4096, 1]) {
      try {
        for (;;) writeFileSync(path.join(open.folder, 'filler'), Buffer.alloc(size), { flag: 'a' });
      } catch {
        // full
      }
    }
    expect(await journal(open.folder, 'settle', '17/1', 'not-charged')).toMatchObject({
      code: 111,
      stderr: oneLine(/no space left on device/),
    });
    expect(await open.journal.lookup(id)).toMatchObject({ state: 'unresolved', isDoubtful: false });
  });

  test.runIf(isRoot)('on a read-only disk it can still be looked into', async () => {
    const open = await openJournal(mountedFolder('size=64k'));
    await put(open, '17');
    await put(open, '18', { agoMs: 99 * DAY_MS, done: approved });
    remount(open.folder, 'ro');
    expect(rows(await journal(open.folder, 'list'))).toHaveLength(2);
    expect((await journal(open.folder, 'verify')).code).toBe(0);
    expect(await journal(open.folder, 'settle', '17/1', 'approved')).toMatchObject({
      code: 111,
      stderr: oneLine(/EROFS/),
    });
    expect(await journal(open.folder, 'prune')).toMatchObject({ code: 111, stderr: oneLine(/EROFS/) });
  });
});

describe('docs/journal.md', () => {
  const page = readFileSync(path.join(ROOT, 'docs/journal.md'), 'utf8');

  test('has a reader that reads what there is', async () => {
    const { folder, ids, journal: store } = await mixed();
    const torn = await put({ folder, journal: store } as OpenJournal, '30', { done: approved });
    truncateSync(entryFile(folder, torn), readFileSync(entryFile(folder, torn)).length - 1);
    writeFileSync(entryFile(folder, 'f'.repeat(40)), 'hello');
    const late = await put({ folder, journal: store } as OpenJournal, '31', { done: notFound });
    const claim = await store.claim(late);
    await claim?.contradict({ ...approved, time: new Date().toISOString() });
    await store.carried(late, 'till-1.x');
    const [, reader = ''] = /<!-- test: reader -->\n```python\n(.*?)```/s.exec(page) ?? [];
    const { code, stdout, stderr } = await run('python3', ['-c', reader, folder]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const read = new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => [path.basename(JSON.parse(line).file), JSON.parse(line)]),
    );
    expect(read.size).toBe(8);
    for await (const { file, isRunning, isSetAside, sent, done, contradicted } of store.entries()) {
      if (isSetAside) continue;
      const outcome = { done: done ?? null, contradicted: contradicted ?? null };
      expect(read.get(file)).toMatchObject({ running: isRunning, sent: sent ?? null, ...outcome });
    }
    expect(read.get(`${late}.entry`)).toMatchObject({
      done: { kind: 'result' },
      contradicted: { kind: 'error' },
    });
    expect(read.get(`${ids.running}.entry`)).toMatchObject({ running: true, done: null });
    expect(read.get(`${torn}.entry`)).toMatchObject({ running: false, done: null });
  });

  test('says how entries are named', async () => {
    const [, command = '', name = ''] = /\$ (printf .*)\n +([0-9a-f]{24}-[0-9a-f]{16})\n/.exec(page) ?? [];
    expect((await run('sh', ['-c', command])).stdout).toBe(`${name}\n`);
    expect(Journal.idOf('', '17', '["1"]')).toBe(name);
  });
});

test.skipIf(!isRoot)('entries that the user may not read are no damaged ones: 111', async () => {
  const open = await openJournal();
  await put(open, '7');
  const { folder } = open;
  for (let above = folder; above !== path.dirname(above); above = path.dirname(above)) {
    if (above.startsWith('/tmp/')) chmodSync(above, 0o755);
  }
  const stranger = ['--reuid', '12345', '--regid', '12345', '--clear-groups', PROGRAM, 'journal'];
  for (const action of [['list'], ['verify'], ['show', '7/1'], ['export']]) {
    expect(await run('setpriv', [...stranger, ...action, '--journal', folder], { cwd: '/' })).toMatchObject({
      code: 111,
      stdout: '',
      stderr: oneLine(/\.entry cannot be read: .*\(EACCES\); ask as its owner, or as root/),
    });
  }
});
