import { mkdtempSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loadFileLocks } from '../../src/base/file-lock.ts';
import { bench, pass, purchase } from './kit.ts';

/** Another process has the terminal, and nobody can tell for which transaction: it has not written its record yet. */

/** The kernel is asked by a thread: it comes when it comes. */
const PATIENT = { timeout: 30_000 };
const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-holder-'));
const lock = path.join(folder, 'terminal.lock');
let file: FileHandle;

beforeEach(async () => {
  file = await open(lock, 'w+', 0o600);
  expect(loadFileLocks().tryLock(file.fd, 0, 'exclusive')).toBe(true);
});
afterEach(() => file.close());
afterAll(() => rmSync(folder, { recursive: true }));

test('a purchase that may be the one that runs there is not called refused', async () => {
  const { register, app } = await bench({ lock });
  register.send(purchase('p'));
  await vi.waitUntil(() => register.closeReason !== undefined, PATIENT);
  expect(register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
  expect(register.answerTo('p')).toBeUndefined();
  expect(app.requests('Purchase')).toEqual([]);
});

test('a Check for it is not told that nothing is found', async () => {
  const one = await bench({ lock });
  one.register.send({ id: 'c', method: 'Check', params: { receipt_id: 17, sequence_id: '1' } });
  await pass(one.clock, 1);
  const [check] = one.app.requests('Check');
  const error = { code: 1, message: 'no', data: { string_code: 'TRANSACTION_NOT_FOUND', details: 'no' } };
  one.app.send({ connection: check.connection, id: check.id, error });
  await vi.waitUntil(() => one.register.answerTo('c') !== undefined, PATIENT);
  expect(one.register.answerTo('c').error.data.string_code).toBe('TRANSACTION_ACTIVE');
});
