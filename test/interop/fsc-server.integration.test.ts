import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXAMPLE_SITES } from '../../src/dialect/openfsc/simulator/example-sites.ts';
import { openStation, startPlatform, startSite, writeSites } from './fsc-kit.ts';
import { Workbench } from './kit.ts';

/** The command itself: its output, its exit statuses, and the demo. */

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

const PAN = '92873498723498792384';

describe('fsc-server', () => {
  test('prints no secret and nothing of a card, and neither does the site, however much it logs', async () => {
    writeSites(bench, { transactionInfo: true });
    const infos: unknown[] = [];
    const station = await openStation(bench, {
      onLine: (_direction, text) => {
        const { method, params } = JSON.parse(text);
        if (method === 'openfsc.clear') infos.push(params.transactionInfo);
      },
    });
    const { platform, address } = await startPlatform(bench, [
      '--script',
      'transaction-info',
      '--log-level',
      'trace',
    ]);
    const site = startSite(bench, address, ['--log-level', 'trace']);
    expect((await platform.exited).code).toBe(0);
    const { stdout } = site;
    site.signal('SIGTERM');
    await site.exited;
    await station.close();
    expect(infos).toEqual([{ pan: PAN, approvalCode: '043972', mileage: 176439 }]);
    const said = [platform.stdout.text, platform.errors, stdout.text, site.errors].join('\n');
    expect(said).toMatch(/TRANSACTIONINFO \S+ PAN \*\*\*/);
    for (const secret of [PAN, '043972', '176439', '1d3b755d3bce8f09b4f8ff08dabf1796'])
      expect(said).not.toContain(secret);
  });

  test('with --json: an object a line', async () => {
    writeSites(bench);
    const { platform, address } = await startPlatform(bench, ['--json', '--script', 'login-refused']);
    const site = startSite(bench, address);
    expect((await platform.exited).code).toBe(0);
    await site.says(/401/);
    const events = platform.stdout.lines.map((line) => JSON.parse(line));
    expect(events[0]).toEqual({ event: 'listening', on: address });
    expect(events).toContainEqual({
      event: 'line',
      connection: 1,
      from: 'site',
      line: '* QUIT authentication failed',
    });
    expect(events).toContainEqual({ event: 'end', script: 'login-refused', ok: true });
  });

  test('a script that does not hold: status 1 and one line that says where', async () => {
    writeFileSync(bench.path('mine.txt'), 'set limit 0.3\nlogin\n');
    const { platform } = await startPlatform(bench, ['--script', bench.path('mine.txt')]);
    expect((await platform.exited).code).toBe(1);
    expect(platform.errors).toBe(
      `posbridge: the script ${bench.path('mine.txt')} does not hold: line 2: login: no login, for 0.3 s\n`,
    );
  });

  test('without a script it asks every site what it has, until it is stopped', async () => {
    writeSites(bench);
    const station = await openStation(bench);
    const { platform, address } = await startPlatform(bench, ['--sites', bench.path('sites.json')]);
    startSite(bench, address);
    await platform.stdout.waitFor(/C1: \* PUMP 4 out-of-order/);
    await platform.stdout.waitFor(/S1: S3 TRANSACTIONS/);
    platform.signal('SIGTERM');
    expect((await platform.exited).code).toBe(0);
    expect(platform.stdout.text).toContain('S1: * QUIT the server is being stopped');
    await station.close();
  });

  test('plays with the station behind simulator: as well, a byte at a time both ways', async () => {
    const sites = writeSites(bench);
    const { platform, address } = await startPlatform(bench, ['--script', 'pre-auth', '--torture']);
    const app = ['--app', 'simulator:?delay=20', '--sites', sites];
    bench.startBridge(['--dialect', 'openfsc', '--wire', address, ...app, '--torture']);
    expect((await platform.exited).code).toBe(0);
  });

  test('two sites on one connection, each with a session', async () => {
    const sites = EXAMPLE_SITES.map(({ siteAccessKey, secret }, index) => {
      writeFileSync(bench.path(`secret${index}`), secret);
      return { siteAccessKey, secretFile: bench.path(`secret${index}`), session: `site${index + 1}` };
    });
    writeFileSync(bench.path('sites.json'), JSON.stringify({ sites }));
    const station = await openStation(bench);
    const { platform, address } = await startPlatform(bench, []);
    startSite(bench, address);
    for (const name of ['site1', 'site2']) {
      await platform.stdout.waitFor(`C1: ${name}.* PUMP 4 out-of-order`);
      await platform.stdout.waitFor(new RegExp(`S1: ${name}\\.S3 TRANSACTIONS`));
    }
    await station.close();
  });

  test.each([
    [[], /^posbridge: say where sites connect to/],
    [
      ['--listen', 'tcp:127.0.0.1:0', '--script', 'frob'],
      /frob: no such file or directory \(ENOENT\); scripts with a name are post-pay/,
    ],
    [
      ['--listen', 'tcp:127.0.0.1:0', '--set', 'heartbeat'],
      /--set: heartbeat: there is no such setting; there is capabilities/,
    ],
    [['--listen', 'tcp:127.0.0.1:0', '--set', 'messages=loud'], /messages wants binary or text/],
    [['--listen', 'tcp:127.0.0.1:0', '--sites', '/nowhere'], /--sites: \/nowhere cannot be read/],
  ])('%j is wrong usage', async (args, why) => {
    const platform = bench.start('posbridge', ['fsc-server', ...args]);
    expect((await platform.exited).code).toBe(100);
    expect(platform.errors).toMatch(why);
    expect(platform.errors.trimEnd()).not.toContain('\n');
  });
});

test('the demo plays a post-pay and a pre-auth fuelling, line by line', async () => {
  const demo = bench.start('posbridge', ['demo', '--dialect', 'openfsc']);
  const { stdout } = demo;
  expect((await demo.exited).code).toBe(0);
  await stdout.ended;
  const said = stdout.text;
  for (const wanted of [
    'platform <- bridge             C1 PLAINAUTH 9eb56d5e-6563-430a-9d39-5ddf567e73d5 ***',
    'open 0100 EUR 79.58 66.87 19.0 12.71 LTR 45.50 1.749',
    '"method":"openfsc.clear"',
    '* PUMP 3 free',
    '"method":"openfsc.unlockPump"',
    '* PUMP 1 in-use',
    'open 0400 EUR 48.87 41.07 19.0 7.80 LTR 30.00 1.629',
    'ERR 410 already cleared',
  ]) {
    expect(said).toContain(wanted);
  }
  expect(said).not.toContain('1d3b755d3bce8f09b4f8ff08dabf1796');
});
