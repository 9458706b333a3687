import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { CompareKey } from '../../src/store/compare-key.ts';
import { temporaryFolder } from './journal-kit.ts';

test('the key is made once, for all processes, and is private', async () => {
  const folder = temporaryFolder();
  const keys = Array.from({ length: 20 }, () => new CompareKey(folder));
  const prints = await Promise.all(keys.map((key) => key.fingerprint('text')));
  expect(new Set(prints).size).toBe(1);
  expect(prints[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(readdirSync(folder)).toEqual(['compare.key']);
  const file = path.join(folder, 'compare.key');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file)).toHaveLength(32);
});

test('a hash is another one with another key, and another text', async () => {
  const [one, other] = [new CompareKey(temporaryFolder()), new CompareKey(temporaryFolder())];
  const print = await one.fingerprint('text');
  expect(await one.fingerprint('text')).toBe(print);
  expect(await one.fingerprint('texT')).not.toBe(print);
  expect(await other.fingerprint('text')).not.toBe(print);
});

test('a damaged key is refused, and read again when it is gone', async () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'compare.key');
  writeFileSync(file, 'short', { mode: 0o600 });
  const key = new CompareKey(folder);
  await expect(key.fingerprint('text')).rejects.toThrow(
    /compare\.key is damaged \(5 bytes, not 32\); remove it/,
  );
  writeFileSync(file, Buffer.alloc(32), { mode: 0o600 });
  expect(await key.fingerprint('text')).toMatch(/^[0-9a-f]{64}$/);
});
