import { afterEach, describe, expect, test } from 'vitest';
import { Stage, type StageOptions, type Told } from './kit.ts';

const stages: Stage[] = [];

afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.close();
});

async function open(options: StageOptions = {}): Promise<Stage> {
  const stage = await Stage.open(options);
  stages.push(stage);
  return stage;
}

/** The next event of this kind that fits. */
async function next(events: AsyncGenerator<Told>, isIt: (told: Told) => boolean): Promise<Told> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error('the stream has ended');
    if (isIt(value)) return value;
  }
}

const isSale = (state: string) => (told: Told) => told.event === 'sale' && told.data.state === state;

describe('a sale', () => {
  test('is answered when it is recorded, with where it is to be found', async () => {
    const stage = await open();
    stage.terminal.onRequest = () => undefined;
    const made = await stage.purchase('k1', { reference: 'ORDER-1' });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      state: 'pending',
      amount: '12.30',
      amountMinor: 1230,
      reference: 'ORDER-1',
    });
    expect(made.headers.get('location')).toBe(`/v1/sales/${made.body.id}`);
    expect((await stage.ask(`/v1/sales/${made.body.id}`)).body).toEqual(made.body);
  });

  test('is told when it has ended, where the caller prefers to wait', async () => {
    const stage = await open();
    const sale = await stage.ended('k1');
    expect(sale.status).toBe(200);
    expect(sale.body).toMatchObject({
      state: 'approved',
      card: { scheme: 'Visa', maskedNumber: '************1111' },
      receipts: { customer: ['PAID', 'THANK YOU'], merchant: ['PAID', 'MERCHANT'] },
      result: { amount: 1230, currency: 'EUR' },
    });
    expect(sale.body.approvedAmount).toBeUndefined();
  });

  test('is 202 where the time to wait is over first', async () => {
    const stage = await open();
    stage.terminal.onRequest = () => undefined;
    const sale = await stage.purchase('k1', {}, { Prefer: 'wait=0' });
    expect([sale.status, sale.body.state, sale.headers.get('preference-applied')]).toEqual([
      202,
      'pending',
      'wait=0',
    ]);
  });

  test('says that another amount was approved', async () => {
    const stage = await open();
    stage.terminal.onRequest = ({ method }) =>
      method === 'Purchase' ? { amount: 500, currency: 'EUR' } : {};
    const { body } = await stage.ended('k1');
    expect(body).toMatchObject({
      state: 'approved',
      amount: '12.30',
      approvedAmount: '5.00',
      approvedAmountMinor: 500,
    });
  });

  test('that is declined says why', async () => {
    const stage = await open();
    stage.terminal.onRequest = ({ method }) => (method === 'Purchase' ? new Error('DECLINED') : {});
    const { body } = await stage.ended('k1');
    expect(body).toMatchObject({ state: 'declined', reason: { code: 'DECLINED' } });
  });

  test('of which nothing could be sent is not started, for good and after a restart too', async () => {
    const stage = await open();
    const sell = () =>
      stage.post(
        '/v1/terminals/kiosk/purchases',
        { amount: '1', currency: 'EUR' },
        { 'Idempotency-Key': 'k', Prefer: 'wait=30' },
      );
    const first = await sell();
    expect(first.body).toMatchObject({ state: 'not-started', reason: { code: 'CHANNEL_UNAVAILABLE' } });
    await stage.stop();
    await stage.start();
    expect((await sell()).text).toBe(first.text);
  });

  test('is refunded with the same words', async () => {
    const stage = await open();
    const order = { amount: '12.30', currency: 'EUR' };
    const { body } = await stage.post('/v1/terminals/counter/refunds', order, {
      'Idempotency-Key': 'k',
      Prefer: 'wait=30',
    });
    expect(body).toMatchObject({ kind: 'refund', state: 'approved' });
    expect(stage.terminal.requests('Refund')).toHaveLength(1);
  });

  test('keeps numbers that a double cannot hold', async () => {
    const stage = await open();
    stage.terminal.onRequest = ({ id }, connection) => {
      connection.sendRaw(
        ((text: string) => `${text.length.toString(16).padStart(8, '0')}:${text}\n`)(
          `{"jsonrpc":"2.0","id":"${id}","response_to":"Purchase","result":{"amount":1230,"currency":"EUR","host_reference":9007199254740993123}}`,
        ),
      );
      return undefined;
    };
    expect((await stage.ended('k1')).text).toContain('"host_reference":9007199254740993123');
  });
});

describe('a key', () => {
  test('is one sale, however often and however fast it is sent, and after a restart', async () => {
    const stage = await open();
    const all = await Promise.all(Array.from({ length: 8 }, () => stage.ended('k1')));
    await stage.stop();
    await stage.start();
    all.push(await stage.ended('k1'));
    expect(new Set(all.map(({ text }) => text)).size).toBe(1);
    expect(stage.terminal.requests('Purchase')).toHaveLength(1);
  });

  test('that is missing, empty, or was sent with another request makes no sale', async () => {
    const stage = await open();
    await stage.ended('k1');
    for (const [more, headers, status, code] of [
      [{}, {}, 400, 'IDEMPOTENCY_KEY_MISSING'],
      [{}, { 'Idempotency-Key': '' }, 400, 'INVALID_REQUEST'],
      [{ amount: '12.31' }, { 'Idempotency-Key': 'k1' }, 422, 'IDEMPOTENCY_KEY_REUSED'],
      [{ reference: 'B' }, { 'Idempotency-Key': 'k1' }, 422, 'IDEMPOTENCY_KEY_REUSED'],
    ] as const) {
      const order = { amount: '12.30', currency: 'EUR', ...more };
      const refused = await stage.post('/v1/terminals/counter/purchases', order, headers);
      expect([refused.status, refused.body.code]).toEqual([status, code]);
      expect(refused.headers.get('content-type')).toContain('application/problem+json');
    }
    expect(stage.terminal.requests('Purchase')).toHaveLength(1);
  });

  test('stays free where the terminal is busy, which says with what', async () => {
    const stage = await open();
    stage.terminal.onRequest = () => undefined;
    const first = await stage.purchase('k1');
    const second = await stage.purchase('k2');
    expect(second.status).toBe(409);
    expect(second.body).toMatchObject({ code: 'BUSY', heldBy: { id: first.body.id, kind: 'purchase' } });
    expect((await stage.ask('/v1/sales')).body.sales).toHaveLength(1);
    expect((await stage.ask('/v1/terminals/counter')).body).toMatchObject({
      state: 'busy',
      sale: { id: first.body.id },
    });
  });
});

test('a body that does not fit is refused with what is wrong, and makes no sale', async () => {
  const stage = await open();
  for (const [body, why] of [
    [{ amount: 12.3, currency: 'EUR' }, /"12.30".*numbers lose decimals/],
    [{ amount: '12.3', currency: 'EUR' }, /write 12.30/],
    [{ amount: '12', currency: 'EUX' }, /EUX/],
    [{ amount: '12', currency: 'EUR', amout: '13' }, /body\/amout is not known/],
    [{ amount: '12', currency: 'EUR', reference: '4111111111111111' }, /never stored/],
    ['{"amount":"1","amount":"2","currency":"EUR"}', /given twice/],
    ['[]', /not a JSON object/],
  ] as const) {
    const refused = await stage.post('/v1/terminals/counter/purchases', body, { 'Idempotency-Key': 'k' });
    expect([refused.status, refused.body.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(refused.body.detail).toMatch(why);
  }
  expect((await stage.ask('/v1/sales')).body).toEqual({ sales: [], next: null });
});

describe('the list of sales', () => {
  test('has pages, newest first, and finds by what a sale is', async () => {
    const stage = await open();
    for (const key of ['a', 'b', 'c']) await stage.ended(key, { reference: key });
    const first = (await stage.ask('/v1/sales?limit=2')).body;
    expect(first.sales.map(({ reference }: { reference: string }) => reference)).toEqual(['c', 'b']);
    const second = (await stage.ask(`/v1/sales?limit=2&cursor=${first.next}`)).body;
    expect(second.sales.map(({ reference }: { reference: string }) => reference)).toEqual(['a']);
    expect(second.next).toBeNull();
    const of = async (query: string) => (await stage.ask(`/v1/sales?${query}`)).body.sales.length;
    expect(await of('reference=b')).toBe(1);
    expect(await of('state=declined')).toBe(0);
    expect(await of('terminal=kiosk')).toBe(0);
    expect(await of(`since=${encodeURIComponent(first.sales[0].createdAt)}`)).toBe(1);
  });

  test('refuses what it does not understand', async () => {
    const stage = await open();
    for (const query of [
      'limit=0',
      'limit=201',
      'state=paid',
      'since=yesterday',
      'since=2016-12-31T23:59:60Z',
      'colour=red',
    ]) {
      expect((await stage.ask(`/v1/sales?${query}`)).status).toBe(400);
    }
  });
});

describe('what an earlier run has left', () => {
  test('is asked about by itself, and told as what the terminal says', async () => {
    const stage = await open();
    stage.terminal.onRequest = () => undefined;
    const { body } = await stage.purchase('k1');
    await stage.terminal.until(() => stage.terminal.requests('Purchase').length === 1);
    await stage.stop();
    stage.terminal.onRequest = ({ method }) => (method === 'Check' ? { amount: 1230, currency: 'EUR' } : {});
    await stage.start();
    expect(await stage.ended('k1')).toMatchObject({ status: 200, body: { id: body.id, state: 'approved' } });
    expect(stage.terminal.requests('Purchase')).toHaveLength(1);
  });

  test('is unknown when nobody can tell, can be settled by a person, and only then', async () => {
    const stage = await open({ outcomeWaitMs: 30 });
    stage.terminal.onRequest = ({ method }) => (method === 'Check' ? new Error('NOT_READY') : undefined);
    const events = stage.events('/v1/events');
    const { id } = (await stage.purchase('k1')).body;
    const settle = (body: object) => stage.post(`/v1/sales/${id}/settle`, body);
    expect((await next(events, isSale('unknown'))).data.reason.code).toBe('OUTCOME_UNKNOWN');
    expect((await stage.purchase('k1', {}, { Prefer: 'wait=9' })).status).toBe(202);
    expect((await settle({ outcome: 'paid', by: 'alice' })).status).toBe(400);
    expect((await settle({ outcome: 'approved', by: '4111111111111111' })).body.detail).toMatch(
      /never stored/,
    );
    expect((await settle({ outcome: 'approved', by: 'alice' })).body).toMatchObject({
      state: 'approved',
      settledBy: 'alice',
    });
    expect((await next(events, isSale('approved'))).data.id).toBe(id);
    expect((await settle({ outcome: 'approved', by: 'bob' })).body.code).toBe('NOT_SETTLEABLE');
    await events.return(undefined);
    await stage.stop();
    await stage.start();
    expect((await stage.ask(`/v1/sales/${id}`)).body).toMatchObject({
      state: 'approved',
      settledBy: 'alice',
    });
  });
});

describe('an abort', () => {
  test('is asked of the terminal, and the sale tells what came of it', async () => {
    const stage = await open();
    stage.terminal.onRequest = ({ method }, connection) => {
      if (method !== 'Abort') return undefined;
      const [purchase] = connection.requests('Purchase');
      if (purchase !== undefined) connection.answer(purchase, new Error('TRANSACTION_ABORTED'));
      return {};
    };
    const { id } = (await stage.purchase('k1')).body;
    await stage.terminal.until(() => stage.terminal.requests('Purchase').length === 1);
    expect([202, 200]).toContain((await stage.ask(`/v1/sales/${id}/abort`, { method: 'POST' })).status);
    expect((await stage.ended('k1')).body.state).toBe('cancelled');
    expect((await stage.ask(`/v1/sales/${id}/abort`, { method: 'POST' })).status).toBe(200);
  });

  test('before anything was sent ends the sale here', async () => {
    const stage = await open();
    await stage.terminal.stop();
    const { id } = (await stage.purchase('k1')).body;
    await stage.ask(`/v1/sales/${id}/abort`, { method: 'POST' });
    expect((await stage.ended('k1')).body).toMatchObject({ state: 'cancelled', reason: { code: 'ABORTED' } });
    await stage.terminal.start();
  });
});

describe('events', () => {
  test('tell each change of a sale, and go on after the last one that was seen', async () => {
    const stage = await open();
    const live = stage.events('/v1/events');
    await next(live, ({ id }) => id !== '');
    const { id } = (await stage.purchase('k1')).body;
    const pending = await next(live, isSale('pending'));
    expect(pending.data).toMatchObject({ id, state: 'pending' });
    const approved = await next(live, isSale('approved'));
    await live.return(undefined);
    const again = stage.events('/v1/events', { 'Last-Event-ID': pending.id });
    expect(await next(again, isSale('approved'))).toEqual(approved);
    await again.return(undefined);
  });

  test('after a restart tell what has changed meanwhile, from the store', async () => {
    const stage = await open();
    const live = stage.events('/v1/events');
    const start = await next(live, ({ id }) => id !== '');
    await live.return(undefined);
    const { text } = await stage.ended('k1');
    await stage.stop();
    await stage.start();
    const again = stage.events('/v1/events', { 'Last-Event-ID': start.id });
    expect((await next(again, isSale('pending'))).data).toMatchObject({
      state: 'pending',
      card: null,
      endedAt: null,
    });
    expect((await next(again, isSale('approved'))).data).toEqual(JSON.parse(text));
    await again.return(undefined);
  });

  test('of one sale begin with it as it is, and end with it', async () => {
    const stage = await open();
    const { body } = await stage.ended('k1');
    const told: Told[] = [];
    for await (const event of stage.events(`/v1/sales/${body.id}/events`)) told.push(event);
    const sales = told.filter(({ event }) => event === 'sale');
    expect(sales.map(({ data }) => data)).toEqual([body]);
    const last = sales.at(-1)?.id ?? '';
    const after = await stage.ask(`/v1/sales/${body.id}/events`, { headers: { 'Last-Event-ID': last } });
    expect(after.status).toBe(204);
  });
});

test('receipts are given as lines and as text', async () => {
  const stage = await open();
  const { id } = (await stage.ended('k1')).body;
  const as = (accept: string, query = '') =>
    stage.ask(`/v1/sales/${id}/receipt${query}`, { headers: { Accept: accept } });
  expect((await as('*/*')).body).toEqual({ customer: ['PAID', 'THANK YOU'], merchant: ['PAID', 'MERCHANT'] });
  expect((await as('text/plain')).text).toBe('PAID\nTHANK YOU\n');
  expect((await as('text/plain', '?copy=merchant')).text).toBe('PAID\nMERCHANT\n');
});

test('a store belongs to one service', async () => {
  const stage = await open();
  await expect(stage.start()).rejects.toThrow('another process is using it');
});

test('whoever watches the terminals sees each of them fail', async () => {
  const failed = new Promise<unknown>((resolve) => {
    void open({
      watch: (client, { name, place }) => {
        client.on('disconnected', ({ failures }) => resolve({ name, place, failures }));
      },
    });
  });
  expect(await failed).toEqual({ name: 'kiosk', place: 'tcp:127.0.0.1:1', failures: 1 });
});
