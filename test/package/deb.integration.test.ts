import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { libraryFiles } from '../../scripts/release/library.mjs';
import { COMMANDS } from '../../src/cli/commands.ts';
import {
  type Ended,
  type Folder,
  frame,
  messagesIn,
  ROOT,
  type RunOptions,
  run,
  stopAll,
  temporaryFolder,
} from '../cli/kit.ts';

/**
 * The Debian package and the executable in it, as a machine without Node.js has them; dpkg works in a folder of the
 * test's.
 */

const isSoak = (process.env['SOAK'] ?? '') !== '';
let folder: Folder;
let deb: string;
/** Where it is installed. */
let root: string;
/** The environment of a machine that has nothing but the system. */
const BARE = { PATH: '/usr/bin:/bin', HOME: '/nonexistent' };
const PURCHASE = frame('p-1', 'Purchase', {
  receipt_id: 'r-1',
  sequence_id: 1,
  amount: 1250,
  currency: 'EUR',
});

beforeAll(() => {
  folder = temporaryFolder();
});
afterEach(stopAll);
afterAll(() => folder.remove());

const buy = (program: string, env: RunOptions['env']) =>
  run(program, ['--app', 'simulator:?delay=1', '--journal', path.join(folder.path, 'journal')], {
    env: { ...env },
    input: PURCHASE,
  });

function expectPaid({ code, stdout, stderr }: Ended): void {
  expect(stderr).not.toMatch(/warn|error/);
  const answer = messagesIn(stdout).find(({ id }) => id === 'p-1');
  expect(answer).toMatchObject({ response_to: 'Purchase', result: { amount: 1250 } });
  expect(code).toBe(0);
}

test('the folder that goes into the package has all that the program needs', async () => {
  const library = path.join(folder.path, 'library');
  for (const name of libraryFiles(ROOT)) {
    mkdirSync(path.dirname(path.join(library, name)), { recursive: true });
    copyFileSync(path.join(ROOT, name), path.join(library, name));
  }
  expectPaid(await buy(path.join(library, 'bin/posbridge.js'), { HOME: '/nonexistent' }));
});

// All else takes the time of a soak: the executable is 100 MB that are copied many times.
const inSoak = describe.skipIf(!isSoak);

async function build(): Promise<void> {
  root = path.join(folder.path, 'root');
  for (const name of ['updates', 'info'])
    mkdirSync(path.join(root, 'var/lib/dpkg', name), { recursive: true });
  const built = await run(process.execPath, [path.join(ROOT, 'scripts/release/deb.mjs'), 'xz', folder.path]);
  expect(built).toMatchObject({ code: 0, stdout: expect.stringMatching(/\/posbridge_\S+_amd64\.deb\n$/) });
  deb = built.stdout.trim();
}

function dpkg(...args: readonly string[]) {
  const force = ['not-root', 'script-chrootless', 'depends', 'bad-path'].map((what) => `--force-${what}`);
  return run('dpkg', [`--root=${root}`, '--log=/dev/null', ...force, ...args]);
}

const installed = (name: string) => path.join(root, name);
const executable = () => installed('usr/lib/posbridge/posbridge');
inSoak('the package', () => {
  beforeAll(build, 600_000);

  test('is installed by dpkg, with everything that a person looks for', async () => {
    // (It says that the packages which it depends on are not in that folder.)
    expect(await dpkg('-i', deb)).toMatchObject({ code: 0 });
    for (const command of Object.keys(COMMANDS)) {
      const page = command === 'bridge' ? 'posbridge' : `posbridge-${command}`;
      const text = gunzipSync(readFileSync(installed(`usr/share/man/man1/${page}.1.gz`))).toString();
      expect(text).toContain(`.TH ${page.toUpperCase()} 1`);
    }
    expect(readFileSync(installed('usr/share/bash-completion/completions/posbridge'), 'utf8')).toContain(
      'complete -F _posbridge posbridge',
    );
    expect(readFileSync(installed('etc/default/posbridge'), 'utf8')).toContain('POSBRIDGE_APP=');
    expect(existsSync(installed('usr/share/doc/posbridge/docs/installing.md'))).toBe(true);
    expect(statSync(installed('usr/bin/posbridge')).mode & 0o777).toBe(0o755);
    const units = readdirSync(installed('lib/systemd/system'));
    expect(units.toSorted()).toEqual(readdirSync(path.join(ROOT, 'examples/systemd')).toSorted());
    for (const unit of units.filter((name) => name.endsWith('.service'))) {
      const text = readFileSync(installed(`lib/systemd/system/${unit}`), 'utf8');
      expect(text).toMatch(/^EnvironmentFile=-\/etc\/default\/posbridge\nExecStart=\/usr\/bin\/posbridge/m);
    }
  });

  test('has a program that pays without Node.js and without unpacking anything', async () => {
    const cache = path.join(folder.path, 'unused');
    expectPaid(await buy(executable(), { ...BARE, XDG_CACHE_HOME: cache }));
    expect(existsSync(cache)).toBe(false);
    const help = await run(executable(), ['help', 'serve'], { env: BARE });
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--max-connections') });
  });

  test('is removed without a rest; what records payments would stay', async () => {
    mkdirSync(installed('var/lib/posbridge'), { recursive: true });
    const { code, stderr } = await dpkg('-P', 'posbridge');
    expect(code).toBe(0);
    expect(stderr).toContain('/var/lib/posbridge stays');
    const left = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (name) => !/^var(\/lib(\/dpkg(\/.*)?|\/posbridge)?)?$/.test(name),
    );
    expect(left).toEqual([]);
  });

  // lintian unpacks 100 MB and reads every file.
  test('has nothing that lintian finds', { timeout: 600_000 }, async () => {
    expect(await run('lintian', ['--fail-on', 'error,warning', deb])).toMatchObject({ code: 0, stdout: '' });
  });
});

inSoak('the executable alone', () => {
  test('unpacks itself once, where nobody else may write', async () => {
    // The test before has removed it with the package.
    const { code } = await run('dpkg-deb', ['-x', deb, path.join(folder.path, 'again')]);
    expect(code).toBe(0);
    const alone = path.join(folder.path, 'posbridge');
    copyFileSync(path.join(folder.path, 'again/usr/lib/posbridge/posbridge'), alone);
    const env = { ...BARE, XDG_CACHE_HOME: path.join(folder.path, 'cache') };
    const cache = path.join(folder.path, 'cache/posbridge');
    const both = await Promise.all([run(alone, ['--version'], { env }), run(alone, ['--version'], { env })]);
    const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    for (const each of both) expect(each).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
    const [id = '', ...others] = readdirSync(cache);
    expect(others).toEqual([]);
    expect(statSync(path.join(cache, id)).mode & 0o022).toBe(0);

    const { mtimeMs } = statSync(cache); // of the last name that came or went
    expect(await run(alone, ['--version'], { env })).toMatchObject({ code: 0 });
    expect(statSync(cache).mtimeMs).toBe(mtimeMs);

    chmodSync(path.join(cache, id), 0o777);
    expect(await run(alone, ['--version'], { env })).toMatchObject({
      code: 111,
      stdout: '',
      stderr: expect.stringMatching(
        /^posbridge: the program cannot be loaded: .*others may write there: remove it\n$/,
      ),
    });
  });
});
