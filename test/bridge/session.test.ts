import { describe, expect, test } from 'vitest';
import { type Bench, bench, pass, purchase, settle } from './kit.ts';

describe('requests of the register', () => {
  test('reach the application byte for byte and come back under their id', async () => {
    const { register, app } = await bench();
    register.sendText(
      '{"id":"a\\u0062c" , "params": {"n":1.10e2,"big":12345678901234567890,\n"s":"\\u00e4ä"},"method":"Status","jsonrpc":"2.0","connection":"x","extra":1}',
    );
    await settle();
    const [request] = app.requests('Status');
    app.send(
      `{"jsonrpc":"2.0","id":"${request.id}","connection":"${request.connection}","result":{"v": 1.0, "t":"ä"}}`,
    );
    await settle();
    expect(register.answerTo('abc')).toEqual({
      jsonrpc: '2.0',
      id: 'abc',
      response_to: 'Status',
      result: { v: 1, t: 'ä' },
    });
  });

  test('are refused when no application is there, and reach one that comes later', async () => {
    const { register, app, clock } = await bench();
    app.die();
    await settle();
    register.send({ id: '1', method: 'Status', params: {} });
    await settle();
    expect(register.answerTo('1').error.data.string_code).toBe('CHANNEL_UNAVAILABLE');
    app.isThere = true;
    register.send({ id: '2', method: 'Status', params: {} });
    await pass(clock, 6000);
    expect(app.conversations.at(-1)?.[0].method).toBe('_Connected');
    expect(app.requests('Status')).toHaveLength(1);
  });

  test('get CHANNEL_CLOSED when their application goes away, and later answers are ignored', async () => {
    const { register, app } = await bench();
    register.send({ id: '1', method: 'Status', params: {} });
    await settle();
    app.die();
    await settle();
    expect(register.answerTo('1').error.data.string_code).toBe('CHANNEL_CLOSED');
  });

  test('get TIMEOUT after their time', async () => {
    const { register, clock } = await bench({ timeoutMs: (method) => (method === 'Test' ? 5000 : 2000) });
    register.send({ id: '1', method: 'Status', params: {} });
    register.send({ id: '2', method: 'Test', params: {} });
    await pass(clock, 2000);
    expect(register.answerTo('1').error.data.string_code).toBe('TIMEOUT');
    expect(register.answerTo('2')).toBeUndefined();
    await pass(clock, 3000);
    expect(register.answerTo('2').error.data.string_code).toBe('TIMEOUT');
  });

  test('the first answer wins', async () => {
    const { register, app, statistics } = await bench();
    register.send({ id: '1', method: 'Status', params: {} });
    await settle();
    const [request] = app.requests('Status');
    app.answer(request, { n: 1 });
    app.answer(request, { n: 2 });
    await settle();
    expect(register.messages.filter(({ id }) => id === '1')).toHaveLength(1);
    expect(register.answerTo('1').result).toEqual({ n: 1 });
    expect(statistics.snapshot()['late answers']).toBe(1);
  });

  test('without a channel that could take them are METHOD_NOT_FOUND', async () => {
    const { register } = await bench({ channelNames: ['ui'] });
    register.send({ id: '1', method: 'Loyalty', params: {} });
    await settle();
    expect(register.answerTo('1').error).toMatchObject({
      code: -32601,
      data: { string_code: 'JSONRPC_METHOD_NOT_FOUND' },
    });
  });

  test('nested deeper than 100 are JSONRPC_INVALID_PARAMS, and the connection lives on', async () => {
    const { register, app } = await bench();
    const nested = (depth: number) => `${'['.repeat(depth - 2)}${']'.repeat(depth - 2)}`;
    const request = (id: string, depth: number) =>
      `{"jsonrpc":"2.0","id":"${id}","method":"Status","params":{"a":${nested(depth)}}}`;
    register.sendText(request('1', 101));
    register.sendText(request('2', 100));
    await settle();
    expect(register.answerTo('1').error.data.string_code).toBe('JSONRPC_INVALID_PARAMS');
    expect(app.requests('Status')).toHaveLength(1);
  });

  test('beyond 4096 open ones are BUSY', async () => {
    const { register } = await bench();
    for (let n = 0; n < 4097; n += 1) register.send({ id: `${n}`, method: 'Status', params: {} });
    await settle();
    await settle();
    expect(register.answerTo('4096').error.data.string_code).toBe('BUSY');
    expect(register.answerTo('4095')).toBeUndefined();
  });

  test('beyond 4096 open ones a transaction is not BUSY, for it may be a repetition: it hears nothing', async () => {
    const { register } = await bench();
    for (let n = 0; n < 4096; n += 1) register.send({ id: `${n}`, method: 'Status', params: {} });
    register.send(purchase('p'));
    await settle();
    await settle();
    expect(register.answerTo('p')).toBeUndefined();
    expect(register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
  });

  test('an answer that does not fit a frame is RESPONSE_TOO_LARGE for both sides', async () => {
    const { register, app } = await bench({
      protocol: { maxFrameBytes: 20_000, keepalive: 'off', sync: false },
    });
    register.send({ id: '1', method: 'Status', params: {} });
    await settle();
    app.answer(app.requests('Status')[0], { text: 'x'.repeat(20_000) });
    await settle();
    expect(register.answerTo('1').error.data.string_code).toBe('RESPONSE_TOO_LARGE');
    const complaint = app.lines.at(-1);
    expect(complaint).toMatchObject({
      id: null,
      error: { data: { string_code: 'RESPONSE_TOO_LARGE', id: app.requests('Status')[0].id } },
    });
  });

  test.each([
    ['a result that is no object', '{"jsonrpc":"2.0","id":"ID","result":[1]}'],
    ['an error that is no error', '{"jsonrpc":"2.0","id":"ID","error":{"code":"x"}}'],
    ['a batch', '[{"jsonrpc":"2.0","id":"ID","result":{}}]'],
    ['rubbish', 'hello'],
  ])('%s is an error to the application and leaves the request open', async (_what, line) => {
    const { register, app } = await bench();
    register.send({ id: '1', method: 'Status', params: {} });
    await settle();
    app.send(line.replace('ID', app.requests('Status')[0].id));
    await settle();
    expect(register.answerTo('1')).toBeUndefined();
    expect(app.lines.at(-1).error.data.string_code).toMatch(/^JSONRPC_/);
    app.answer(app.requests('Status')[0], { ok: true });
    await settle();
    expect(register.answerTo('1').result).toEqual({ ok: true });
  });

  test('an error is made complete for the register, a null result becomes {}', async () => {
    const { register, app } = await bench();
    register.send({ id: '1', method: 'Status', params: {} });
    register.send({ id: '2', method: 'Status', params: {} });
    await settle();
    const [first, second] = app.requests('Status').map(({ id }) => id);
    app.send({ id: first, error: { code: -32601, message: 'what?' } });
    app.send({ id: second, result: null });
    await settle();
    expect(register.answerTo('1').error).toEqual({
      code: -32601,
      message: 'what?',
      data: { string_code: 'JSONRPC_METHOD_NOT_FOUND', details: 'what?' },
    });
    expect(register.answerTo('2').result).toEqual({});
  });
});

describe('requests of applications', () => {
  test('get ids of their own on the wire and the answer under the id that was used', async () => {
    const { register, app } = await bench();
    app.send({ id: 7, method: 'NetworkConnect', params: { host: 'h' } });
    app.send({ id: 'seven', method: 'NetworkConnect' });
    await settle();
    const asked = register.messages.filter(({ method }) => method === 'NetworkConnect');
    expect(asked).toHaveLength(2);
    expect(new Set(asked.map(({ id }) => id)).size).toBe(2);
    expect(asked.every(({ id }) => typeof id === 'string')).toBe(true);
    expect(asked[1].params).toEqual({});
    register.send({ id: asked[1].id, result: { n: 2 } });
    register.send({ id: asked[0].id, error: { code: 1, message: 'no' } });
    await settle();
    const answers = app.lines.filter(({ method }) => method === undefined);
    expect(answers).toEqual([
      expect.objectContaining({ id: 'seven', result: { n: 2 } }),
      expect.objectContaining({ id: 7, error: { code: 1, message: 'no' } }),
    ]);
  });

  test('end with TIMEOUT when the register does not answer, and its late answer goes nowhere', async () => {
    const { register, app, clock, statistics } = await bench({ timeoutMs: () => 2000 });
    app.send({ id: 'mine', method: 'Display', params: {} });
    await settle();
    const request = register.messages.find(({ method }) => method === 'Display');
    await pass(clock, 2050);
    const answers = () => app.lines.filter(({ id }) => id === 'mine');
    expect(answers().map(({ error }) => error.data.string_code)).toEqual(['TIMEOUT']);
    register.send({ id: request.id, response_to: 'Display', result: {} });
    await settle();
    expect(answers()).toHaveLength(1);
    expect(statistics.snapshot()['late answers of the peer']).toBe(1);
  });

  test('end with CONNECTION_CLOSED when the register goes', async () => {
    const { register, app } = await bench();
    app.send({ id: 7, method: 'NetworkConnect', params: {} });
    await settle();
    register.vanish();
    await settle();
    const answer = app.lines.find(({ id }) => id === 7);
    expect(answer.error.data.string_code).toBe('CONNECTION_CLOSED');
    expect(app.lines.at(-1).method).toBe('_Disconnected');
  });

  test('whose application died before the answer came: its successor does not get it', async () => {
    const { register, app, clock } = await bench();
    app.send({ id: 7, method: 'NetworkConnect', params: {} });
    await settle();
    const asked = register.messages.find(({ method }) => method === 'NetworkConnect');
    app.die();
    app.isThere = true;
    await pass(clock, 6000);
    expect(app.conversations).toHaveLength(2);
    register.send({ id: asked.id, result: { n: 1 } });
    await settle();
    expect(app.conversations[1]?.map(({ method }) => method)).toEqual(['_Connected']);
  });

  test('names with _ do not cross, in either direction', async () => {
    const { register, app } = await bench();
    app.send({ id: 1, method: '_Keepalive', params: {} });
    app.send({ method: '_CloseReason', params: {} });
    register.send({ id: 'a', method: '_Private', params: {} });
    register.send({ method: '_Private', params: {} });
    await settle();
    expect(register.messages.map(({ id, error }) => [id, error?.data.string_code])).toEqual([
      ['a', 'JSONRPC_METHOD_NOT_FOUND'],
    ]);
    expect(app.lines.filter(({ method }) => method?.startsWith('_'))).toHaveLength(1); // _Connected
  });
});

describe('transactions', () => {
  test.each(['Purchase', 'Refund', 'Pur\\u0063hase'])(
    '%s as a notification is not passed on, and counted',
    async (method) => {
      const { register, app, statistics } = await bench();
      register.sendText(`{"jsonrpc":"2.0","method":"${method}","params":{"receipt_id":1,"sequence_id":1}}`);
      register.send({ method: 'Note', params: {} });
      await settle();
      expect(app.lines.map((line) => line.method)).toEqual(['_Connected', 'Note']);
      expect(statistics.snapshot()['refused notifications']).toBe(1);
      register.send(purchase('p'));
      await settle();
      expect(app.requests('Purchase')).toHaveLength(1);
    },
  );

  test('are never answered by invention: the application dies, comes back and is asked', async () => {
    const { register, app, clock } = await bench();
    register.send(purchase('p'));
    await settle();
    expect(app.requests('Purchase')).toHaveLength(1);
    app.die();
    await pass(clock, 120_000);
    expect(register.answerTo('p')).toBeUndefined();
    app.isThere = true;
    await pass(clock, 6000);
    const asked = app.requests('Check').at(-1);
    expect(asked.params).toEqual({ receipt_id: 17, sequence_id: '1' });
    app.fail(asked, 'TRANSACTION_ACTIVE');
    await pass(clock, 5000);
    expect(register.answerTo('p')).toBeUndefined();
    app.answer(app.requests('Check').at(-1), { approved: true });
    await settle();
    expect(register.answerTo('p')).toMatchObject({ response_to: 'Purchase', result: { approved: true } });
    register.send(purchase('q'));
    await settle();
    expect(app.requests('Purchase')).toHaveLength(2);
  });

  test('the application is asked after 0, 1 and 2 s, then every 5 s', async () => {
    const { register, app, clock } = await bench();
    register.send(purchase('p'));
    await settle();
    app.die();
    app.isThere = true;
    const seconds: number[] = [];
    const start = clock.nowMs();
    for (let tick = 0; tick < 80; tick += 1) {
      const known = app.requests('Check').length;
      await pass(clock, 250);
      for (let n = known; n < app.requests('Check').length; n += 1)
        seconds.push((clock.nowMs() - start) / 1000);
    }
    // The question at 0 s waits for the reconnection, which is asked for at once.
    expect(seconds.map(Math.floor)).toEqual([0, 1, 3, 8, 13, 18]);
  });

  test('codes about the way are no outcome, every other error is one', async () => {
    const { register, app, clock } = await bench();
    register.send(purchase('p'));
    await settle();
    app.die();
    app.isThere = true;
    for (const code of [
      'INTERNAL_ERROR',
      'JSONRPC_METHOD_NOT_FOUND',
      'BUSY',
      'TIMEOUT',
      'UNKNOWN',
      'CHANNEL_CLOSED',
    ]) {
      await pass(clock, 5000);
      app.fail(app.requests('Check').at(-1), code);
      await settle();
      expect(register.answerTo('p')).toBeUndefined();
    }
    await pass(clock, 5000);
    app.fail(app.requests('Check').at(-1), 'CARD_EXPIRED');
    await settle();
    expect(register.answerTo('p').error.data.string_code).toBe('CARD_EXPIRED');
  });

  test('"not found" counts when it is said again 5 s later', async () => {
    const { register, app, clock } = await bench();
    register.send(purchase('p'));
    await settle();
    app.die();
    app.isThere = true;
    await pass(clock, 500);
    app.fail(app.requests('Check').at(-1), 'TRANSACTION_NOT_FOUND');
    await pass(clock, 4500);
    expect(app.requests('Check')).toHaveLength(1);
    expect(register.answerTo('p')).toBeUndefined();
    await pass(clock, 1000);
    app.fail(app.requests('Check').at(-1), 'TRANSACTION_NOT_FOUND');
    await settle();
    expect(register.answerTo('p').error.data.string_code).toBe('TRANSACTION_NOT_FOUND');
  });

  test('a late answer to the Purchase itself is the outcome', async () => {
    const { register, app, clock } = await bench();
    register.send(purchase('p'));
    await settle();
    const [request] = app.requests('Purchase');
    app.die();
    app.isThere = true;
    await pass(clock, 1000);
    app.answer(request, { approved: true });
    await settle();
    expect(register.answerTo('p').result).toEqual({ approved: true });
  });

  test('without identifiers end in OUTCOME_UNKNOWN and no answer', async () => {
    const { register, app, end } = await bench();
    register.send({ id: 'p', method: 'Purchase', params: { amount: 1 } });
    await settle();
    app.die();
    await settle();
    expect(register.answerTo('p')).toBeUndefined();
    expect(register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    register.endOutput();
    await settle();
    expect(end.value).toBe('unknown');
  });

  test('without an outcome in time end in OUTCOME_UNKNOWN', async () => {
    const { register, app, clock, end } = await bench({ outcomeWaitMs: 30_000 });
    register.send(purchase('p'));
    await settle();
    app.die();
    await pass(clock, 29_000);
    expect(register.closeReason).toBeUndefined();
    await pass(clock, 2000);
    expect(register.answerTo('p')).toBeUndefined();
    expect(register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    await pass(clock, 2500);
    expect(end.value).toBe('unknown');
  });

  test('have no TIMEOUT once handed over', async () => {
    const { register, app, clock } = await bench({ timeoutMs: () => 1000 });
    register.send(purchase('p'));
    await pass(clock, 600_000);
    expect(register.answerTo('p')).toBeUndefined();
    app.answer(app.requests('Purchase')[0], { approved: true });
    await settle();
    expect(register.answerTo('p').result).toEqual({ approved: true });
  });

  test('are refused before they are handed over', async () => {
    const { register, app } = await bench();
    app.die();
    await settle();
    register.send(purchase('p'));
    await settle();
    expect(register.answerTo('p').error.data.string_code).toBe('CHANNEL_UNAVAILABLE');
  });

  test('one at a time: another gets BUSY that says who and since when', async () => {
    const one = await bench({ terminal: 'simulator:?delay=99' });
    const two = await bench({ terminal: 'simulator:?delay=99' });
    one.register.send(purchase('p'));
    await settle();
    two.register.send(purchase('q', { receipt_id: 18 }));
    one.register.send(purchase('r', { receipt_id: 19 }));
    two.register.send({ id: 's', method: 'Status', params: {} });
    await settle();
    for (const answer of [two.register.answerTo('q'), one.register.answerTo('r')]) {
      expect(answer.error.data.string_code).toBe('BUSY');
      expect(answer.error.data.details).toMatch(/memory\.r\d+\.\d+ \(process 4711\).* since \d{4}-/);
    }
    expect(two.app.requests('Status')).toHaveLength(1);
    one.app.answer(one.app.requests('Purchase')[0], {});
    await settle();
    two.register.send(purchase('t', { receipt_id: 20 }));
    await settle();
    expect(two.app.requests('Purchase')).toMatchObject([{ params: { receipt_id: 20 } }]);
  });

  test('with the same identifiers as one that is running wait for it, on any connection, and get the same answer', async () => {
    const terminal = 'simulator:?delay=97';
    const [one, two] = [await bench({ terminal }), await bench({ terminal })];
    one.register.send(purchase('p'));
    await settle();
    one.register.send(purchase('q', { receipt_id: '17', note: 'again' }));
    two.register.send(purchase('r', { sequence_id: 1 }));
    two.register.send(purchase('other', { amount: 999 }));
    await settle();
    expect(two.register.answerTo('other').error.data.string_code).toBe('DUPLICATE_TRANSACTION');
    await pass(two.clock, 120_000);
    one.app.answer(one.app.requests('Purchase')[0], { n: 1 });
    await settle();
    for (const [{ register }, id] of [[one, 'p'] as const, [one, 'q'] as const, [two, 'r'] as const]) {
      expect(register.answerTo(id).result).toEqual({ n: 1 });
    }
    expect([...one.app.requests('Purchase'), ...two.app.requests('Purchase')]).toHaveLength(1);
  });

  test('that wait for one without an outcome hear nothing, nor do those that wait when the bridge is stopped', async () => {
    const terminal = 'simulator:?delay=96';
    const [one, two, three] = [
      await bench({ terminal, outcomeWaitMs: 30_000 }),
      await bench({ terminal }),
      await bench({ terminal }),
    ];
    one.register.send(purchase('p'));
    await settle();
    two.register.send(purchase('q'));
    three.register.send(purchase('r'));
    await settle();
    three.bridge.stop();
    await pass(three.clock, 3000);
    one.app.die();
    await pass(one.clock, 31_000);
    for (const [{ register }, id] of [[two, 'q'] as const, [three, 'r'] as const]) {
      expect(register.answerTo(id)).toBeUndefined();
      expect(register.closeReason.data.string_code).toBe('OUTCOME_UNKNOWN');
    }
  });

  test('at stop: new ones are CHANNEL_UNAVAILABLE, a Check is answered and a repetition is awaited', async () => {
    const { register, app, clock, bridge } = await bench();
    register.send(purchase('p'));
    await settle();
    bridge.stop();
    register.send({ id: 'c', method: 'Check', params: { receipt_id: 18, sequence_id: '1' } });
    register.send({ id: 's', method: 'Status', params: {} });
    register.send(purchase('again'));
    await settle();
    expect(register.answerTo('s').error.data.string_code).toBe('CHANNEL_UNAVAILABLE');
    app.answer(app.requests('Check')[0], { n: 18 });
    app.answer(app.requests('Purchase')[0], { n: 17 });
    await settle();
    register.send(purchase('new', { receipt_id: 19 }));
    await pass(clock, 250);
    expect(register.answerTo('c').result).toEqual({ n: 18 });
    for (const id of ['p', 'again']) expect(register.answerTo(id).result).toEqual({ n: 17 });
    expect(app.requests('Purchase')).toHaveLength(1);
  });

  test('a member of params twice is refused', async () => {
    const { register } = await bench();
    register.sendText(
      '{"jsonrpc":"2.0","id":"p","method":"Purchase","params":{"receipt_id":1,"sequence_id":1,"amount":1,"\\u0061mount":2}}',
    );
    await settle();
    expect(register.answerTo('p').error.data.string_code).toBe('JSONRPC_INVALID_PARAMS');
  });

  test('an answer too large leaves them open, a smaller one ends them', async () => {
    const { register, app } = await bench({
      protocol: { maxFrameBytes: 20_000, keepalive: 'off', sync: false },
    });
    register.send(purchase('p'));
    await settle();
    const [request] = app.requests('Purchase');
    app.answer(request, { receipt: 'x'.repeat(20_000) });
    await settle();
    expect(register.answerTo('p')).toBeUndefined();
    app.answer(request, { receipt: 'x' });
    await settle();
    expect(register.answerTo('p').result).toEqual({ receipt: 'x' });
  });
});

describe('Check that the bridge has to answer', () => {
  const check = (id: string, params: object = { receipt_id: '17', sequence_id: 1 }) => ({
    id,
    method: 'Check',
    params,
  });

  test('is TRANSACTION_ACTIVE while the transaction is open here, else OUTCOME_UNKNOWN; what names nothing is JSONRPC_INVALID_PARAMS', async () => {
    const { register, app } = await bench();
    register.send(purchase('p'));
    await settle();
    app.die();
    await settle();
    register.send(check('a'));
    register.send(check('b', { receipt_id: 18, sequence_id: 1 }));
    register.send(check('c', {}));
    await settle();
    const codes = ['a', 'b', 'c'].map((id) => register.answerTo(id).error.data.string_code);
    expect(codes).toEqual(['TRANSACTION_ACTIVE', 'OUTCOME_UNKNOWN', 'JSONRPC_INVALID_PARAMS']);
  });

  test('is TRANSACTION_ACTIVE where the application does not find what it has not ended, on any connection', async () => {
    const one = await bench({ terminal: 'simulator:?delay=98' });
    const two = await bench({ terminal: 'simulator:?delay=98' });
    one.register.send(purchase('p'));
    await settle();
    const asked = async ({ register, app }: Bench, id: string) => {
      register.send(check(id));
      await settle();
      app.fail(app.requests('Check').at(-1), 'TRANSACTION_NOT_FOUND');
      await settle();
      return register.answerTo(id).error.data.string_code;
    };
    expect(await asked(one, 'a')).toBe('TRANSACTION_ACTIVE');
    expect(await asked(two, 'b')).toBe('TRANSACTION_ACTIVE');
    one.app.fail(one.app.requests('Purchase')[0], 'DECLINED');
    await settle();
    expect(await asked(one, 'c')).toBe('TRANSACTION_NOT_FOUND');
    expect(await asked(two, 'd')).toBe('TRANSACTION_NOT_FOUND');
  });

  test('has no other words, whatever the cause', async () => {
    const timeout = await bench({ timeoutMs: () => 1000 });
    timeout.register.send(check('a'));
    await pass(timeout.clock, 1000);
    const nowhere = await bench({ channelNames: ['ui'] });
    nowhere.register.send(check('a'));
    const nobody = await bench({ endpoint: 'null:' });
    nobody.register.send(check('a'));
    await settle();
    for (const { register } of [timeout, nowhere, nobody]) {
      expect(register.answerTo('a').error.data.string_code).toBe('OUTCOME_UNKNOWN');
    }
  });
});
