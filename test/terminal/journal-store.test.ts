import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readIdentifiers } from '../../src/application/identifiers.ts';
import { loadFileLocks } from '../../src/base/file-lock.ts';
import { silentLogger as log } from '../../src/base/log.ts';
import { Journal } from '../../src/store/journal.ts';
import { AutomaticCardholder } from '../../src/terminal/automatic-cardholder.ts';
import { JournalStore } from '../../src/terminal/journal-store.ts';
import { Terminal } from '../../src/terminal/terminal.ts';
import { Texts } from '../../src/terminal/texts.ts';
import { MemoryStore } from '../../src/terminal/transaction-store.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { Attached, identifiers, pass, purchase, settled } from './kit.ts';

let folder: string;
let clock: FakeClock;
let terminals: Terminal[];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'posbridge-state-'));
  clock = new FakeClock(Date.now()); // files carry the real time
  terminals = [];
});

afterEach(async () => {
  for (const terminal of terminals) await terminal.close();
  rmSync(folder, { recursive: true, force: true });
});

const open = () => JournalStore.open(folder, { clock, log, texts: new Texts() });

async function start(): Promise<Attached> {
  const terminal = new Terminal({ clock, log, delayMs: 300, store: await open() });
  terminals.push(terminal);
  return new Attached(terminal);
}

async function stop(register: Attached): Promise<void> {
  register.close();
  await terminals.at(-1)?.close();
}

/** The disk takes its time, whatever the clock says. */
async function answered(register: Attached, id: string): Promise<void> {
  await vi.waitFor(() => expect(register.answer(id)).toBeDefined(), { interval: 1, timeout: 30_000 });
}

async function buy(register: Attached, id: string, more = {}): Promise<void> {
  await register.request(id, 'Purchase', purchase(more));
  for (let turns = 0; register.answer(id) === undefined && turns < 10_000; turns += 1) {
    await pass(clock, 10);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function ask(register: Attached, id: string, method: string, params: object): Promise<void> {
  await register.request(id, method, params);
  await answered(register, id);
}

const entries = () => readdirSync(folder).filter((name) => name.endsWith('.entry'));
const entry = () => path.join(folder, entries()[0] ?? '');

/** A transaction is cut off. */
async function cutOff(): Promise<void> {
  const register = await start();
  await register.request('1', 'Purchase', purchase());
  await vi.waitFor(() => expect(register.statuses).toEqual(['WAIT_CARD_IN']), { timeout: 30_000 });
  await stop(register);
}

/** Looks at the entry, as tools do, until it is over. */
function look(): { end(): void } {
  const fd = openSync(entry(), 'r');
  expect(loadFileLocks().tryLock(fd, 0, 'shared')).toBe(true);
  return { end: () => closeSync(fd) };
}

describe('a transaction that was cut off, and that somebody is looking at when the terminal starts', () => {
  test('is interrupted as soon as that is over', async () => {
    await cutOff();
    const looking = look();
    const opening = open();
    for (let turns = 0; clock.timerCount === 0 && turns < 100_000; turns += 1) await settled();
    looking.end();
    await pass(clock, 1000);
    const store = await opening;
    const asked = readIdentifiers(Buffer.from(JSON.stringify(identifiers)));
    const known = asked.ok ? await store.find(asked.value) : undefined;
    expect(known?.state === 'done' && known.answer.text.toString()).toContain('TRANSACTION_INTERRUPTED');
    await store.close();
  });

  test('keeps the terminal from starting while that does not end', async () => {
    await cutOff();
    const looking = look();
    const opening = open();
    let fault: unknown;
    opening.catch((why: unknown) => {
      fault = why;
    });
    for (let turns = 0; fault === undefined && turns < 100_000; turns += 1) {
      clock.advance(10);
      await settled();
    }
    looking.end();
    expect(fault).toMatchObject({
      code: 'STATE_OPEN_FAILED',
      text: expect.stringMatching(
        /another program does not let go of its transaction \S+\.entry; give another/,
      ),
    });
    await (await open()).close();
  });
});

describe('a transaction that a fault of the terminal has cut off', () => {
  test.each(['a folder', 'the memory'])(
    'is interrupted for whoever asks, without a restart: %s',
    async (where) => {
      const store = where === 'a folder' ? await open() : new MemoryStore();
      const terminal = new Terminal({ clock, log, delayMs: 300, store });
      terminals.push(terminal);
      const register = new Attached(terminal);
      const presenting = vi.spyOn(AutomaticCardholder.prototype, 'presentCard');
      presenting.mockRejectedValueOnce(new TypeError('a fault of the program'));
      await ask(register, '1', 'Purchase', purchase());
      expect(register.code('1')).toBe('INTERNAL_ERROR');
      presenting.mockRestore();
      await ask(register, '2', 'Check', identifiers);
      expect(register.code('2')).toBe('TRANSACTION_INTERRUPTED');
      await ask(register, '3', 'Purchase', purchase());
      expect(register.code('3')).toBe('DUPLICATE_TRANSACTION');
      await buy(register, '4', { sequence_id: 18 });
      expect(register.answer('4')?.result).toBeDefined();
    },
  );
});

describe('after a restart', () => {
  test.each([1250, 1201])('Check gives the same bytes as the purchase of %i got', async (amount) => {
    const first = await start();
    await buy(first, '1', { amount });
    await stop(first);
    const second = await start();
    await ask(second, '2', 'Check', identifiers);
    expect(second.outcomeText('2')).toBe(first.outcomeText('1'));
    await ask(second, '3', 'Purchase', purchase({ amount }));
    expect(second.code('3')).toBe('DUPLICATE_TRANSACTION');
  });

  test('a transaction that was cut off is interrupted, for ever, in the language of its register', async () => {
    const first = await start();
    await first.request('1', 'Purchase', purchase({ cashier_language: 'fi' }));
    await vi.waitFor(() => expect(first.statuses).toEqual(['WAIT_CARD_IN']), { timeout: 30_000 });
    await stop(first);
    const second = await start();
    await ask(second, '2', 'Check', identifiers);
    expect(second.answer('2')?.error?.data).toMatchObject({
      string_code: 'TRANSACTION_INTERRUPTED',
      display_message: 'Keskeytyi, ei veloitettu',
    });
    await stop(second);
    const third = await start();
    await ask(third, '3', 'Check', identifiers);
    expect(third.outcomeText('3')).toBe(second.outcomeText('2'));
    await ask(third, '4', 'Purchase', purchase());
    expect(third.code('4')).toBe('DUPLICATE_TRANSACTION');
  });

  test('identifiers that were not found are refused', async () => {
    const first = await start();
    await ask(first, '1', 'Check', identifiers);
    expect(first.code('1')).toBe('TRANSACTION_NOT_FOUND');
    await stop(first);
    const second = await start();
    await ask(second, '2', 'Purchase', purchase());
    expect(second.code('2')).toBe('DUPLICATE_TRANSACTION');
    await ask(second, '3', 'Check', identifiers);
    expect(second.code('3')).toBe('TRANSACTION_NOT_FOUND');
  });

  test('traces go on counting', async () => {
    const first = await start();
    await buy(first, '1');
    await buy(first, '2', { sequence_id: 2, amount: 1201 });
    await buy(first, '3', { sequence_id: 3 });
    await stop(first);
    const second = await start();
    await buy(second, '4', { sequence_id: 4 });
    expect(second.answer('4')?.result).toMatchObject({ trace_number: '000003' });
  });

  test('a record that was torn by a power cut was not answered: interrupted', async () => {
    const first = await start();
    await buy(first, '1');
    await stop(first);
    const [sent = ''] = readFileSync(entry(), 'utf8').split('\n');
    writeFileSync(entry(), `${sent}\n\n0123abcd {"state":"do`);
    const second = await start();
    await ask(second, '2', 'Check', identifiers);
    expect(second.code('2')).toBe('TRANSACTION_INTERRUPTED');
  });

  test('a record of which nothing can be read is no outcome, and keeps its identifiers used up', async () => {
    const first = await start();
    await buy(first, '1');
    await stop(first);
    writeFileSync(entry(), 'rubbish');
    const second = await start();
    await ask(second, '2', 'Check', identifiers);
    expect(second.code('2')).toBe('INTERNAL_ERROR');
    await ask(second, '3', 'Purchase', purchase());
    expect(second.code('3')).toBe('DUPLICATE_TRANSACTION');
    await ask(second, '4', 'Check', identifiers);
    expect(second.code('4')).toBe('INTERNAL_ERROR');
  });
});

test('the outcome is on the disk before the answer leaves', async () => {
  const register = await start();
  await register.request('1', 'Purchase', purchase());
  await vi.waitFor(() => expect(register.statuses).toHaveLength(1), { timeout: 30_000 });
  while (register.answer('1') === undefined) {
    expect(register.statuses.at(-1)).not.toBe('idle');
    await pass(clock, 5);
    if (register.statuses.includes('WAIT_CARD_OUT')) {
      expect(readFileSync(entry(), 'utf8')).toContain('"state":"done"');
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
});

test('an outcome that the disk does not take is tried again, and not told before', async () => {
  const store = await open();
  const begin = store.begin.bind(store);
  let failures = 2;
  store.begin = async (purchased) => {
    const record = await begin(purchased);
    if (record === 'known') return record;
    const finish = async (answer: Parameters<typeof record.finish>[0]) => {
      failures -= 1;
      if (failures >= 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      return record.finish(answer);
    };
    return { ...record, finish };
  };
  const terminal = new Terminal({ clock, log, delayMs: 300, store });
  terminals.push(terminal);
  const register = new Attached(terminal);
  await register.request('1', 'Purchase', purchase());
  await vi.waitFor(() => expect(register.statuses).toHaveLength(1), { timeout: 30_000 });
  await pass(clock, 1500);
  await register.request('2', 'Check', identifiers);
  expect(register.code('2')).toBe('TRANSACTION_ACTIVE');
  await pass(clock, 1000);
  await vi.waitFor(() => expect(register.statuses).toContain('WAIT_CARD_OUT'), { timeout: 30_000 });
  await pass(clock, 200);
  await answered(register, '1');
  expect(register.answer('1')?.result).toBeDefined();
});

test('a transaction that cannot be recorded is refused, and the terminal is free again', async () => {
  const store = await open();
  const begin = store.begin.bind(store);
  store.begin = async () => {
    throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  };
  const terminal = new Terminal({ clock, log, delayMs: 300, store });
  terminals.push(terminal);
  const register = new Attached(terminal);
  await register.request('1', 'Purchase', purchase());
  expect(register.code('1')).toBe('INTERNAL_ERROR');
  expect(register.answer('1')?.error?.message).toContain('no space left on device');
  store.begin = begin;
  await buy(register, '2');
  expect(register.answer('2')?.result).toBeDefined();
});

describe('a folder', () => {
  test('belongs to one terminal', async () => {
    await start();
    await expect(open()).rejects.toMatchObject({
      code: 'STATE_OPEN_FAILED',
      text: expect.stringMatching(/another terminal is using it; give another folder with --state$/),
    });
    expect(readdirSync(folder)).toContain('terminal.lock');
  });

  test('that cannot be made is refused', async () => {
    const file = path.join(folder, 'file');
    writeFileSync(file, '');
    const store = JournalStore.open(path.join(file, 'state'), { clock, log, texts: new Texts() });
    await expect(store).rejects.toMatchObject({
      code: 'STATE_OPEN_FAILED',
      text: expect.stringContaining('ENOTDIR'),
    });
  });

  test('is freed when the terminal is closed', async () => {
    await stop(await start());
    await (await open()).close();
  });

  test('may hold a journal of a bridge: its entries are left alone', async () => {
    const journal = await Journal.open(folder, { clock, log, keepMs: 1_000_000 });
    const key = JSON.stringify(['r1', '17']);
    const time = new Date(clock.wallMs()).toISOString();
    const sent = { state: 'sent', version: 2, register: '', identity: {}, method: 'Purchase', time } as const;
    const begun = await journal.begin(Journal.idOf('', key), sent);
    if (begun === 'exists') throw new Error('the folder is empty');
    await begun.release();
    const register = await start();
    await buy(register, '1');
    expect(register.answer('1')?.result).toMatchObject({ trace_number: '000001' });
    expect(await journal.lookup(Journal.idOf('', key))).toMatchObject({ state: 'unresolved' });
    await journal.close();
  });

  test('forgets after a year', async () => {
    const first = await start();
    await buy(first, '1');
    await stop(first);
    clock.advance(366 * 86_400_000);
    await stop(await start());
    expect(entries()).toEqual([]);
  });

  test('holds no secret of a request', async () => {
    const register = await start();
    await buy(register, '1', { api_key: 'TOP-SECRET', track2: '4111111111111111=3012' });
    expect(readFileSync(entry(), 'utf8')).not.toMatch(/TOP-SECRET|411111/);
  });
});
