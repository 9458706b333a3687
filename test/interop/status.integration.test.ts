import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TestApplication } from '../kit/application.ts';
import type { TestRegister } from '../kit/register.ts';
import { exitedWith, freePort, purchase, ROOT, type Running, Workbench, withDescriptor } from './kit.ts';

let bench: Workbench;
let application: TestApplication;

beforeEach(async () => {
  bench = await Workbench.open();
  application = await bench.application(() => undefined);
});

afterEach(() => bench.close());

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

const folder = () => bench.path('status');

/** What a command prints, and how it ends. */
async function run(args: readonly string[]): Promise<{ text: string; code: number | null }> {
  const program = bench.start('posbridge', args);
  const { stdout } = program;
  const { code } = await program.exited;
  return { text: stdout.text, code };
}

/** Asks until the answer is the one that is waited for. */
async function until<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 300; tries += 1) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never: ${isWanted}`);
}

function http(
  port: number,
  target: string,
  options: { method?: string; headers?: Record<string, string> } = {},
) {
  return new Promise<{ status: number; body: string; type: string }>((resolve, reject) => {
    const asking = httpRequest({ port, host: '127.0.0.1', path: target, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      const type = response.headers['content-type'] ?? '';
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, type }));
    });
    asking.on('error', reject).end();
  });
}

async function serveWithStatus(
  ...more: string[]
): Promise<{ server: Running; port: number; statusPort: number }> {
  const args = ['--app', `unix:${bench.socketPath}`, '--status', 'tcp:127.0.0.1:0', ...more];
  const { server, port } = await bench.startServe(args);
  const [, statusPort] = await server.says(/the status is told on=\S+:(\d+)/);
  return { server, port, statusPort: Number(statusPort) };
}

describe('one process a connection', () => {
  /** A bridge with an open purchase, which has told so. */
  async function selling(
    receipt: number,
  ): Promise<{ bridge: Running; name: string; register: TestRegister }> {
    const args = [
      '--app',
      `unix:${bench.socketPath}`,
      '--lock',
      'none',
      '--status-dir',
      folder(),
      '--name',
      `till-${receipt}`,
    ];
    const bridge = bench.startBridge(args);
    const register = bridge.register();
    void register.request('Purchase', purchase(receipt)).catch(() => {});
    const { message } = await application.waitFor(
      (line) => line.message?.method === 'Purchase' && line.message.params?.['receipt_id'] === receipt,
    );
    return { bridge, register, name: message?.connection ?? '' };
  }

  const view = async (...args: string[]) => (await run(['status', ...args, '--status-dir', folder()])).text;

  test('each tells its own file, posbridge status adds them up, and what dies is told of', async () => {
    const [one, two] = [await selling(1), await selling(2)];
    const text = await until(
      () => view(),
      (shown) => /Purchase 1\/1/.test(shown) && /Purchase 2\/1/.test(shown),
    );
    for (const { name, bridge } of [one, two]) {
      expect(text).toMatch(new RegExp(`^${bridge.pid} +posbridge +\\d+s +1 +1 `, 'm'));
      expect(text).toMatch(new RegExp(`^${name} +jsonpos .* with the application +unix:`, 'm'));
    }
    expect(await view('--metrics')).toContain('posbridge_open_transactions{state="handed-over"} 2\n');
    expect(await run(['status', 'lost', '--status-dir', folder()])).toEqual({
      text: 'Nothing was lost.\n',
      code: 0,
    });

    await one.bridge.kill();
    const lost = await run(['status', 'lost', '--status-dir', folder()]);
    expect(lost).toEqual({ text: `process ${one.bridge.pid} died with Purchase 1/1 open\n`, code: 1 });
    expect(await view('transactions')).not.toMatch(/Purchase +1\/1/);

    two.bridge.signal('SIGTERM');
    await two.bridge.exited;
    expect(readdirSync(folder()).filter((name) => name.startsWith(`${two.bridge.pid}-`))).toEqual([]);
  });

  test('posbridge trace logs every message of a connection while it runs, and no longer', async () => {
    const { bridge, register, name } = await selling(3);
    await until(
      () => view(),
      (shown) => shown.includes(name),
    );
    expect((await run(['trace', name, '--status-dir', folder()])).code).toBe(0);
    expect(await view()).toContain(`${name} (traced)`);
    await bridge.says(/every message of a connection is logged/);
    register.notify('Something', { words: 'to be seen' });
    await bridge.says(/trace line out connection=till-3\.\w+ .*to be seen/);
    expect((await run(['trace', name, '--off', '--status-dir', folder()])).code).toBe(0);
    expect((await run(['trace', 'nobody', '--status-dir', folder()])).code).toBe(100);
    const before = bridge.errors.length;
    register.notify('Something', { words: 'unseen' });
    await application.waitFor((line) => line.message?.params?.['words'] === 'unseen');
    expect(bridge.errors.slice(before)).not.toContain('unseen');
  });
});

describe('--status', () => {
  test('says who is connected, whether it is ready, and what is missing; web pages and others change nothing', async () => {
    const { server, port, statusPort } = await serveWithStatus('--journal', bench.path('journal'));
    const register = await bench.register(port);
    void register.request('Purchase', purchase(17)).catch(() => {});
    await application.waitFor('Purchase');
    const [connection] = JSON.parse((await http(statusPort, '/connections')).body);
    expect(connection).toMatchObject({
      dialect: 'jsonpos',
      peer: '127.0.0.1',
      state: 'open',
      open_requests: 1,
    });
    const [open] = JSON.parse((await http(statusPort, '/transactions')).body);
    expect(open).toMatchObject({
      connection: connection.connection,
      method: 'Purchase',
      transaction: { state: 'handed-over', identity: { receipt_id: '17', sequence_id: '1' }, amount: '1250' },
    });
    expect(await http(statusPort, '/health')).toMatchObject({ status: 200 });
    expect(await http(statusPort, '/ready')).toMatchObject({
      status: 200,
      body: '{"ok":true,"faults":[]}\n',
    });
    expect((await run(['status', 'transactions', '--at', `tcp:127.0.0.1:${statusPort}`])).text).toMatch(
      /17\/1 +12\.50 EUR/,
    );

    const trace = `/connections/${connection.connection}/trace`;
    expect(
      await http(statusPort, trace, { method: 'POST', headers: { Origin: 'http://evil.example' } }),
    ).toMatchObject({ status: 403 });
    expect(await http(statusPort, '/connections', { headers: { Host: 'evil.example' } })).toMatchObject({
      status: 403,
    });
    expect(await http(statusPort, trace, { method: 'POST' })).toMatchObject({ status: 200 });
    expect(await http(statusPort, '/log-level?level=debug', { method: 'POST' })).toMatchObject({
      status: 200,
    });
    expect(await http(statusPort, '/log-level?level=loud', { method: 'POST' })).toMatchObject({
      status: 400,
    });
    expect(await http(statusPort, '/nowhere')).toMatchObject({ status: 404 });

    await application.kill();
    await server.says(/the application went away during a transaction/);
    expect(await http(statusPort, '/ready')).toMatchObject({
      status: 503,
      body: `{"ok":false,"faults":["nobody is at unix:${bench.socketPath}"]}\n`,
    });
    const stuck = await run(['status', 'stuck', '--at', `tcp:127.0.0.1:${statusPort}`]);
    expect(stuck.code).toBe(1);
    expect(stuck.text).toMatch(/^Purchase 17\/1 12\.50 EUR: looking for the outcome since /m);
    expect(stuck.text).toMatch(/^nobody is at unix:/m);
  });

  test('a loss of the application is one line however many registers miss it, and so is its return', async () => {
    const { server, port } = await serveWithStatus();
    application.handler = () => ({ result: {} });
    for (let count = 0; count < 3; count += 1) await (await bench.register(port)).request('Status');
    await application.kill();
    await server.says(/warn application gone/);
    application = await bench.application(() => undefined);
    await server.says(/warn the application is back/);
    expect(
      [...server.errors.matchAll(/^warn .*/gm)].map(([line]) => line.replace(/ endpoint.*/, '')),
    ).toEqual(['warn application gone', 'warn the application is back']);
  });

  test('a real Prometheus scrapes it, with the rules of the example', async () => {
    application.handler = () => ({ result: {} });
    const { port, statusPort } = await serveWithStatus();
    await (await bench.register(port)).request('Status');
    const rules = path.join(ROOT, 'examples/prometheus/posbridge.rules.yml');
    writeFileSync(
      bench.path('prometheus.yml'),
      JSON.stringify({
        rule_files: [rules],
        scrape_configs: [
          {
            job_name: 'posbridge',
            scrape_interval: '200ms',
            scrape_timeout: '200ms',
            static_configs: [{ targets: [`127.0.0.1:${statusPort}`] }],
          },
        ],
      }),
    );
    const own = await freePort();
    bench.start('prometheus', [
      `--config.file=${bench.path('prometheus.yml')}`,
      `--storage.tsdb.path=${bench.path('tsdb')}`,
      `--web.listen-address=127.0.0.1:${own}`,
    ]);
    const query = (text: string) =>
      http(own, `/api/v1/query?query=${encodeURIComponent(text)}`).then(
        ({ status, body }) => (status === 200 ? (JSON.parse(body).data.result as Sample[]) : []),
        () => [],
      );
    const [sample] = await until(
      () => query('posbridge_requests_total'),
      (result) => result.length > 0,
    );
    expect(sample).toMatchObject({
      metric: { method: 'Status', outcome: 'result', job: 'posbridge' },
      value: [expect.anything(), '1'],
    });
    const { body } = await http(own, '/api/v1/rules');
    expect(JSON.parse(body).data.groups[0].rules).toHaveLength(9);
    expect(existsSync(rules)).toBe(true);
  });
});

test('lines of the log begin with the time where standard error is a file, and nowhere else', async () => {
  const file = bench.path('log');
  await withDescriptor(file, 'w', async (fd) => {
    const bridge = bench.startBridge(['--app', 'null:'], { stdio: ['pipe', 'pipe', fd] });
    bridge.register().end();
    await bridge.exited;
  });
  expect(readFileSync(file, 'utf8')).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z info connected /);
  const piped = bench.startBridge(['--app', 'null:']);
  piped.register().end();
  await piped.exited;
  expect(piped.errors).toMatch(/^info connected /);
});

test('posbridge status --watch shows it again and again until it is told to stop', async () => {
  const { statusPort } = await serveWithStatus();
  const watch = bench.start('posbridge', ['status', '--watch', '--at', `tcp:127.0.0.1:${statusPort}`]);
  await watch.stdout.waitForAll(/Nobody is connected\./g, 2);
  watch.signal('SIGINT');
  expect(await watch.exited).toEqual(exitedWith(0));
});

test('a status that cannot be told is said at the start', async () => {
  const args = [
    'serve',
    '--listen',
    'tcp:127.0.0.1:0',
    '--app',
    'null:',
    '--status',
    `unix:${bench.path('no', 'x.sock')}`,
  ];
  const server = bench.start('posbridge', args);
  expect(await server.exited).toEqual(exitedWith(111));
  expect(server.errors).toMatch(/--status: .*x\.sock/);
});
