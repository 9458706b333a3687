import { describe, expect, test } from 'vitest';
import { DIALECTS } from '../../src/dialect/registry.ts';
import { guessDialect, readSegments } from '../../src/inspect/reading.ts';
import type { CaptureRecord, WireRecord } from '../../src/inspect/record.ts';
import { jsonposFrame, PAN, rowOf, SPOKEN, segment, WRONG_CHECK_BYTE } from './kit.ts';

const onWire = (records: readonly CaptureRecord[]) =>
  records.filter((record): record is WireRecord => 'from' in record && !('endpoint' in record));

test('every dialect can be inspected', () => {
  expect(DIALECTS.filter(({ inspects }) => inspects === undefined)).toEqual([]);
});

describe.each(SPOKEN)('$dialect', ({ dialect, bytes, seen }) => {
  test('is read message by message, whatever pieces it comes in, and no byte is left out', async () => {
    for (const size of [1, 7, bytes.length]) {
      const segments = [];
      for (let at = 0; at < bytes.length; at += size) segments.push(segment(bytes.subarray(at, at + size)));
      const records = onWire(await readSegments(segments, rowOf(dialect)));
      const messages = records.filter(({ kind }) => kind !== undefined);
      expect(messages.map(({ kind, name }) => `${kind} ${name}`)).toEqual(seen);
      expect(records.reduce((sum, record) => sum + record.bytes, 0)).toBe(bytes.length);
    }
  });

  test('is found out by itself', async () => {
    expect((await guessDialect([segment(bytes)], DIALECTS))?.name).toBe(dialect);
  });

  test('tells of a record that ends inside a message', async () => {
    const records = onWire(
      await readSegments([segment(bytes.subarray(0, bytes.length - 3))], rowOf(dialect)),
    );
    expect(records.at(-1)?.wrong).toMatch(/end/);
  });

  test('bytes in which nothing is hidden stand there as they are', async () => {
    const records = onWire(await readSegments([segment(bytes)], rowOf(dialect)));
    for (const record of records.filter((one) => one.kind !== undefined && one.is_masked !== true)) {
      expect(bytes.includes(Buffer.from(record.data ?? 'missing', 'base64'))).toBe(true);
    }
  });
});

test('OCPP is read inside a WebSocket, behind its handshake', async () => {
  const call = Buffer.from('[2,"19223201","Heartbeat",{}]');
  const answer = Buffer.from('[3,"19223201",{"currentTime":"2030-01-01T00:00:00Z"}]');
  const mask = Buffer.from([1, 2, 3, 4]);
  const masked = call.map((byte, at) => byte ^ (mask[at % 4] as number));
  const segments = [
    segment('GET /ocpp/CP1 HTTP/1.1\r\nUpgrade: websocket\r\n\r\n'),
    segment('HTTP/1.1 101 Switching Protocols\r\n\r\n', { side: 1 }),
    segment(Buffer.concat([Buffer.from([0x81, 0x80 | call.length]), mask, masked])),
    segment(Buffer.concat([Buffer.from([0x81, answer.length]), answer]), { side: 1 }),
  ];
  const row = await guessDialect(segments, DIALECTS);
  expect(row?.name).toBe('ocpp1.6');
  expect(onWire(await readSegments(segments, rowOf('ocpp1.6')))).toMatchObject([
    { from: 'peer', kind: 'request', name: 'Heartbeat', id: '19223201' },
    { from: 'bridge', kind: 'result', id: '19223201' },
  ]);
});

test('nexo is read in messages that are posted over HTTP, and the answers to them', async () => {
  const spoken = SPOKEN.find(({ dialect }) => dialect === 'nexo')?.bytes.subarray(4) ?? Buffer.alloc(0);
  const post = (body: Buffer) =>
    Buffer.concat([Buffer.from(`POST /nexo HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n`), body]);
  const segments = [
    segment(post(spoken).subarray(0, 50)),
    segment(post(spoken).subarray(50)),
    segment('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 204 No Content\r\n\r\n', { side: 1 }),
  ];
  expect((await guessDialect(segments, DIALECTS))?.name).toBe('nexo');
  expect(onWire(await readSegments(segments, rowOf('nexo')))).toMatchObject([
    { from: 'peer', kind: 'request', name: 'PaymentRequest', bytes: spoken.length },
    { from: 'bridge', kind: 'message', wrong: 'MessageHeader is missing' },
  ]);
});

describe('what is wrong', () => {
  test('is said where it happens, and the next good frame of JSONPOS is found behind it', async () => {
    const good = jsonposFrame({ id: '1', method: 'Status', params: {} });
    const bytes = Buffer.concat([good, Buffer.from('rubbish'), good]);
    const records = onWire(await readSegments([segment(bytes)], rowOf('jsonpos')));
    expect(records.map(({ name, wrong }) => name ?? wrong)).toEqual([
      'Status',
      '0x72 at byte 0 of a frame, instead of a hex digit',
      'these bytes belong to no message',
      'Status',
    ]);
  });

  test('is a check byte of ECR-EFT, and nothing of such a frame is shown', async () => {
    const [record] = onWire(await readSegments([segment(WRONG_CHECK_BYTE)], rowOf('ecr-eft')));
    expect(record).toMatchObject({ wrong: 'a frame has a wrong check byte', bytes: WRONG_CHECK_BYTE.length });
    expect(record?.text).toBeUndefined();
    expect(record?.data).toBeUndefined();
  });

  test('is a message that breaks the rules of its protocol', async () => {
    const bytes = jsonposFrame({ id: 5, method: 'Status', params: {} });
    const [record] = onWire(await readSegments([segment(bytes)], rowOf('jsonpos')));
    expect(record?.wrong).toMatch(/^JSONRPC_INVALID_REQUEST: id is no string/);
  });
});

describe('secrets', () => {
  const secret = jsonposFrame({ id: '1', method: 'Purchase', params: { pan: PAN, amount: 1230 } });

  test('are masked, and the bytes are those of the masked message', async () => {
    const [record] = onWire(await readSegments([segment(secret)], rowOf('jsonpos')));
    expect(record).toMatchObject({ is_masked: true, bytes: secret.length });
    const data = Buffer.from(record?.data ?? '', 'base64').toString();
    expect(data).toContain('"pan":"************1111"');
    expect(onWire(await readSegments([segment(data)], rowOf('jsonpos')))).toMatchObject([
      { name: 'Purchase' },
    ]);
  });

  test.each(SPOKEN)('are nowhere in what is said of $dialect', async ({ dialect }) => {
    const bytes = [
      secret,
      Buffer.from(`C1 PLAINAUTH user hunter2-secret\r\n<TRANSACTION><PAN>${PAN}</PAN></TRANSACTION>`),
    ];
    const text = JSON.stringify(
      await readSegments(
        bytes.map((one) => segment(one)),
        rowOf(dialect),
      ),
    );
    expect(text).not.toContain(PAN);
    if (dialect === 'openfsc') expect(text).not.toContain('hunter2-secret');
  });
});
