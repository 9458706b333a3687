import { afterEach, describe, expect, test } from 'vitest';
import type { CentralSettings } from '../../../src/dialect/ocpp/central.ts';
import { ERROR_CODES } from '../../../src/dialect/ocpp/errors.ts';
import { ACCEPTED, type Any, CentralBench, until } from './kit.ts';
import { REQUESTS } from './payloads.ts';

const benches: CentralBench[] = [];
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.end();
});

async function bench(settings: Partial<CentralSettings> = {}): Promise<CentralBench> {
  const made = await new CentralBench(settings).open();
  benches.push(made);
  return made;
}

const START = REQUESTS.StartTransaction;
const rows = (
  made: CentralBench,
  table: 'transactions' | 'stops' | 'spool' | 'frames' | 'meter_values' | 'connectors',
) => made.database?.db.selectFrom(table).selectAll().execute() as Promise<Any[]>;

describe('frames', () => {
  test.each([
    ['Nonsense', {}, 'NotImplemented'],
    ['heartbeat', {}, 'NotImplemented'],
    ['Reset', { type: 'Soft' }, 'NotSupported'],
    ['Authorize', {}, 'OccurenceConstraintViolation'],
    ['Authorize', { idTag: 5 }, 'TypeConstraintViolation'],
    ['Authorize', [], 'TypeConstraintViolation'],
    ['Authorize', { idTag: 'x'.repeat(21) }, 'PropertyConstraintViolation'],
    ['Authorize', { idTag: 'x', more: 1 }, 'PropertyConstraintViolation'],
    ['StartTransaction', { ...START, timestamp: 'now' }, 'FormationViolation'],
  ])('%s with %j is refused with its code', async (action, payload, code) => {
    const point = await (await bench()).booted();
    expect(await point.call(action, payload)).toEqual([4, expect.any(String), code, expect.any(String), {}]);
    expect(point.asked).toEqual([]);
  });

  test('a payload that is null or missing is an empty one', async () => {
    const point = await (await bench()).booted();
    point.sendText('[2,"a","Heartbeat",null]');
    point.sendText('[2,"b","Heartbeat"]');
    expect(await point.answerTo('a')).toMatchObject([3, 'a', { currentTime: expect.any(String) }]);
    expect(await point.answerTo('b')).toMatchObject([3, 'b', {}]);
  });

  test('the same id while the first is open is answered once, from the first', async () => {
    const made = await bench();
    const point = await made.booted();
    point.send('Authorize', { idTag: 'A' }, 'same');
    point.send('Authorize', { idTag: 'A' }, 'same');
    const request = await point.nextAsked();
    expect(point.asked).toEqual([]);
    request.result(ACCEPTED);
    await point.answerTo('same');
    expect(point.frames.filter(([, id]) => id === 'same')).toHaveLength(1);
    point.send('Authorize', { idTag: 'A' }, 'same');
    await point.nextAsked();
  });

  test('ten broken messages in a row end the connection, nine do not', async () => {
    const point = await (await bench()).booted();
    for (let count = 0; count < 9; count += 1) point.sendText('x');
    await point.call('Heartbeat', {});
    for (let count = 0; count < 9; count += 1) point.sendText('{}');
    expect(point.finished).toBeUndefined();
    point.sendText('x');
    expect(point.finished).toMatchObject({ how: 'broken' });
  });

  test('an empty message is a sign of life and nothing else', async () => {
    const point = await (await bench()).booted();
    for (let count = 0; count < 20; count += 1) point.sendText('');
    expect(point.finished).toBeUndefined();
  });

  test('a CALL is answered while the bridge waits for this charge point', async () => {
    const point = await (await bench()).booted();
    const heard = point.ask('ocpp.GetConfiguration', {});
    expect(point.calls).toHaveLength(1);
    expect(await point.call('Heartbeat', {})).toMatchObject([3, expect.any(String), {}]);
    point.answer(point.calls[0], { unknownKey: [] });
    expect(heard.answer).toEqual({ kind: 'result', json: { unknownKey: [] } });
  });

  test('two quick CALLs are answered by their ids, whichever is decided first', async () => {
    const point = await (await bench()).booted();
    point.send('Authorize', { idTag: 'A' }, 'a');
    point.send('Authorize', { idTag: 'B' }, 'b');
    const [first, second] = [await point.nextAsked(), await point.nextAsked()];
    second.result({ idTagInfo: { status: 'Blocked' } });
    first.result(ACCEPTED);
    expect(await point.answerTo('a')).toEqual([3, 'a', ACCEPTED]);
    expect(await point.answerTo('b')).toEqual([3, 'b', { idTagInfo: { status: 'Blocked' } }]);
  });

  test('a CALLRESULT that fits no call, or comes late, is dropped and counted, never answered', async () => {
    const made = await bench();
    const point = await made.booted();
    const heard = point.ask('ocpp.ClearCache', {});
    const before = point.frames.length;
    point.sendText('[3,"foreign",{}]');
    point.sendText('[4,"foreign","GenericError"]');
    expect(heard.answer).toBeUndefined();
    made.clock.advance(30_000);
    expect(heard.answer).toMatchObject({ kind: 'error', json: { code: -32001 } });
    point.answer(point.calls[0], { status: 'Accepted' });
    expect(made.statistics.snapshot()['late answers of the peer']).toBe(3);
    expect(point.frames).toHaveLength(before);
  });

  test('a flood of CALLs is bounded', async () => {
    const point = await (await bench()).booted();
    for (let count = 0; count < 200; count += 1) point.send('Authorize', { idTag: 'A' });
    await until(() => (point.asked.length === 64 ? true : undefined));
    expect(point.frames.filter(([, , code]) => code === 'InternalError')).toHaveLength(136);
  });
});

describe('boot and registration', () => {
  test('the answer to a BootNotification has exactly three fields, and our time', async () => {
    const made = await bench({ heartbeatS: 120 });
    const answer = await made.connect().call('BootNotification', REQUESTS.BootNotification);
    const currentTime = new Date(made.clock.wallMs()).toISOString();
    expect(answer[2]).toEqual({ status: 'Accepted', currentTime, interval: 120 });
  });

  test('a CALL before the first boot gets SecurityError, and the charge point is asked to boot, once', async () => {
    const point = (await bench()).connect();
    expect(await point.call('Authorize', { idTag: 'A' })).toMatchObject([
      4,
      '1',
      'SecurityError',
      expect.any(String),
      {},
    ]);
    await point.call('Heartbeat', {});
    expect(point.calls).toMatchObject([
      [2, expect.any(String), 'TriggerMessage', { requestedMessage: 'BootNotification' }],
    ]);
  });

  test('who was accepted once works after a reconnection without a boot, also after a restart of the bridge', async () => {
    const made = await bench();
    (await made.booted()).disconnect();
    expect(await made.connect().call('Heartbeat', {})).toMatchObject([3, '1', {}]);
    await made.close();
    await made.open();
    expect(await made.connect().call('Heartbeat', {})).toMatchObject([3, '1', {}]);
  });

  test('a pending charge point may be configured but not started, and sends what it is asked for', async () => {
    const made = await bench({ registrationOf: () => 'Pending' });
    const point = made.connect();
    const boot = await point.call('BootNotification', REQUESTS.BootNotification);
    expect(boot[2]).toMatchObject({ status: 'Pending', interval: 60 });
    expect(point.ask('ocpp.RemoteStartTransaction', { idTag: 'A' }).answer).toMatchObject({
      json: { code: -32005 },
    });
    expect(point.ask('ocpp.RemoteStopTransaction', { transactionId: 1 }).answer).toMatchObject({
      json: { code: -32005 },
    });
    const heard = point.ask('ocpp.GetConfiguration', {});
    point.answer(point.calls[0], {});
    expect(heard.answer).toMatchObject({ kind: 'result' });

    expect(await point.call('StatusNotification', REQUESTS.StatusNotification)).toMatchObject(
      [4, '2', 'SecurityError', '', {}].with(3, expect.any(String)),
    );
    point.ask('ocpp.TriggerMessage', { requestedMessage: 'StatusNotification' });
    expect(await point.call('StatusNotification', REQUESTS.StatusNotification)).toMatchObject([3, '3', {}]);
  });

  test('a rejected charge point is sent nothing', async () => {
    const point = (await bench({ registrationOf: () => 'Rejected' })).connect();
    await point.call('BootNotification', REQUESTS.BootNotification);
    expect(point.ask('ocpp.GetConfiguration', {}).answer).toMatchObject({ json: { code: -32005 } });
    expect(await point.call('Heartbeat', {})).toMatchObject([
      4,
      '2',
      'SecurityError',
      expect.any(String),
      {},
    ]);
    expect(point.calls).toEqual([]);
  });
});

describe('routing', () => {
  test.each([
    ['Authorize', 'asked'],
    ['StartTransaction', 'asked'],
    ['StopTransaction', 'asked'],
    ['MeterValues', 'asked'],
    ['SecurityEventNotification', 'asked'],
    ['SignCertificate', 'asked'],
    ['StatusNotification', 'told'],
    ['DiagnosticsStatusNotification', 'told'],
    ['FirmwareStatusNotification', 'told'],
    ['LogStatusNotification', 'told'],
    ['SignedFirmwareStatusNotification', 'told'],
    ['BootNotification', 'told'],
  ] as const)(
    '%s reaches its application once, its params as the charge point wrote them',
    async (action, how) => {
      const point = await (await bench()).booted();
      point.send(action, REQUESTS[action]);
      const message = how === 'told' ? await until(() => point.told[0]) : await point.nextAsked();
      expect(message.method).toBe(`ocpp.${action}`);
      expect(message.params).toMatchObject(REQUESTS[action]);
      expect([...point.asked, ...point.told.slice(1)]).toEqual([]);
    },
  );

  test('numbers and escapes reach the application as they were written', async () => {
    const point = await (await bench()).booted();
    point.sendText('[2,"a","DataTransfer",{"vendorId":"v"}]');
    point.sendText('[2,"b","Authorize",{ "idTag": "\\u0041" }]');
    expect((await point.nextAsked()).paramsText).toBe('{ "idTag": "\\u0041" }');
  });

  test('nobody there: InternalError, never a refusal that the charge point would remember', async () => {
    const point = await (await bench()).booted();
    for (const action of ['Authorize', 'StartTransaction', 'StopTransaction', 'MeterValues'] as const) {
      const id = point.send(action, REQUESTS[action]);
      (await point.nextAsked()).away();
      expect(await point.answerTo(id)).toMatchObject([4, id, 'InternalError', expect.any(String), {}]);
    }
    const id = point.send('SignCertificate', REQUESTS.SignCertificate);
    (await point.nextAsked()).away();
    expect(await point.answerTo(id)).toEqual([3, id, { status: 'Rejected' }]);
    expect(await point.call('StatusNotification', REQUESTS.StatusNotification)).toMatchObject([
      3,
      expect.any(String),
      {},
    ]);
  });

  test('what the database has is taken, although no application wants it', async () => {
    const point = await (await bench()).booted();
    for (const action of ['StopTransaction', 'MeterValues', 'SecurityEventNotification'] as const) {
      const id = point.send(action, REQUESTS[action]);
      (await point.nextAsked()).error(-32601, 'no such method');
      expect(await point.answerTo(id)).toEqual([3, id, {}]);
    }
  });

  test('DataTransfer goes where the table says', async () => {
    const made = await bench({
      dataTransfer: [
        { vendorId: 'com.example', messageId: 'tariff', channel: 'payment' },
        { vendorId: 'com.other', messageId: undefined, channel: 'ui' },
      ],
    });
    const point = await made.booted();
    const id = point.send('DataTransfer', { vendorId: 'com.example', messageId: 'tariff' });
    const request = await point.nextAsked();
    expect(request.channel).toBe('payment');
    request.result({ status: 'Accepted', data: 'x' });
    expect(await point.answerTo(id)).toEqual([3, id, { status: 'Accepted', data: 'x' }]);
    point.send('DataTransfer', { vendorId: 'com.other', messageId: 'any' });
    expect((await point.nextAsked()).channel).toBe('ui');
    const answers = await Promise.all([
      point.call('DataTransfer', { vendorId: 'com.example', messageId: 'other' }),
      point.call('DataTransfer', { vendorId: 'nobody' }),
    ]);
    expect(answers.map(([, , payload]) => payload.status)).toEqual(['UnknownMessageId', 'UnknownVendorId']);
  });

  test('an answer that the protocol has no words for is refused, and the charge point tries again', async () => {
    const point = await (await bench()).booted();
    for (const wrong of [
      {},
      { idTagInfo: {} },
      { idTagInfo: { status: 'Perhaps' } },
      { ...ACCEPTED, status: 'Accepted' },
    ]) {
      const id = point.send('Authorize', { idTag: 'A' });
      expect((await point.nextAsked()).result(wrong)).toBe('refused');
      expect(await point.answerTo(id)).toMatchObject([4, id, 'InternalError', expect.any(String), {}]);
    }
  });

  test.each([
    [-32601, {}, 'NotSupported'],
    [-32602, {}, 'FormationViolation'],
    [-32603, {}, 'InternalError'],
    [-32600, {}, 'InternalError'],
    [7, {}, 'GenericError'],
    [7, { ocppCode: 'SecurityError' }, 'SecurityError'],
    [7, { ocppCode: 'OccurrenceConstraintViolation' }, 'OccurenceConstraintViolation'],
    [7, { ocppCode: 'Nonsense' }, 'GenericError'],
  ])('an application’s error %i with %j is a CALLERROR %s', async (code, data, ocppCode) => {
    const point = await (await bench()).booted();
    const id = point.send('Authorize', { idTag: 'A' });
    (await point.nextAsked()).error(code, 'because', { ...data, details: { a: 1 } });
    expect(await point.answerTo(id)).toEqual([4, id, ocppCode, 'because', { a: 1 }]);
  });
});

describe('calls to a charge point', () => {
  test.each<string>([...ERROR_CODES, 'FormatViolation', 'OccurrenceConstraintViolation', 'SomethingNew', ''])(
    'a CALLERROR %j is an error object that keeps its words',
    async (code) => {
      const point = await (await bench()).booted();
      const heard = point.ask('ocpp.ClearCache', {});
      point.sendText(JSON.stringify([4, point.calls[0][1], code, 'why', { x: 1 }]));
      const numbers: Record<string, number> = {
        NotImplemented: -32601,
        NotSupported: -32601,
        InternalError: -32603,
        SecurityError: -32010,
        GenericError: -32000,
        SomethingNew: -32000,
        '': -32000,
      };
      expect(heard.answer).toMatchObject({
        kind: 'error',
        json: {
          code: numbers[code] ?? -32602,
          data: {
            ocppCode: code || 'GenericError',
            description: 'why',
            ocppDetails: { x: 1 },
            chargePoint: 'CP001',
          },
        },
      });
    },
  );

  test('go out one at a time, each with its own answer; RemoteStop and Unlock before others that wait', async () => {
    const point = await (await bench()).booted();
    const first = point.ask('ocpp.ClearCache', {});
    const second = point.ask('ocpp.GetConfiguration', {});
    const urgent = point.ask('ocpp.RemoteStopTransaction', { transactionId: 1 });
    expect(point.calls.map(([, , action]) => action)).toEqual(['ClearCache']);
    point.answer(point.calls[0], { status: 'Accepted' });
    expect(point.calls.map(([, , action]) => action)).toEqual(['ClearCache', 'RemoteStopTransaction']);
    point.answer(point.calls[1], { status: 'Rejected' });
    point.answer(point.calls[2], { unknownKey: ['a'] });
    expect([first, second, urgent].map(({ answer }) => answer?.json)).toEqual([
      { status: 'Accepted' },
      { unknownKey: ['a'] },
      { status: 'Rejected' },
    ]);
  });

  test('a silent charge point: the deadline counts from the asking, and the next call goes out', async () => {
    const made = await bench();
    const point = await made.booted();
    const first = point.ask('ocpp.ClearCache', {});
    made.clock.advance(20_000);
    const second = point.ask('ocpp.GetConfiguration', {});
    made.clock.advance(10_000);
    expect(first.answer).toMatchObject({ json: { code: -32001 } });
    expect(second.answer).toBeUndefined();
    expect(point.calls).toHaveLength(2);
    made.clock.advance(20_000);
    expect(second.answer).toMatchObject({ json: { code: -32001 } });
  });

  test('a connection that is lost ends every call: the one that was sent may have been done, the others were not', async () => {
    const point = await (await bench()).booted();
    const heard = [1, 2, 3].map(() => point.ask('ocpp.ClearCache', {}));
    point.disconnect();
    expect(heard.map(({ answer }) => answer?.json.code)).toEqual([-32003, -32002, -32002]);
    expect(point.ask('ocpp.ClearCache', {}).answer).toMatchObject({ kind: 'closed' });
  });

  test('no more than fifty wait', async () => {
    const point = await (await bench()).booted();
    const heard = Array.from({ length: 52 }, () => point.ask('ocpp.ClearCache', {}));
    expect(heard.map(({ answer }) => answer?.json.code).filter(Boolean)).toEqual([-32004]);
  });

  test('what is no action of a central system, or not valid, or not answered rightly, is said', async () => {
    const point = await (await bench()).booted();
    expect(point.ask('ocpp.Heartbeat', {}).answer).toMatchObject({ json: { code: -32601 } });
    expect(point.ask('Reset', { type: 'Soft' }).answer).toMatchObject({ json: { code: -32601 } });
    expect(point.ask('ocpp.Reset', { type: 'Slow' }).answer).toMatchObject({ json: { code: -32602 } });
    const heard = point.ask('ocpp.Reset', { type: 'Soft' });
    point.answer(point.calls[0], { status: 'Perhaps' });
    expect(heard.answer).toMatchObject({ json: { code: -32007 } });
  });

  test('ids are 36 characters and never the same', async () => {
    const point = await (await bench()).booted();
    for (let count = 0; count < 20; count += 1) {
      point.ask('ocpp.ClearCache', {});
      point.answer(point.calls.at(-1), { status: 'Accepted' });
    }
    const ids = point.calls.map(([, id]) => id);
    expect(new Set(ids).size).toBe(20);
    expect(ids.every((id) => id.length === 36)).toBe(true);
  });

  test('a notification of an application is a call whose answer nobody waits for', async () => {
    const point = await (await bench()).booted();
    expect(point.peer?.notify('"ocpp.ClearCache"', Buffer.from('{}'))).toBe('sent');
    expect(point.calls).toHaveLength(1);
    expect(point.peer?.notify('"ocpp.Reset"', Buffer.from('{}'))).toMatchObject({
      code: 'JSONRPC_INVALID_PARAMS',
    });
  });
});

describe('transactions', () => {
  test('the bridge gives the number, and tells the application; one of the application’s own is dropped', async () => {
    const made = await bench();
    const point = await made.booted();
    const id = point.send('StartTransaction', START);
    const request = await point.nextAsked();
    expect(request.params).toEqual({ transactionId: 1, ...START });
    request.result({ transactionId: 99, ...ACCEPTED });
    expect(await point.answerTo(id)).toEqual([3, id, { transactionId: 1, ...ACCEPTED }]);
    expect(made.logged.filter((line) => line.includes('transactionId of its own'))).toHaveLength(1);
  });

  test('the same start again, under any id, connection or after a restart, gets the first answer', async () => {
    const made = await bench();
    let point = await made.booted();
    const id = point.send('StartTransaction', START);
    (await point.nextAsked()).result({ idTagInfo: { status: 'Blocked' } });
    const first = (await point.answerTo(id))[2];
    expect((await point.call('StartTransaction', START, id))[2]).toEqual(first);
    expect((await point.call('StartTransaction', START, 'new'))[2]).toEqual(first);
    point = made.connect();
    expect((await point.call('StartTransaction', START))[2]).toEqual(first);
    await made.close();
    await made.open();
    point = made.connect();
    expect((await point.call('StartTransaction', START))[2]).toEqual(first);
    expect(point.asked).toEqual([]);
  });

  test('a start that nobody decided about keeps its number', async () => {
    const point = await (await bench()).booted();
    point.send('StartTransaction', START);
    (await point.nextAsked()).away();
    const id = point.send('StartTransaction', START);
    const request = await point.nextAsked();
    expect(request.params.transactionId).toBe(1);
    request.result(ACCEPTED);
    expect(await point.answerTo(id)).toEqual([3, id, { transactionId: 1, ...ACCEPTED }]);
  });

  test('a stop with -1, and of a transaction that nobody knows, is kept and answered', async () => {
    const made = await bench();
    const point = await made.booted();
    for (const transactionId of [-1, 4711]) {
      const id = point.send('StopTransaction', { ...REQUESTS.StopTransaction, transactionId });
      (await point.nextAsked()).result({});
      expect(await point.answerTo(id)).toEqual([3, id, {}]);
    }
    expect((await rows(made, 'stops')).map((row) => row.transaction_id)).toEqual([-1, 4711]);
  });

  test('old times are no fault', async () => {
    const point = await (await bench()).booted();
    const id = point.send('StartTransaction', { ...START, timestamp: '2001-01-01T00:00:00Z' });
    (await point.nextAsked()).result(ACCEPTED);
    expect((await point.answerTo(id))[0]).toBe(3);
  });

  test('start, meter values and stop are handled in their order, however slow the application is', async () => {
    const point = await (await bench()).booted();
    const start = point.send('StartTransaction', START);
    const meter = point.send('MeterValues', REQUESTS.MeterValues);
    const stop = point.send('StopTransaction', REQUESTS.StopTransaction);
    const heartbeat = await point.call('Heartbeat', {});
    expect(heartbeat[0]).toBe(3);
    for (const [id, result] of [
      [start, ACCEPTED],
      [meter, {}],
      [stop, {}],
    ] as const) {
      const request = await point.nextAsked();
      expect(point.asked).toEqual([]);
      request.result(result);
      await point.answerTo(id);
    }
    const order = point.frames.map(([, id]) => id).filter((id) => [start, meter, stop].includes(id));
    expect(order).toEqual([start, meter, stop]);
  });

  test('two connectors that start in the same millisecond get two numbers', async () => {
    const point = await (await bench()).booted();
    point.send('StartTransaction', START);
    point.send('StartTransaction', { ...START, connectorId: 2 });
    const first = await point.nextAsked();
    first.result(ACCEPTED);
    const second = await point.nextAsked();
    expect(second.params.transactionId).not.toBe(first.params.transactionId);
  });

  test('a numeric value is refused, and taken from a charge point that is treated leniently', async () => {
    const meterValue = [
      { timestamp: '2026-02-01T21:05:00Z', sampledValue: [{ value: 21.5, unit: 'Celcius' }] },
    ];
    const strict = await (await bench()).booted();
    expect(await strict.call('MeterValues', { connectorId: 1, meterValue })).toMatchObject(
      [4, '2', 'TypeConstraintViolation', '', {}].with(3, expect.any(String)),
    );
    const made = await bench({ isLenient: (identity) => identity === 'CP001' });
    const point = await made.booted();
    point.send('MeterValues', { connectorId: 1, meterValue });
    expect((await point.nextAsked()).params.meterValue[0].sampledValue[0].value).toBe('21.5');
    expect(await rows(made, 'meter_values')).toMatchObject([{ value: '21.5', unit: 'Celcius' }]);
  });

  test('two charge points use the same id at one time', async () => {
    const made = await bench();
    const [one, other] = [await made.booted('CP001'), await made.booted('CP002')];
    one.send('Authorize', { idTag: 'A' }, 'x');
    other.send('Authorize', { idTag: 'B' }, 'x');
    (await one.nextAsked()).result({ idTagInfo: { status: 'Blocked' } });
    (await other.nextAsked()).result(ACCEPTED);
    expect((await one.answerTo('x'))[2].idTagInfo.status).toBe('Blocked');
    expect((await other.answerTo('x'))[2].idTagInfo.status).toBe('Accepted');
  });
});

describe('the spool', () => {
  test('takes what an application is away for, and delivers it in order when it is back', async () => {
    const made = await bench({ usesSpool: true });
    const point = await made.booted();
    expect((await point.call('MeterValues', REQUESTS.MeterValues))[2]).toEqual({});
    (await point.nextAsked()).away();
    expect((await point.call('StopTransaction', REQUESTS.StopTransaction))[2]).toEqual({});
    expect((await point.call('SecurityEventNotification', REQUESTS.SecurityEventNotification))[2]).toEqual(
      {},
    );
    const methods: string[] = [];
    for (let count = 0; methods.length < 3; count += 1) {
      const request = await until(() => {
        made.clock.advance(1000);
        return point.asked.shift();
      });
      if (count === 0) request.away('TIMEOUT');
      else {
        methods.push(request.method);
        request.result({});
      }
    }
    expect(methods).toEqual(['ocpp.MeterValues', 'ocpp.StopTransaction', 'ocpp.SecurityEventNotification']);
    await expect.poll(() => rows(made, 'spool')).toEqual([]);
  });

  test('outlives the bridge, and a connection', async () => {
    const made = await bench({ usesSpool: true });
    let point = await made.booted();
    await point.call('StopTransaction', { ...REQUESTS.StopTransaction, idTag: '04A1B2C3D4' });
    await point.nextAsked();
    point.disconnect();
    await made.close();
    await made.open();
    point = made.connect();
    const request = await point.nextAsked();
    expect(request.params).toEqual({ ...REQUESTS.StopTransaction, idTag: '04A1B2C3D4' });
    request.result({});
    await expect.poll(() => rows(made, 'spool')).toEqual([]);
  });

  test('is delivered while the charge point is away, on a connection that ends when nothing is left', async () => {
    const made = await bench({ usesSpool: true });
    const errands = made.begin();
    const point = await made.booted();
    await point.call('MeterValues', REQUESTS.MeterValues);
    await point.call('StopTransaction', REQUESTS.StopTransaction);
    await point.nextAsked();
    made.clock.advance(15_000);
    expect(errands).toEqual([]);
    point.disconnect();
    const errand = await until(() => {
      made.clock.advance(15_000);
      return errands[0];
    });
    expect(errand.peer?.notify('"ocpp.ClearCache"', Buffer.from('{}'))).toBe('closed');
    expect(errand.ask('ocpp.ClearCache', {}).answer).toMatchObject({ json: { code: -32002 } });
    for (const method of ['ocpp.MeterValues', 'ocpp.StopTransaction']) {
      const request = await errand.nextAsked();
      expect(request.method).toBe(method);
      expect(errand.asked).toEqual([]);
      request.result({});
    }
    await errand.over.promise;
    expect(errand.closed).toBeDefined();
    expect(await rows(made, 'spool')).toEqual([]);
    expect(errands).toHaveLength(1);
  });

  test('stays where it is while the application is away, and no charge point is disturbed by the attempts', async () => {
    const made = await bench({ usesSpool: true });
    const errands = made.begin();
    let point = await made.booted();
    await point.call('StopTransaction', REQUESTS.StopTransaction);
    await point.nextAsked();
    point.disconnect();
    const errand = await until(() => {
      made.clock.advance(15_000);
      return errands[0];
    });
    const request = await errand.nextAsked();
    point = made.connect();
    expect((await point.call('Heartbeat', {}))[0]).toBe(3);
    expect(point.asked).toEqual([]);
    request.away();
    await errand.over.promise;
    (await point.nextAsked()).result({});
    await expect.poll(() => rows(made, 'spool')).toEqual([]);
    made.clock.advance(15_000);
    expect(errands).toHaveLength(1);
  });

  test('start and authorize are not for later', async () => {
    const point = await (await bench({ usesSpool: true })).booted();
    const id = point.send('StartTransaction', START);
    (await point.nextAsked()).away();
    expect(await point.answerTo(id)).toMatchObject([4, id, 'InternalError', expect.any(String), {}]);
  });

  test('a message that an application refuses for good is left out, so that the others come', async () => {
    const made = await bench({ usesSpool: true });
    const point = await made.booted();
    await point.call('StopTransaction', REQUESTS.StopTransaction);
    (await point.nextAsked()).error(7, 'no');
    await expect.poll(() => rows(made, 'spool')).toEqual([]);
    expect(made.logged.some((line) => line.includes('refuses a message from the spool'))).toBe(true);
  });
});

describe('connections', () => {
  test('the newest one of a charge point counts; the end of the older one changes nothing', async () => {
    const made = await bench();
    const older = await made.booted();
    const newer = made.connect();
    expect(older.finished).toMatchObject({ how: 'ended' });
    expect(made.central.connected).toBe(1);
    older.disconnect();
    expect(made.central.connected).toBe(1);
    expect((await newer.call('Heartbeat', {}))[0]).toBe(3);
    newer.disconnect();
    expect(made.central.connected).toBe(0);
  });

  test('nothing grows over thousands of them', async () => {
    const made = await bench();
    (await made.booted()).disconnect();
    for (let round = 0; round < 3000; round += 1) {
      const point = made.connect();
      point.ask('ocpp.ClearCache', {});
      point.disconnect();
    }
    await until(() => (made.central.connected === 0 ? true : undefined));
    // Pruning once an hour, saying that the process lives, the last signs of life, and frames that are not written yet.
    expect(made.clock.timerCount).toBeLessThanOrEqual(4);
    expect(Object.keys(made.statistics.snapshot()).length).toBeLessThan(20);
  });

  test('an application that answers when the charge point is gone is told so', async () => {
    const point = await (await bench()).booted();
    point.send('Authorize', { idTag: 'A' });
    const request = await point.nextAsked();
    point.disconnect();
    expect(request.result(ACCEPTED)).toBe('closed');
  });
});

describe('what is kept of messages', () => {
  test('has no tags, passwords, keys or card numbers', async () => {
    const made = await bench();
    const point = await made.booted();
    point.send('Authorize', { idTag: '04A1B2C3D4' });
    point.ask('ocpp.ChangeConfiguration', {
      key: 'AuthorizationKey',
      value: 'deadbeefdeadbeefdeadbeefdeadbeef',
    });
    point.sendText('[2,"x","Authorize",{"idTag":"04A1B2C3D4"');
    point.sendText('[2,"y","DataTransfer",{"vendorId":"v","data":"card 4111111111111111"}]');
    await point.nextAsked();
    await made.close();
    await made.open();
    const kept = JSON.stringify(await rows(made, 'frames'));
    for (const secret of ['04A1B2C3D4', 'deadbeef', '4111111111111111']) expect(kept).not.toContain(secret);
    expect(kept).toContain('AuthorizationKey');
    expect(made.logged.join()).not.toContain('04A1B2C3D4');
  });

  test('is every message, both ways, with its action', async () => {
    const made = await bench();
    const point = await made.booted();
    await point.call('Heartbeat', {});
    point.ask('ocpp.ClearCache', {});
    point.answer(point.calls[0], { status: 'Accepted' });
    await made.close();
    await made.open();
    expect(
      (await rows(made, 'frames')).map(({ direction, kind, action }) => `${direction} ${kind} ${action}`),
    ).toEqual([
      'in call BootNotification',
      'out result BootNotification',
      'in call Heartbeat',
      'out result Heartbeat',
      'out call ClearCache',
      'in result ClearCache',
    ]);
  });
});

describe('a database that is away', () => {
  test('is said once; charge points are told to try again, and nothing is answered as if it were kept', async () => {
    const made = await bench();
    const point = await made.booted();
    await made.database?.close();
    for (const action of ['StopTransaction', 'StartTransaction', 'MeterValues'] as const) {
      const answer = await point.call(action, REQUESTS[action]);
      expect(answer).toMatchObject([4, expect.any(String), 'InternalError', expect.any(String), {}]);
    }
    expect((await point.call('Heartbeat', {}))[0]).toBe(3);
    expect(point.asked).toEqual([]);
    expect(made.logged.filter((line) => line.startsWith('the database cannot be written'))).toHaveLength(1);
  });
});
