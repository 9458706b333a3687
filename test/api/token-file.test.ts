import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addToken, readTokenFile, removeToken, Tokens } from '../../src/api/token-file.ts';
import { complaintOf, type Folder, temporaryFolder } from '../cli/kit.ts';
import { FakeClock } from '../kit/fake-clock.ts';

let folder: Folder;
let file: string;
const clock = new FakeClock();

beforeEach(() => {
  folder = temporaryFolder();
  file = path.join(folder.path, 'tokens.json');
});

afterEach(() => folder.remove());

test('a token is known by its hash alone, in a file of its owner', async () => {
  const token = await addToken(file, { name: 'till-1', scopes: ['pay'], terminals: ['counter'] }, clock);
  expect(readFileSync(file, 'utf8')).not.toContain(token.slice(3));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { tokens, close } = await Tokens.open(file, { renewed: () => {}, fault: () => {} });
  expect(tokens.callerOf(token)).toEqual({
    name: 'till-1',
    scopes: new Set(['pay']),
    terminals: new Set(['counter']),
  });
  expect(tokens.callerOf(`${token}x`)).toBeUndefined();
  close();
});

test('a name is there once, and can be removed', async () => {
  await addToken(file, { name: 'a', scopes: ['read'] }, clock);
  expect(await complaintOf(() => addToken(file, { name: 'a', scopes: ['pay'] }, clock))).toMatch(
    /a token a already/,
  );
  expect(await removeToken(file, 'b')).toBe(false);
  expect(await removeToken(file, 'a')).toBe(true);
  expect(await readTokenFile(file)).toEqual([]);
});

test('a file that others can write, or that is none, is refused', async () => {
  await addToken(file, { name: 'a', scopes: ['read'] }, clock);
  chmodSync(file, 0o666);
  expect(await complaintOf(() => readTokenFile(file))).toMatch(/can be written by everybody/);
  chmodSync(file, 0o600);
  for (const text of [
    '',
    '[]',
    '{"tokens":[{"name":"a"}]}',
    '{"tokens":[{"name":"a","digest":"x","scopes":[]}]}',
  ]) {
    writeFileSync(file, text);
    expect(await complaintOf(() => readTokenFile(file))).toMatch(/^USAGE: /);
  }
});
