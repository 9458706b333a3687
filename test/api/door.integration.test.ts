import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Answered, Stage, type StageOptions } from './kit.ts';

/** Who is let in, and what strangers do to it. */

const stages: Stage[] = [];

afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.close();
});

async function open(options: StageOptions = {}): Promise<Stage> {
  const stage = await Stage.open(options);
  stages.push(stage);
  return stage;
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

describe('tokens', () => {
  test('are needed, known, and for what they were made for', async () => {
    const stage = await open({ hasTokens: true });
    const pay = await stage.token('till-1', ['pay'], ['counter']);
    const read = await stage.token('office', ['read']);
    await stage.stop();
    await stage.start();
    const status = async (where: string, token?: string) =>
      (await stage.ask(where, { headers: token === undefined ? {} : bearer(token) })).status;
    expect(await status('/v1/sales')).toBe(401);
    expect(await status('/v1/sales', 'pb_wrong')).toBe(401);
    expect(await status('/v1/sales', `${pay} ${read}`)).toBe(401);
    expect(await status('/v1/sales', read)).toBe(200);
    expect(await status('/metrics', pay)).toBe(403);
    expect(await status('/v1/health')).toBe(200);
    expect((await stage.purchase('k', {}, bearer(read))).body.code).toBe('NOT_ALLOWED');
    expect((await stage.purchase('k', {}, { ...bearer(pay), Prefer: 'wait=30' })).body.state).toBe(
      'approved',
    );
    const order = { amount: '1', currency: 'EUR' };
    const kiosk = await stage.post('/v1/terminals/kiosk/purchases', order, {
      ...bearer(pay),
      'Idempotency-Key': 'k2',
    });
    expect(kiosk.body.code).toBe('NOT_FOUND');
    const refund = await stage.post('/v1/terminals/counter/refunds', order, {
      ...bearer(pay),
      'Idempotency-Key': 'k3',
    });
    expect(refund.body.code).toBe('NOT_ALLOWED');
    const { terminals } = (await stage.ask('/v1/terminals', { headers: bearer(pay) })).body;
    expect(terminals.map(({ name }: { name: string }) => name)).toEqual(['counter']);
  });

  test('never give the sale of another one, not even by its key', async () => {
    const stage = await open({ hasTokens: true });
    const one = await stage.token('till-1', ['pay']);
    const other = await stage.token('till-2', ['pay', 'refund']);
    const kiosk = await stage.token('kiosk', ['read'], ['kiosk']);
    await stage.stop();
    await stage.start();
    const mine = await stage.purchase('same-key', {}, { ...bearer(one), Prefer: 'wait=30' });
    const theirs = await stage.purchase('same-key', {}, { ...bearer(other), Prefer: 'wait=30' });
    expect(theirs.body.id).not.toBe(mine.body.id);
    expect(stage.terminal.requests('Purchase')).toHaveLength(2);
    const as = async (where: string, init: RequestInit = {}) =>
      (await stage.ask(where, { ...init, headers: bearer(other) })).status;
    expect(await as(`/v1/sales/${mine.body.id}`)).toBe(404);
    expect(await as(`/v1/sales/${mine.body.id}/receipt`)).toBe(404);
    expect(await as(`/v1/sales/${mine.body.id}/events`)).toBe(404);
    expect(await as(`/v1/sales/${mine.body.id}/abort`, { method: 'POST' })).toBe(404);
    expect(await as(`/v1/sales?cursor=${mine.body.id}`)).toBe(404);
    const { sales } = (await stage.ask('/v1/sales', { headers: bearer(other) })).body;
    expect(sales.map(({ id }: { id: string }) => id)).toEqual([theirs.body.id]);
    const metrics = (await stage.ask('/metrics', { headers: bearer(kiosk) })).text;
    expect(metrics).toContain('posbridge_api_sales{state="approved"} 0');
    expect(metrics).not.toMatch(/counter|createPurchase|event_streams/);
  });

  test('that see only their own sales hear of nothing else, also not whose sale holds the terminal', async () => {
    const stage = await open({ hasTokens: true });
    const one = await stage.token('till-1', ['pay']);
    const other = await stage.token('till-2', ['pay']);
    await stage.stop();
    await stage.start();
    stage.terminal.onRequest = () => undefined;
    const events = stage.events('/v1/events', bearer(other));
    await events.next();
    const { id } = (await stage.purchase('k', {}, bearer(one))).body;
    const busy = await stage.purchase('k', {}, bearer(other));
    expect(busy.body).toMatchObject({ code: 'BUSY', heldBy: { id: null, kind: 'purchase' } });
    expect((await stage.ask('/v1/terminals/counter', { headers: bearer(other) })).text).not.toContain(id);
    const [purchase] = stage.terminal.requests('Purchase');
    if (purchase !== undefined) stage.terminal.connection.answer(purchase, { amount: 1230, currency: 'EUR' });
    await stage.service.drain(10_000);
    await stage.stop(); // ends the stream
    const told: string[] = [];
    for await (const { event } of events) told.push(event);
    expect(told.filter((event) => event !== '')).toEqual([]);
    await stage.start();
  });
});

describe('pages of others', () => {
  test('are refused, for reading too, unless they are let in', async () => {
    const stage = await open({ allowOrigins: ['https://till.example'] });
    const as = (headers: Record<string, string>, init: RequestInit = {}) =>
      stage.ask('/v1/sales', { ...init, headers });
    expect((await as({ Origin: 'https://evil.example' })).body.code).toBe('FOREIGN_PAGE');
    expect((await as({ Origin: 'null' })).status).toBe(403);
    expect((await as({ 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
    const till = await as({ Origin: 'https://till.example' });
    expect([till.status, till.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'https://till.example',
    ]);
    const own = await as({ Origin: stage.url });
    expect([own.status, own.headers.get('access-control-allow-origin')]).toEqual([200, null]);
    const asks = { 'Access-Control-Request-Method': 'POST' };
    const preflight = (origin: string) =>
      stage.ask('/v1/terminals/counter/purchases', {
        method: 'OPTIONS',
        headers: { ...asks, Origin: origin },
      });
    expect((await preflight('https://till.example')).headers.get('access-control-allow-methods')).toBe(
      'POST',
    );
    expect((await preflight('https://evil.example')).status).toBe(403);
  });

  test('that have pointed their own name here are refused', async () => {
    const stage = await open();
    const host = new URL(stage.url).host;
    const status = async (name: string) =>
      (await stage.raw(`GET /v1/sales HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`)).split(' ')[1];
    expect(await status('evil.example')).toBe('403');
    expect(await status(host)).toBe('200');
  });
});

describe('strangers', () => {
  test('with tricks in paths and headers get nothing', async () => {
    const stage = await open();
    const { body } = await stage.ended('k1');
    const host = new URL(stage.url).host;
    const status = async (line: string, ...headers: string[]) => {
      const head = [line, `Host: ${host}`, 'Connection: close', ...headers].join('\r\n');
      return (await stage.raw(`${head}\r\n\r\n`)).split(' ')[1];
    };
    for (const where of [
      '/v1/sales/../sales',
      '//v1/sales',
      '/v1/sales/',
      '/V1/SALES',
      '/v1/sales/%2e%2e/openapi.json',
      `/v1/sales/${body.id}%00`,
      `/v1/sales/${body.id}%2fevents`,
      '/v1/sales/%zz',
      `/v1/sales/${'9'.repeat(5000)}`,
      '/app.js/../index.html',
      '/..%2f..%2fetc%2fpasswd',
      'http://evil.example/v1/sales',
      '*',
    ]) {
      expect([where, await status(`GET ${where} HTTP/1.1`)]).toEqual([
        where,
        expect.stringMatching(/^40[04]$/),
      ]);
    }
    for (const headers of [
      ['Content-Length: 2', 'Transfer-Encoding: chunked'],
      ['Content-Length: 2', 'Content-Length: 3'],
      ['Content-Length : 2'],
      ['Transfer-Encoding: chunked, identity'],
      [`X: ${'y'.repeat(20_000)}`],
    ]) {
      const answer = await status(
        'POST /v1/terminals/counter/purchases HTTP/1.1',
        'Idempotency-Key: k9',
        ...headers,
      );
      expect([headers[0]?.slice(0, 40), answer]).toEqual([
        headers[0]?.slice(0, 40),
        expect.stringMatching(/^4/),
      ]);
    }
    const two = await status(
      'POST /v1/terminals/counter/purchases HTTP/1.1',
      'Idempotency-Key: a',
      'Idempotency-Key: b',
    );
    expect(two).toMatch(/^4/);
    expect((await stage.ask('/v1/sales')).body.sales).toHaveLength(1);
  });

  test('with bodies of 100 MB are refused before they are read', async () => {
    const stage = await open();
    const host = new URL(stage.url).host;
    const head = `POST /v1/terminals/counter/purchases HTTP/1.1\r\nHost: ${host}\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\n`;
    const announced = await stage.raw(`${head}Content-Length: 104857600\r\n\r\n{`);
    expect(announced).toContain('413');
    expect(announced.toLowerCase()).toContain('connection: close');
    const chunk = 'x'.repeat(20_000);
    const streamed = await stage.raw(
      `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.length.toString(16)}\r\n${chunk}\r\n`,
    );
    expect(streamed).toContain('413');
  });

  test('with bodies that never end are cut off, and a till pays meanwhile', async () => {
    const stage = await open();
    const { hostname, port, host } = new URL(stage.url);
    const head = `POST /v1/terminals/counter/purchases HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`;
    const answers = Array.from({ length: 20 }, (_, index) => {
      const socket = connect(Number(port), hostname);
      socket.write(`${head}Idempotency-Key: slow-${index}\r\nContent-Length: 600\r\n\r\n{`);
      const dripping = setInterval(() => socket.write(' '), 500);
      return new Promise<string>((resolve) => {
        let answer = '';
        socket.on('data', (chunk) => {
          answer += chunk.toString();
        });
        socket.on('error', () => {});
        socket.on('close', () => {
          clearInterval(dripping);
          resolve(answer.split(' ')[1] ?? '');
        });
      });
    });
    expect((await stage.ended('k1')).body.state).toBe('approved');
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['408']));
    expect((await stage.ask('/v1/sales')).body.sales).toHaveLength(1);
  });

  test('that open more event streams than there is room for are told so, and a till pays meanwhile', async () => {
    const maxConnections = 40;
    const stage = await open({ maxConnections });
    const { hostname, port, host } = new URL(stage.url);
    const sockets = Array.from({ length: 60 }, () => connect(Number(port), hostname));
    const answers = await Promise.all(
      sockets.map(
        (socket) =>
          new Promise<string>((resolve) => {
            socket.on('error', () => {});
            socket.once('data', (chunk) => resolve(chunk.toString().split(' ')[1] ?? ''));
            socket.once('close', () => resolve('closed'));
            socket.write(`GET /v1/events HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
          }),
      ),
    );
    expect(answers.filter((status) => status === '200').length).toBeLessThanOrEqual((maxConnections * 3) / 4);
    expect(answers.filter((status) => status === '200').length).toBeGreaterThan(0);
    for (const [at, socket] of sockets.entries()) if (answers[at] !== '200') socket.destroy();
    // Until those that were closed are noticed to be, the till may be turned away; it asks again with its key.
    let paid: Answered | undefined;
    while (paid === undefined) paid = await stage.ended('k1').catch(() => undefined);
    expect(paid.body.state).toBe('approved');
    for (const socket of sockets) socket.destroy();
  });

  test('that ask for many event streams on one connection have one, and none when it has gone', async () => {
    const stage = await open();
    const { hostname, port, host } = new URL(stage.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    const answered = once(socket, 'data');
    socket.write(`GET /v1/events HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(20));
    await answered;
    const streams = async () =>
      /^posbridge_api_event_streams (\d+)$/m.exec((await stage.ask('/metrics')).text)?.[1];
    await expect.poll(streams).toBe('1');
    socket.destroy();
    await expect.poll(streams).toBe('0');
  });

  test('that ask too often are told when to come again', async () => {
    const stage = await open({ ratePerS: 5 });
    const all = await Promise.all(Array.from({ length: 20 }, () => stage.ask('/v1/health')));
    const limited = all.find(({ status }) => status === 429);
    expect(limited?.body.code).toBe('RATE_LIMITED');
    expect(Number(limited?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(all.filter(({ status }) => status === 200)).toHaveLength(10);
  });
});
