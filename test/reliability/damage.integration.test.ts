import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Aftermath, cell, KEY } from './cell.ts';
import { Terminal } from './kit.ts';

/** What a bad disk, or a bad hand, does to an entry while no bridge has it open. */

/** The only entry; `at` in it, from its end where negative, one bit is turned over. */
const flip = (at: number) => (file: string) => {
  const bytes = readFileSync(file);
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  writeFileSync(file, bytes);
};
const cut = (file: string) => truncateSync(file, readFileSync(file).length - 20);
const empty = (file: string) => truncateSync(file, 0);

/** Of a transaction that never reached the application, whose bridge died. */
async function sent(terminal: Terminal, damage: (file: string) => void): Promise<Aftermath> {
  const first = await terminal.till({ fault: 'after-sent' }).purchase(KEY);
  damageEntry(terminal, damage);
  return { first };
}

/** Of a transaction that was charged when its bridge died. */
async function charged(terminal: Terminal, damage: (file: string) => void): Promise<Aftermath> {
  const first = await terminal.till({ fault: 'before-done' }).purchase(KEY);
  damageEntry(terminal, damage);
  return { first };
}

/** Of a transaction that is over. */
async function done(terminal: Terminal, damage: (file: string) => void): Promise<Aftermath> {
  const till = terminal.till();
  const first = await till.purchase(KEY);
  await till.close();
  damageEntry(terminal, damage);
  return { first };
}

/** Of a transaction that is over, without a charge. */
async function denied(terminal: Terminal, damage: (file: string) => void): Promise<Aftermath> {
  await terminal.till({ fault: 'after-sent' }).purchase(KEY);
  const till = terminal.till();
  expect((await till.check(KEY)).code).toBe('TRANSACTION_NOT_FOUND');
  await till.close();
  damageEntry(terminal, damage);
  return { first: { kind: 'lost', code: undefined, text: '' } };
}

const NOT_CHARGED = { how: 'it was not charged' };

function damageEntry(terminal: Terminal, damage: (file: string) => void): void {
  const [file = '', ...others] = terminal.files('.entry');
  expect(others).toEqual([]);
  damage(file);
}

describe('bit flipped', () => {
  cell(['bit flipped', 'sent', 'unknown'], (terminal) => sent(terminal, flip(100)));
  cell(['bit flipped', 'charged', 'forgotten'], (terminal) => charged(terminal, flip(100)));
  cell(['bit flipped', 'done', 'forgotten'], (terminal) => done(terminal, flip(100)));
  cell(['bit flipped', 'done', 'unknown'], (terminal) => denied(terminal, flip(100)), NOT_CHARGED);
});

describe('bit of the outcome flipped', () => {
  cell(['bit of the outcome flipped', 'done', 'asked'], (terminal) => done(terminal, flip(-50)));
  cell(
    ['bit of the outcome flipped', 'done', 'unknown'],
    (terminal) => denied(terminal, flip(-50)),
    NOT_CHARGED,
  );
});

describe('cut short', () => {
  cell(['cut short', 'sent', 'unknown'], (terminal) => sent(terminal, cut));
  cell(['cut short', 'charged', 'forgotten'], (terminal) => charged(terminal, cut));
  cell(['cut short', 'done', 'asked'], (terminal) => done(terminal, cut));
  cell(['cut short', 'done', 'unknown'], (terminal) => denied(terminal, cut), NOT_CHARGED);
});

describe('emptied', () => {
  cell(['emptied', 'sent', 'unknown'], (terminal) => sent(terminal, empty));
  cell(['emptied', 'charged', 'forgotten'], (terminal) => charged(terminal, empty));
  cell(['emptied', 'done', 'forgotten'], (terminal) => done(terminal, empty));
  cell(['emptied', 'done', 'unknown'], (terminal) => denied(terminal, empty), NOT_CHARGED);
});

test('a damaged entry is set aside with a message, and no longer may anybody be told that there is no record', async () => {
  const terminal = await Terminal.open();
  try {
    await terminal.till({ fault: 'after-sent' }).purchase(KEY);
    damageEntry(terminal, flip(100));
    const till = terminal.till();
    expect((await till.check(KEY)).code).toBe('OUTCOME_UNKNOWN');
    await till.bridge.says(/error a journal entry is damaged and set aside file=\S+\.damaged/);
    expect([terminal.files('.entry').length, terminal.files('.damaged').length]).toEqual([0, 1]);
    expect((await till.check('NEVER-SEEN/1')).code).toBe('OUTCOME_UNKNOWN');
    expect((await till.purchase('NEXT/1')).kind).toBe('result');
  } finally {
    await terminal.close();
  }
});
