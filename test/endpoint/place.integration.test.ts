import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseEndpoint } from '../../src/endpoint/parse.ts';
import { placeOf } from '../../src/endpoint/place.ts';

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'posbridge-place-')));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const at = (text: string) => placeOf(parseEndpoint(text, 'channel'));

describe('a path', () => {
  test('is one place however it is written, whether its end is there or not', async () => {
    for (const isThere of [false, true]) {
      if (isThere) writeFileSync(path.join(folder, 'a.sock'), '');
      const ways = [`${folder}/a.sock`, `${folder}/./a.sock`, `${folder}//a.sock`, `${folder}/x/../a.sock`];
      ways.push(path.relative(process.cwd(), `${folder}/a.sock`));
      for (const way of ways) expect(await at(`unix:${way}`)).toBe(`unix:${folder}/a.sock`);
    }
  });

  test('leads where its symbolic links lead, also while nothing is there', async () => {
    mkdirSync(path.join(folder, 'real'));
    symlinkSync('real', path.join(folder, 'run'));
    symlinkSync('run/real.sock', path.join(folder, 'pay.sock'));
    const place = `unix:${folder}/real/real.sock`;
    expect(await at(`unix:${folder}/run/real.sock`)).toBe(place);
    expect(await at(`unix:${folder}/pay.sock`)).toBe(place);
    writeFileSync(path.join(folder, 'real/real.sock'), '');
    expect(await at(`unix:${folder}/pay.sock`)).toBe(place);
    expect(await at(`fifo:${folder}/run/p`)).toBe(`fifo:${folder}/real/p`);
  });

  test('that leads in a circle is some place all the same', async () => {
    symlinkSync('two', path.join(folder, 'one'));
    symlinkSync('one', path.join(folder, 'two'));
    expect(await at(`unix:${folder}/one`)).toMatch(/^unix:/);
  });

  test('is another place for another file, and for an abstract name', async () => {
    expect(await at(`unix:${folder}/a`)).not.toBe(await at(`unix:${folder}/b`));
    expect(await at('unix:@pay')).toBe('unix:@pay');
  });
});

describe('a host', () => {
  test.each([
    ['localhost', '127.0.0.1'],
    ['LocalHost', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.1'],
    ['Terminal.Shop', 'terminal.shop'],
    ['[::1]', '[::1]'],
    ['[0:0:0:0:0:0:0:1]', '[::1]'],
  ])('%s is %s', async (host, usual) => {
    expect(await at(`tcp:${host}:9000`)).toBe(`tcp:${usual}:9000`);
  });

  test('at another port is another place', async () => {
    expect(await at('tcp:localhost:9000')).not.toBe(await at('tcp:localhost:9001'));
  });
});

test('a descriptor is one place with one number or two', async () => {
  expect(await at('fd:5')).toBe(await at('fd:5,5'));
  expect(await at('simulator:')).toBe('simulator:');
});
