import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { frameAround } from './abuse-kit.ts';
import { codeOf, exitedWith, purchase, readAll, Workbench } from './kit.ts';

/** Other users of the machine, and peers that do not belong. What they have put in our way is refused, with what to do. */

const isRoot = process.getuid?.() === 0;
/** Number of a user who is not us. */
const STRANGER = 65_534;

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

/** Starts `posbridge ARGS`, which must refuse: its one line on stderr. */
async function refusalOf(status: number, ...args: string[]): Promise<string> {
  const program = bench.start('posbridge', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  expect([await program.exited, program.errors]).toEqual([exitedWith(status), expect.any(String)]);
  expect(program.errors.trim().split('\n')).toHaveLength(1);
  return program.errors.trim();
}

describe('another user of the machine', () => {
  test('cannot make a lock file that everybody may write, and then remove it: 111', async () => {
    const locks = bench.path('locks');
    mkdirSync(locks);
    chmodSync(locks, 0o1777);
    writeFileSync(`${locks}/pay.lock`, '');
    chmodSync(`${locks}/pay.lock`, 0o666);
    if (isRoot) chownSync(`${locks}/pay.lock`, STRANGER, STRANGER);
    const refusal = await refusalOf(
      111,
      '--app',
      'null:',
      '--payment',
      'unix:/x',
      '--lock',
      `${locks}/pay.lock`,
    );
    expect(refusal).toContain(`the transaction lock ${locks}/pay.lock cannot be had: `);
    expect(refusal).toContain(isRoot ? 'run every bridge of this terminal as one user' : 'chmod go-w');
  });

  test('cannot write into the journal, else it is refused before anybody is answered: 111', async () => {
    const journal = bench.path('journal');
    mkdirSync(journal);
    chmodSync(journal, 0o777);
    for (const command of [
      ['--app', 'simulator:'],
      ['journal', 'list'],
    ]) {
      if (isRoot && command[0] === 'journal') continue; // root may look into anybody's
      expect(await refusalOf(111, ...command, '--journal', journal)).toContain(
        `the journal ${journal} cannot be opened: ${journal} can be written by everybody (mode 0777): chmod go-w ${journal}`,
      );
    }
    chmodSync(journal, 0o700);
    const bridge = bench.startBridge(['--app', 'simulator:?delay=0', '--journal', journal]);
    expect((await bridge.register().request('Purchase', purchase('a'))).result).toBeDefined();
  });

  test.runIf(isRoot)('has planted an entry: the register does not hear "approved"', async () => {
    const journal = bench.path('journal');
    const first = bench.startBridge(['--app', 'simulator:?delay=0', '--journal', journal]);
    expect((await first.register().request('Purchase', purchase('a'))).result).toBeDefined();
    await first.kill();
    const [entry = ''] = readdirSync(journal).filter((name) => name.endsWith('.entry'));
    chownSync(`${journal}/${entry}`, STRANGER, STRANGER);
    const second = bench.startBridge(['--app', 'null:', '--journal', journal]);
    const register = second.register();
    const answer = await Promise.race([register.request('Check', purchase('a')), register.closed]);
    const code = answer === undefined ? register.closeReason?.data.string_code : codeOf(answer);
    expect(['OUTCOME_UNKNOWN', 'JOURNAL_UNAVAILABLE']).toContain(code);
    await second.says(`belongs to user ${STRANGER}`);
  });

  test.runIf(isRoot)('has a journal: root may look into it, and no bridge of root works on it', async () => {
    const journal = bench.path('journal');
    const bridge = bench.startBridge(['--app', 'simulator:?delay=0', '--journal', journal]);
    expect((await bridge.register().request('Purchase', purchase('a'))).result).toBeDefined();
    await bridge.kill();
    for (const name of ['.', ...readdirSync(journal)]) chownSync(`${journal}/${name}`, STRANGER, STRANGER);
    const list = bench.start('posbridge', ['journal', 'list', '--journal', journal]);
    await list.stdout.waitFor('done');
    expect(await list.exited).toEqual(exitedWith(0));
    expect(await refusalOf(111, '--app', 'simulator:', '--journal', journal)).toContain(
      `${journal} belongs to user ${STRANGER}, and this program runs as root`,
    );
  });
});

describe('where a folder is wanted, an address is refused: 100', () => {
  test.each([
    ['--journal', ['--app', 'simulator:', '--journal', 'nats://127.0.0.1:4222/pay']],
    ['--journal', ['journal', 'list', '--journal', 'http://example.com/journal']],
    ['--store', ['pos', 'recover', '--to', 'tcp:127.0.0.1:1', '--store', 'http://127.0.0.1/store']],
    ['--state', ['terminal', '--listen', 'tcp:127.0.0.1:0', '--state', 'tcp:127.0.0.1:1']],
    ['--lock', ['--app', 'null:', '--lock', 'unix:/run/pay.sock']],
    ['--app', ['--app', 'simulator:?state=https://example.com']],
  ])('%s %j', async (option, args) => {
    expect(await refusalOf(100, ...args)).toMatch(new RegExp(`^posbridge: ${option}: `));
    for (const made of ['nats:', 'http:', 'https:', 'tcp:127.0.0.1:1', 'unix:']) {
      expect(existsSync(bench.path(made))).toBe(false);
    }
  });
});

describe('a web page', () => {
  const body = [
    { jsonrpc: '2.0', id: 's', method: '_Sync', params: {} },
    { jsonrpc: '2.0', id: 'r', method: 'Refund', params: purchase('stolen') },
  ].map((message) => frameAround(Buffer.from(JSON.stringify(message))));

  /** As a browser does for a page of another origin: no preflight, any body. */
  function post(port: number): Promise<IncomingMessage> {
    const headers = { Origin: 'https://evil.example', 'Content-Type': 'text/plain' };
    const asked = httpRequest({ host: '127.0.0.1', port, path: '/', method: 'POST', headers });
    asked.end(Buffer.concat(body));
    return new Promise((resolve, reject) => asked.once('response', resolve).once('error', reject));
  }

  test.each([[['--sync']], [[]]])('posts _Sync and a Refund: nobody obeys, serve %j', async (args) => {
    const application = await bench.application(() => ({ result: { approved: true } }));
    const { server, port } = await bench.startServe(['--app', `unix:${bench.socketPath}`, ...args]);
    const response = await post(port);
    expect(response.statusCode).toBe(400);
    expect((await readAll(response)).toString()).toBe('This port speaks jsonpos, not HTTP.\n');
    await server.says('the peer is refused');
    const register = await bench.register(port);
    if (args.includes('--sync')) await register.request('_Sync');
    expect((await register.request('Purchase', purchase('honest'))).result).toBeDefined();
    expect(application.requests('Refund')).toEqual([]);
    expect(application.requests('Purchase')).toHaveLength(1);
  });

  test('reaches one bridge under a super-server: it ends with 76', async () => {
    const bridge = bench.startBridge(['--app', 'simulator:']);
    bridge.child.stdin?.write('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    bridge.child.stdin?.end(Buffer.concat(body));
    expect(await bridge.stdout.waitFor('not HTTP')).toBeDefined();
    expect(await bridge.exited).toEqual(exitedWith(76));
  });
});
