import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { HEARTBEAT_MS, MAX_ACTION_BYTES, type ScreenUpdate } from '../../src/page/protocol.ts';
import type { Screen } from '../../src/screen/server.ts';
import type { LoggedMessage, ScreenState } from '../../src/terminal/screen-model.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { IDLE, PAGE_FOLDER, ScriptedModel, serveScreen } from './screen-kit.ts';

type Update = ScreenUpdate<ScreenState, LoggedMessage>;

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function serve(
  model = new ScriptedModel(),
  options?: Parameters<typeof serveScreen>[1],
): Promise<Screen> {
  const screen = await serveScreen(model, options);
  open.push(screen);
  return screen;
}

interface Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function get(url: string | URL, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      const body = Buffer.concat(chunks).toString();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
    });
    sent.on('error', reject).end();
  });
}

/** A browser's end, with the updates that came and have not been taken. */
class Viewer {
  readonly ws: WebSocket;
  readonly updates: Update[] = [];
  readonly closed: Promise<number>;
  readonly #waiting: (() => void)[] = [];

  constructor(ws: WebSocket) {
    this.ws = ws;
    this.closed = new Promise((resolve) => ws.on('close', resolve));
    ws.on('error', () => {});
    ws.on('message', (data) => {
      this.updates.push(JSON.parse(data.toString()));
      this.#waiting.shift()?.();
    });
  }

  async next(): Promise<Update> {
    if (this.updates.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.updates.shift() as Update;
  }
}

function socketUrl(screen: Screen): URL {
  const url = new URL(screen.url);
  url.protocol = 'ws:';
  url.pathname = '/socket';
  return url;
}

function dial(screen: Screen, options: ClientOptions = {}, url = socketUrl(screen)): WebSocket {
  const headers = { Origin: new URL(screen.url).origin, ...options.headers };
  const ws = new WebSocket(url, { ...options, headers });
  open.push({ close: () => ws.terminate() });
  return ws;
}

async function view(screen: Screen, options: ClientOptions = {}): Promise<Viewer> {
  const viewer = new Viewer(dial(screen, options));
  await once(viewer.ws, 'open');
  return viewer;
}

/** The status of a refused WebSocket. */
async function refusal(ws: WebSocket): Promise<number | undefined> {
  ws.on('error', () => {});
  const [, response] = await once(ws, 'unexpected-response');
  response.resume();
  return response.statusCode;
}

describe('the page', () => {
  test('consists of four files with their types', async () => {
    const { url } = await serve();
    const found = await Promise.all(['', 'app.js', 'style.css', 'icon.svg'].map((name) => get(url + name)));
    expect(found.map(({ status, headers }) => [status, headers['content-type']])).toEqual([
      [200, 'text/html; charset=utf-8'],
      [200, 'text/javascript; charset=utf-8'],
      [200, 'text/css; charset=utf-8'],
      [200, 'image/svg+xml'],
    ]);
    expect(found[0]?.body).toMatch(/^<!doctype html>/i);
    for (const { body, headers } of found) {
      expect(headers['content-length']).toBe(String(Buffer.byteLength(body)));
    }
  });

  test('has icons that a folder replaces under their names, and others stay', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'icons-'));
    open.push({ close: () => rm(folder, { recursive: true }) });
    await expect(serve(undefined, { pictures: folder })).rejects.toMatchObject({
      text: expect.stringContaining('none is called wbs_connected.png or wbs_disconnected.png'),
    });
    const own = path.join(folder, 'wbs_connected.png');
    await writeFile(own, '<svg/>');
    await expect(serve(undefined, { pictures: folder })).rejects.toThrow('wbs_connected.png is no PNG');
    const built = await readFile(path.join(PAGE_FOLDER, 'wbs_disconnected.png'));
    await writeFile(own, Buffer.concat([built, Buffer.from('of our own')]));
    const { url } = await serve(undefined, { pictures: folder });
    const [connected, disconnected] = await Promise.all(
      ['wbs_connected.png', 'wbs_disconnected.png'].map((name) => get(url + name)),
    );
    expect(connected?.headers).toMatchObject({ 'content-type': 'image/png' });
    expect(Number(connected?.headers['content-length'])).toBe(built.length + 10);
    expect(Number(disconnected?.headers['content-length'])).toBe(built.length);
  });

  test('loads nothing from elsewhere and has nothing inline', async () => {
    const { url } = await serve();
    const [page, style] = await Promise.all([get(url), get(`${url}style.css`)]);
    expect(page.body).not.toMatch(
      /https?:|\/\/|<style|style=|<script(?! type="module" src="app.js">)|\son\w+=/,
    );
    expect(style.body).not.toMatch(/https?:|@import|url\(/);
  });

  test.each(['', 'app.js', 'nothing'])('/%s comes with a strict policy', async (name) => {
    const { url } = await serve();
    const { headers } = await get(url + name);
    const policy = String(headers['content-security-policy']).split('; ');
    expect(policy).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
  });

  test('is asked for again only when it has changed', async () => {
    const { url } = await serve();
    const { headers } = await get(url);
    expect(headers['cache-control']).toBe('no-cache');
    const again = await get(url, { 'If-None-Match': headers.etag ?? '' });
    expect([again.status, again.body]).toEqual([304, '']);
  });

  test('answers HEAD without a body, and no other method', async () => {
    const { url } = await serve();
    const head = await get(url, {}, 'HEAD');
    expect([head.status, head.body]).toEqual([200, '']);
    expect(Number(head.headers['content-length'])).toBeGreaterThan(100);
    const post = await get(url, {}, 'POST');
    expect([post.status, post.headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  test.each(['/index.html', '/../package.json', '/%2e%2e/package.json', '//', '/socket', '/__proto__'])(
    'is all there is: not %s',
    async (path) => {
      const { url } = await serve();
      const { host, port } = { host: '127.0.0.1', port: new URL(url).port };
      const socket = connect(Number(port), host);
      socket.end(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`);
      let answer = '';
      for await (const chunk of socket) answer += chunk;
      expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    },
  );
});

describe('a name that is not ours', () => {
  test.each(['evil.example', 'evil.example:80', '127.0.0.1.evil.example', '127.0.0.1', 'localhost:1'])(
    '"%s" in the Host header is refused',
    async (host) => {
      const screen = await serve();
      expect((await get(screen.url, { Host: host })).status).toBe(403);
      const headers = { Host: host, Origin: `http://${host}` };
      expect(await refusal(dial(screen, { headers }))).toBe(403);
    },
  );

  test('must be given', async () => {
    const { url } = await serve();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.end('GET / HTTP/1.0\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });

  test('localhost is another name of this machine', async () => {
    const { url } = await serve();
    const { port } = new URL(url);
    expect((await get(url, { Host: `localhost:${port}` })).status).toBe(200);
    expect((await get(url, { Host: `LOCALHOST:${port}` })).status).toBe(200);
  });
});

describe('a WebSocket', () => {
  test.each(['http://evil.example', 'null', 'https://127.0.0.1', 'file://'])(
    'from the page of %s is refused',
    async (origin) => {
      expect(await refusal(dial(await serve(), { headers: { Origin: origin } }))).toBe(403);
    },
  );

  test('from another port of this machine is refused', async () => {
    const [screen, other] = [await serve(), await serve()];
    expect(await refusal(dial(screen, { headers: { Origin: new URL(other.url).origin } }))).toBe(403);
  });

  test('without an origin is refused', async () => {
    const ws = new WebSocket(socketUrl(await serve()));
    expect(await refusal(ws)).toBe(403);
  });

  test('at another path is refused', async () => {
    const screen = await serve();
    expect(await refusal(dial(screen, {}, new URL('/other', socketUrl(screen))))).toBe(404);
  });

  test('gets everything first, then what is new', async () => {
    const model = new ScriptedModel();
    model.log({ method: 'Status' });
    const viewer = await view(await serve(model));
    const first = await viewer.next();
    expect(first.state).toEqual(IDLE);
    expect(first.messages.map(({ method }) => method)).toEqual(['Status']);
    model.log({ method: 'Purchase' });
    const second = await viewer.next();
    expect(second.messages.map(({ number, method }) => [number, method])).toEqual([[2, 'Purchase']]);
    model.show({ lines: ['Hello'] });
    expect(await viewer.next()).toEqual({ state: { ...IDLE, lines: ['Hello'] }, messages: [] });
  });

  test('carries actions to the terminal', async () => {
    const model = new ScriptedModel();
    const viewer = await view(await serve(model));
    await viewer.next();
    viewer.ws.send('{"do":"key","key":"5"}');
    viewer.ws.send('{"do":"tap","card":"mastercard"}');
    viewer.ws.close();
    await viewer.closed;
    expect(model.actions).toEqual([
      { do: 'key', key: '5' },
      { do: 'tap', card: 'mastercard' },
    ]);
  });

  test.each([
    ['an unknown action', '{"do":"open-safe"}', 1008],
    ['no JSON', 'hello', 1008],
    ['a binary message', Buffer.from('{"do":"remove"}'), 1008],
    ['the largest message, senseless', 'x'.repeat(MAX_ACTION_BYTES), 1008],
    ['one byte too many', 'x'.repeat(MAX_ACTION_BYTES + 1), 1009],
  ])('is closed for %s, alone', async (_name, message, status) => {
    const model = new ScriptedModel();
    const screen = await serve(model);
    const [bad, good] = [await view(screen), await view(screen)];
    await good.next();
    bad.ws.send(message);
    bad.ws.send('{"do":"remove"}');
    expect(await bad.closed).toBe(status);
    model.show({ lines: ['Still here'] });
    expect((await good.next()).state.lines).toEqual(['Still here']);
    expect(model.actions).toEqual([]);
  });

  test('has its pings answered', async () => {
    const viewer = await view(await serve());
    const answered = once(viewer.ws, 'pong');
    viewer.ws.ping('hello');
    expect(String((await answered)[0])).toBe('hello');
  });

  test('counts a browser before it shows it anything', async () => {
    const model = new ScriptedModel();
    const screen = await serve(model);
    Object.defineProperty(model, 'state', { get: () => ({ ...IDLE, isInteractive: screen.viewers > 0 }) });
    expect(await (await view(screen)).next()).toMatchObject({ state: { isInteractive: true } });
  });

  test('is refused to the 33rd browser, until one leaves', async () => {
    const screen = await serve();
    const viewers = await Promise.all(Array.from({ length: 32 }, () => view(screen)));
    expect(await refusal(dial(screen))).toBe(503);
    viewers[0]?.ws.close();
    await viewers[0]?.closed;
    await (await view(screen)).next();
  });

  test('that is slow gets the newest state and nothing between', async () => {
    const model = new ScriptedModel();
    const viewer = await view(await serve(model));
    await viewer.next();
    // More than the kernel buffers: it takes some updates, then no more.
    viewer.ws.pause();
    const receipts = [Array.from({ length: 400 }, () => 'x'.repeat(1000))];
    const COUNT = 100;
    for (let count = 1; count <= COUNT; count += 1) {
      model.show({ lines: [String(count)], receipts });
      await new Promise((resolve) => setImmediate(resolve));
    }
    viewer.ws.resume();
    const seen: number[] = [];
    while (seen.at(-1) !== COUNT) seen.push(Number((await viewer.next()).state.lines[0]));
    expect(seen.length).toBeLessThan(COUNT / 2);
    expect(seen).toEqual(seen.toSorted((one, other) => one - other));
  });

  test('gets a sign of life, and is given up when it gives none', async () => {
    const clock = new FakeClock();
    const screen = await serve(new ScriptedModel(), { clock });
    const [alive, dead] = [await view(screen), await view(screen, { autoPong: false })];
    await Promise.all([alive.next(), dead.next()]);
    for (let beat = 1; beat <= 3; beat += 1) {
      const pinged = once(alive.ws, 'ping');
      clock.advance(HEARTBEAT_MS);
      await pinged;
      await alive.next();
      // The pong is on its way before this request is.
      await get(screen.url);
    }
    expect(await dead.closed).toBe(1006);
    expect(alive.ws.readyState).toBe(WebSocket.OPEN);
  });
});

describe('a screen that others can reach', () => {
  const everywhere = { at: 'tcp:0.0.0.0:0' };
  const local = ({ url }: Screen) => {
    const { port, search } = new URL(url);
    return `http://127.0.0.1:${port}/${search}`;
  };

  test('needs the token of its URL', async () => {
    const screen = await serve(new ScriptedModel(), everywhere);
    const url = new URL(local(screen));
    const token = url.searchParams.get('token') ?? '';
    expect(token.length).toBeGreaterThanOrEqual(24);
    expect((await get(url)).status).toBe(200);
    for (const wrong of ['', '?token=', `?token=${token}x`, `?token=${token.slice(0, -1)}`, '?token=%00']) {
      url.search = wrong;
      expect([wrong, (await get(url)).status]).toEqual([wrong, 403]);
    }
  });

  test('has another token each time', async () => {
    const tokens = [await serve(undefined, everywhere), await serve(undefined, everywhere)].map(
      ({ url }) => new URL(url).search,
    );
    expect(new Set(tokens).size).toBe(2);
  });

  test('needs it for the WebSocket as well', async () => {
    const screen = await serve(new ScriptedModel(), everywhere);
    const here = { ...screen, url: local(screen) };
    const bare = { ...here, url: here.url.replace(/\?.*/, '') };
    expect(await refusal(dial(bare))).toBe(403);
    await (await view(here)).next();
  });

  test('knows itself under the address that was used, and no other', async () => {
    const screen = await serve(new ScriptedModel(), everywhere);
    const url = local(screen);
    const { port } = new URL(url);
    expect((await get(url, { Host: `0.0.0.0:${port}` })).status).toBe(403);
    expect((await get(url, { Host: `192.0.2.1:${port}` })).status).toBe(403);
  });
});

test('loopback needs no token, IPv6 included', async () => {
  expect((await serve()).url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  const screen = await serve(new ScriptedModel(), { at: 'tcp:[::1]:0' });
  expect(screen.url).toMatch(/^http:\/\/\[::1\]:\d+\/$/);
  expect((await get(screen.url)).status).toBe(200);
  await (await view(screen)).next();
});

test('a port that is taken is LISTEN_FAILED', async () => {
  const { port } = new URL((await serve()).url);
  await expect(serve(new ScriptedModel(), { at: `tcp:127.0.0.1:${port}` })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    text: expect.stringContaining(`cannot listen on tcp:127.0.0.1:${port}`),
  });
});

test('closing leaves nothing behind', async () => {
  const [model, clock] = [new ScriptedModel(), new FakeClock()];
  const screen = await serve(model, { clock });
  const viewer = await view(screen);
  const idle = connect(Number(new URL(screen.url).port), '127.0.0.1');
  await once(idle, 'connect');
  idle.on('error', () => {});
  await Promise.all([screen.close(), screen.close()]);
  await viewer.closed;
  expect([model.watcherCount, clock.timerCount]).toEqual([0, 0]);
  const again = await serve(model, { at: `tcp:127.0.0.1:${new URL(screen.url).port}` });
  expect((await get(again.url)).status).toBe(200);
});
