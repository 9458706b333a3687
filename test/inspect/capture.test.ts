import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { Capture } from '../../src/inspect/capture.ts';
import { CaptureFile } from '../../src/inspect/capture-file.ts';
import { readCapture } from '../../src/inspect/reading.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { jsonposFrame, PAN, rowOf } from './kit.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'posbridge-capture-'));
});
afterEach(() => rm(folder, { recursive: true }));

function open(maxBytes = 1_000_000) {
  const file = path.join(folder, 'capture');
  const capture = new Capture({
    file: new CaptureFile(file, maxBytes),
    clock: new FakeClock(),
    log: silentLogger,
    inspectorOf: async (dialect) => rowOf(dialect).inspects?.(),
  });
  const about = { connection: 'till.x', peer: '10.0.0.7', dialect: 'jsonpos', framing: 'stream' } as const;
  return { file, capture, about };
}

test('a capture has what crossed the wire and the channels, in order, masked, and for nobody else to read', async () => {
  const { file, capture, about } = open();
  const tap = capture.wire(about);
  const bytes = jsonposFrame({ id: '1', method: 'Purchase', params: { pan: PAN } });
  tap.crosses('peer', bytes.subarray(0, 20));
  tap.crosses('peer', bytes.subarray(20));
  capture.line('bridge', 'unix:/run/pay.sock', 'till.x', Buffer.from(`{"pan":"${PAN}"}\n`));
  tap.crosses('bridge', jsonposFrame({ id: '1', result: {}, response_to: 'Purchase' }));
  tap.closed(undefined);
  await capture.close();
  const text = await readFile(file, 'utf8');
  expect(text).not.toContain(PAN);
  expect(readCapture(text).records).toMatchObject([
    { event: 'opened', connection: 'till.x', dialect: 'jsonpos', peer: '10.0.0.7' },
    { from: 'peer', kind: 'request', name: 'Purchase', bytes: bytes.length, is_masked: true },
    { from: 'bridge', endpoint: 'unix:/run/pay.sock', text: '{"pan":"************1111"}' },
    { from: 'bridge', kind: 'result', id: '1' },
    { event: 'closed' },
  ]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('a file that is large enough becomes FILE.1, and five older ones are kept', async () => {
  const file = new CaptureFile(path.join(folder, 'capture'), 100);
  for (let number = 0; number < 20; number += 1)
    await file.append(`${JSON.stringify({ number, filler: 'x'.repeat(60) })}\n`);
  const names = (await readdir(folder)).sort();
  expect(names).toEqual(['capture', ...[1, 2, 3, 4, 5].map((number) => `capture.${number}`)]);
  for (const name of names)
    expect(await readFile(path.join(folder, name), 'utf8')).toMatch(/^\{"capture":"posbridge"/);
  expect(await readFile(path.join(folder, 'capture.1'), 'utf8')).toContain('"number":18');
});

test('what finds no room is counted, and the count is written', async () => {
  const { file, capture, about } = open(100_000_000);
  const tap = capture.wire(about);
  for (let count = 0; count < 9; count += 1) tap.crosses('peer', Buffer.alloc(1024 * 1024, 'x'));
  await capture.close();
  const { records } = readCapture(await readFile(file, 'utf8'));
  expect(records.find((record) => 'lost' in record)).toMatchObject({ lost: 1024 * 1024 });
});

test('a line that its writer left unfinished is told of, and the others are read', () => {
  const { records, unreadable } = readCapture('{"capture":"posbridge","version":1}\n{"lost":1}\n{"los');
  expect([records, unreadable]).toEqual([[{ lost: 1 }], 1]);
});
