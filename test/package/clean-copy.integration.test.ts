import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type Ended,
  type Folder,
  frame,
  messagesIn,
  ROOT,
  run,
  start,
  stopAll,
  temporaryFolder,
} from '../cli/kit.ts';

/** A fresh copy of the repository, without node_modules and dist, and the scripts that make it work. */

let folder: Folder;
let copy: string;

beforeAll(async () => {
  folder = temporaryFolder();
  copy = path.join(folder.path, 'copy');
  const { code, stdout } = await run('git', ['ls-files', '-z', '-co', '--exclude-standard'], { cwd: ROOT });
  expect(code).toBe(0);
  for (const file of stdout.split('\0').filter((name) => name !== '' && existsSync(path.join(ROOT, name)))) {
    cpSync(path.join(ROOT, file), path.join(copy, file), { preserveTimestamps: true });
  }
});

afterEach(stopAll);

afterAll(() => folder.remove());

/** A folder for PATH with real programs by name and scripts by text. */
function pathWith(real: readonly string[], scripts: Readonly<Record<string, string>> = {}): string {
  const bin = path.join(folder.path, `bin-${Math.random().toString(36).slice(2)}`);
  mkdirSync(bin);
  const places = (process.env['PATH'] ?? '').split(':');
  for (const name of real) {
    const place = places.map((place) => path.join(place, name)).find((file) => existsSync(file));
    if (place === undefined) throw new Error(`there is no ${name} in PATH`);
    symlinkSync(place, path.join(bin, name));
  }
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
  return bin;
}

const script = (name: string, PATH?: string, args: readonly string[] = []): Promise<Ended> =>
  run(path.join(copy, 'scripts', name), args, PATH === undefined ? {} : { env: { PATH } });

const NPM_IS_CALLED = { npm: 'echo "npm $*"; exit 7' };
/** What set-up says then: npm itself is heard because it fails. */
const NPM_WAS_CALLED = {
  code: 7,
  stdout: '',
  stderr: 'posbridge: installing packages and building, once\nnpm ci --no-fund --no-audit\n',
};

describe('set-up says what is missing and who could install it', () => {
  const nobody = { id: 'echo 1000' };
  const root = { id: 'echo 0' };

  test('Node.js and npm', async () => {
    const line = (packages: string) =>
      `posbridge: for the program (Node.js 20.19 or newer) these Debian packages are missing: ${packages}; install them, or run this as root\n`;
    for (const name of ['set-up', 'demo', 'test']) {
      const nothing = await script(name, pathWith(['sh', 'dirname'], nobody));
      expect(nothing).toEqual({ code: 100, signal: null, stdout: '', stderr: line('nodejs npm') });
    }
    const noNpm = await script('set-up', pathWith(['sh', 'dirname', 'node'], nobody));
    expect(noNpm).toMatchObject({ code: 100, stderr: line('npm') });
    const noApt = await script('set-up', pathWith(['sh', 'dirname', 'node'], root));
    expect(noApt).toMatchObject({ code: 100, stderr: line('npm') });
  });

  test('a Node.js that is too old', async () => {
    const old = { node: 'if [ "$1" = --version ]; then echo v18.20.4; else exit 1; fi', npm: '' };
    const { code, stderr } = await script('set-up', pathWith(['sh', 'dirname'], { ...nobody, ...old }));
    expect(code).toBe(100);
    expect(stderr).toMatch(/^posbridge: Node\.js 20\.19 or newer is needed; \/.*\/node is v18\.20\.4\n$/);
  });

  test('the programs of the tests', async () => {
    const bin = pathWith(['sh', 'dirname', 'node', 'git', 'jq'], { ...nobody, ...NPM_IS_CALLED });
    expect(await script('test', bin)).toEqual({
      code: 100,
      signal: null,
      stdout: '',
      stderr:
        'posbridge: for the tests these Debian packages are missing: ucspi-tcp ipsvd s6 nats-server socat netcat-openbsd strace python3 procps bsdutils chromium systemd openssl prometheus stunnel4 tshark php-cli curl; install them, or run this as root\n',
    });
  });

  test('root gets them from apt-get, and only them', async () => {
    const log = path.join(folder.path, 'apt.log');
    const apt = { 'apt-get': `echo "$*" >>'${log}'` };
    const bin = pathWith(['sh', 'dirname', 'node', 'git', 'socat', 'jq', 'python3'], {
      ...root,
      ...apt,
      ...NPM_IS_CALLED,
    });
    expect(await script('set-up', bin, ['tests'])).toMatchObject(NPM_WAS_CALLED);
    expect(readFileSync(log, 'utf8')).toBe(
      'update -qq\ninstall -y -qq --no-install-recommends ucspi-tcp ipsvd s6 nats-server netcat-openbsd strace procps bsdutils chromium systemd openssl prometheus stunnel4 tshark php-cli curl\n',
    );
  });
});

describe('a plain npm ci', () => {
  beforeAll(async () => {
    const { code, stderr } = await run('npm', ['ci', '--prefer-offline'], { cwd: copy });
    expect([code, stderr]).toEqual([0, expect.anything()]);
  });

  test('gives a program that works', async () => {
    const input = frame('k-1', '_Keepalive', {});
    const { code, stdout } = await run(path.join(copy, 'bin/posbridge.js'), ['--app', 'simulator:'], {
      input,
    });
    expect(messagesIn(stdout)[0]).toMatchObject({ id: 'k-1', result: {} });
    expect(code).toBe(0);
  });

  test('leaves nothing to do for set-up', async () => {
    const bin = pathWith(['sh', 'dirname', 'node', 'id'], NPM_IS_CALLED);
    expect(await script('set-up', bin)).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  test('is repeated by set-up when it was cut short or the lock file is newer', async () => {
    const bin = pathWith(['sh', 'dirname', 'node', 'id'], NPM_IS_CALLED);
    const lock = path.join(copy, 'package-lock.json');
    const before = statSync(lock);
    utimesSync(lock, new Date(), new Date(Date.now() + 10_000));
    expect(await script('set-up', bin)).toMatchObject(NPM_WAS_CALLED);
    utimesSync(lock, before.atime, before.mtime);
    expect(await script('set-up', bin)).toMatchObject({ code: 0, stdout: '' });
    const installed = path.join(copy, 'node_modules/.package-lock.json');
    const content = readFileSync(installed);
    rmSync(installed);
    expect(await script('set-up', bin)).toMatchObject(NPM_WAS_CALLED);
    writeFileSync(installed, content);
  });

  test('then demo builds what has changed and listens, and a purchase is approved', async () => {
    const source = path.join(copy, 'src/cli/options.ts');
    const help = "help: 'show this help";
    writeFileSync(source, readFileSync(source, 'utf8').replace(help, `${help}, as changed`));
    utimesSync(source, new Date(), new Date(Date.now() + 10_000));
    const demo = start(path.join(copy, 'scripts/demo'), ['--listen', 'tcp:127.0.0.1:0']);
    const output = await demo.until(/Ctrl-C ends the demo/);
    const [, purchase = ''] = /^ {2}(printf .*)$/m.exec(output) ?? [];
    const { stdout } = await run('sh', ['-c', purchase]);
    expect(messagesIn(stdout)).toContainEqual(
      expect.objectContaining({ response_to: 'Purchase', result: expect.objectContaining({ amount: 1230 }) }),
    );
    demo.signal('SIGINT');
    expect(await demo.ended).toMatchObject({ code: 0, stdout: '' });
    const { stdout: changed } = await run(path.join(copy, 'bin/posbridge.js'), ['--help']);
    expect(changed).toContain('show this help, as changed');
  });
});
