import { describe, expect, test } from 'vitest';
import { bench, pass, purchase, settle, type WireRegister } from './kit.ts';

describe('the first line', () => {
  test('is _Connected, on every attachment, again after each reconnection', async () => {
    const { app, clock } = await bench();
    expect(app.lines[0]).toMatchObject({
      connection: expect.stringMatching(/^memory\.r\d+\.\d+$/),
      method: '_Connected',
      params: {
        dialect: 'jsonpos',
        peer: 'memory',
        version: '1.2.3',
        channels: { ui: expect.stringMatching(/^simulator:/), payment: expect.any(String) },
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      },
    });
    expect(app.lines[0].params.connection).toBe(app.lines[0].connection);
    app.die();
    app.isThere = true;
    await pass(clock, 1000);
    expect(app.conversations).toHaveLength(2);
    expect(app.conversations[1]?.[0].method).toBe('_Connected');
  });
});

describe('end of input', () => {
  test('with nothing open: goodbye, end, status 0', async () => {
    const { register, app, end } = await bench();
    register.endOutput();
    await settle();
    expect(register.closeReason.data.string_code).toBe('CONNECTION_CLOSED');
    expect(register.ended).toBe(true);
    expect(app.lines.at(-1)).toMatchObject({ method: '_Disconnected', params: { pending: [] } });
    expect(end.value).toBe('ended');
  });

  test('what was asked is still answered', async () => {
    const { register, app, clock, end } = await bench();
    register.send({ id: '1', method: 'Status', params: {} });
    register.endOutput();
    await pass(clock, 4000);
    expect(end.value).toBeUndefined();
    app.answer(app.requests('Status')[0], { ok: true });
    await settle();
    expect(register.messages.map(({ id, method }) => id ?? method)).toEqual(['1', '_CloseReason']);
    expect(end.value).toBe('ended');
  });

  test('ordinary requests have 5 s', async () => {
    const { register, clock, end } = await bench();
    register.send({ id: '1', method: 'Status', params: {} });
    register.endOutput();
    await pass(clock, 5250);
    expect(register.answerTo('1').error.data.string_code).toBe('TIMEOUT');
    expect(end.value).toBe('ended');
  });

  test('a transaction is awaited and answered', async () => {
    const { register, app, clock, end } = await bench();
    register.send(purchase('p'));
    register.endOutput();
    await pass(clock, 300_000);
    expect(register.closed).toBe(false);
    app.answer(app.requests('Purchase')[0], { approved: true });
    await settle();
    expect(register.answerTo('p').result).toEqual({ approved: true });
    expect(end.value).toBe('ended');
  });

  test('inside a frame: what was asked is answered, then JSONRPC_PARSE_ERROR and status 76', async () => {
    const { register, app, end } = await bench();
    register.send({ id: '1', method: 'Status', params: {} });
    await settle();
    register.sendText('{}'); // no JSON-RPC: see below
    await settle();
    expect(register.closeReason.data.string_code).toBe('JSONRPC_INVALID_REQUEST');
    register.endOutput();
    await settle();
    expect(end.value).toBe('broken');
    expect(app.lines.at(-1).params.reason).toBe('JSONRPC_INVALID_REQUEST');
  });
});

describe('loss', () => {
  test('ends open ordinary requests and everything else', async () => {
    const { register, app, end } = await bench();
    register.send({ id: '1', method: 'Status', params: {} });
    await settle();
    register.vanish();
    await settle();
    expect(app.lines.at(-1)).toMatchObject({ method: '_Disconnected', params: { pending: [] } });
    expect(end.value).toBe('ended');
  });

  test('with a transaction open: it is awaited with the wire closed, the lock is kept, then nothing is left', async () => {
    const terminal = 'simulator:?delay=98';
    const { register, app, clock, end } = await bench({ terminal });
    register.send(purchase('p'));
    await settle();
    register.vanish();
    await pass(clock, 60_000);
    expect(app.requests('_Disconnected')[0]).toMatchObject({
      method: '_Disconnected',
      params: { pending: [app.requests('Purchase')[0].id] },
    });
    expect(end.value).toBeUndefined();
    const other = await bench({ terminal });
    other.register.send(purchase('q', { receipt_id: 18 }));
    await settle();
    expect(other.register.answerTo('q').error.data.string_code).toBe('BUSY');
    app.answer(app.requests('Purchase')[0], { approved: true });
    await settle();
    expect(end.value).toBe('ended');
    other.register.send(purchase('r', { receipt_id: 19 }));
    await settle();
    expect(other.app.requests('Purchase')).toHaveLength(1);
  });

  test('an outcome that stays unknown is status 111', async () => {
    const { register, clock, end } = await bench({ outcomeWaitMs: 10_000 });
    register.send(purchase('p'));
    await settle();
    register.vanish();
    await pass(clock, 9000);
    expect(end.value).toBeUndefined();
    await pass(clock, 1500);
    expect(end.value).toBe('unknown');
  });

  test('a missed keepalive is loss: goodbye KEEPALIVE, status 111', async () => {
    const keepalive = { idleMs: 30_000, busyMs: 5000, limitMs: 20_000 };
    const { register, clock, end } = await bench({
      protocol: { maxFrameBytes: 262_134, keepalive, sync: false },
    });
    await pass(clock, 30_000);
    expect(register.messages.at(-1).method).toBe('_Keepalive');
    register.send({ id: register.messages.at(-1).id, error: { code: 1, message: 'an error counts' } });
    await pass(clock, 30_000);
    expect(register.messages.filter(({ method }) => method === '_Keepalive')).toHaveLength(2);
    await pass(clock, 20_000);
    expect(register.closeReason).toMatchObject({ code: -32000, data: { string_code: 'KEEPALIVE' } });
    await pass(clock, 2500);
    expect(end.value).toBe('failed');
  });
});

describe('goodbye of the register', () => {
  test('its reason sticks and is echoed', async () => {
    const { register, app, end } = await bench();
    const error = { code: 1, message: 'shift is over', data: { string_code: 'SHIFT_OVER', details: 'x' } };
    register.send({ method: '_CloseReason', params: { error } });
    await settle();
    expect(register.closeReason.data.string_code).toBe('SHIFT_OVER');
    expect(app.lines.at(-1).params).toMatchObject({ reason: 'SHIFT_OVER' });
    register.endOutput();
    await settle();
    expect(end.value).toBe('ended');
  });
});

describe('stop', () => {
  test('refuses new work, waits for what is open, says goodbye', async () => {
    const { register, app, bridge, end } = await bench();
    register.send({ id: '1', method: 'Status', params: {} });
    await settle();
    bridge.stop();
    register.send({ id: '2', method: 'Status', params: {} });
    await settle();
    expect(register.answerTo('2').error.data.string_code).toBe('CHANNEL_UNAVAILABLE');
    app.answer(app.requests('Status')[0], {});
    await settle();
    expect(register.answerTo('1').result).toEqual({});
    expect(register.messages.at(-1).method).toBe('_CloseReason');
    register.endOutput();
    await settle();
    expect(end.value).toBe('ended');
  });

  test('a transaction without an outcome ends in OUTCOME_UNKNOWN within 5 s', async () => {
    const { register, bridge, clock, end } = await bench();
    register.send(purchase('p'));
    await settle();
    bridge.stop();
    await pass(clock, 5000);
    expect(register.answerTo('p')).toBeUndefined();
    expect(register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    expect(end.value).toBe('unknown');
  });

  test('a transaction has as long as --drain says, and others no longer than before', async () => {
    const { register, app, bridge, clock, end } = await bench({ drainMs: 120_000 });
    register.send(purchase('p'));
    register.send({ id: '1', method: 'Status', params: {} });
    register.send({ id: 'c', method: 'Check', params: { receipt_id: 17, sequence_id: '1' } });
    await settle();
    bridge.stop();
    await pass(clock, 2500);
    expect(register.answerTo('1').error.data.string_code).toBe('CHANNEL_UNAVAILABLE');
    expect(register.answerTo('c')).toBeUndefined();
    await pass(clock, 10_000);
    register.send(purchase('late', { receipt_id: 18 }));
    register.send({ id: '2', method: 'Status', params: {} });
    await settle();
    expect(register.answerTo('late').error.data.string_code).toBe('BUSY');
    expect(register.answerTo('2').error.data.string_code).toBe('CHANNEL_UNAVAILABLE');
    app.answer(app.requests('Check')[0], { n: 17 });
    app.answer(app.requests('Purchase')[0], { n: 17 });
    await settle();
    expect(register.answerTo('p').result).toEqual({ n: 17 });
    expect(register.closeReason.data.string_code).toBe('CONNECTION_CLOSED');
    register.endOutput();
    await settle();
    expect(end.value).toBe('ended');
  });

  test('a transaction that outlives the drain ends in OUTCOME_UNKNOWN, whatever became of its application', async () => {
    for (const dies of [false, true]) {
      const { register, app, bridge, clock, end } = await bench({ drainMs: 120_000 });
      register.send(purchase('p'));
      await settle();
      bridge.stop();
      if (dies) app.die();
      await pass(clock, 119_000);
      expect(end.value).toBeUndefined();
      await pass(clock, 4000);
      expect(register.answerTo('p')).toBeUndefined();
      expect(register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
      expect(end.value).toBe('unknown');
    }
  });

  test.each([
    ['vanishes before', (register: WireRegister) => register.vanish(), 'nothing'],
    ['vanishes after', 'nothing', (register: WireRegister) => register.vanish()],
    ['ends its output before', (register: WireRegister) => register.endOutput(), 'nothing'],
    ['ends its output after', 'nothing', (register: WireRegister) => register.endOutput()],
  ] as const)(
    'ends within 5 s with a transaction without an outcome whose register %s',
    async (_what, before, after) => {
      const { register, bridge, clock, end } = await bench();
      register.send(purchase('p'));
      await settle();
      if (before !== 'nothing') before(register);
      await pass(clock, 1000);
      bridge.stop();
      await pass(clock, 1000);
      if (after !== 'nothing') after(register);
      await pass(clock, 4000);
      expect(end.value).toBe('unknown');
    },
  );
});

describe('a register that reads nothing', () => {
  test('is not read either, then lost with WIRE_WRITE_TIMEOUT', async () => {
    const { register, app, clock, end } = await bench();
    register.pause();
    for (let n = 0; n < 3000; n += 1) register.send({ id: `${n}`, method: 'Status', params: {} });
    await settle();
    for (const request of app.requests('Status')) app.answer(request, { text: 'x'.repeat(2000) });
    await pass(clock, 31_000);
    expect(end.value).toBe('failed');
    expect(app.lines.at(-1).params.reason).toBe('WIRE_WRITE_TIMEOUT');
  });
});
