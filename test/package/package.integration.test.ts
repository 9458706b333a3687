import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
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

/** The packed tarball, installed elsewhere, as somebody who has never seen this repository uses it. */

const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
let folder: Folder;
/** Where it is installed. */
let consumer: string;
let installed: string;
/** What package.json puts in; releases for other machines are left out. */
const packed: readonly string[] = manifest.files.filter((entry: string) => !entry.startsWith('!'));
/** What the tarball holds, without its top folder. */
let files: string[];

beforeAll(async () => {
  folder = temporaryFolder();
  consumer = path.join(folder.path, 'consumer');
  installed = path.join(consumer, 'node_modules/posbridge');
  mkdirSync(consumer);
  // Without scripts: `prepare` would rebuild dist/ under the feet of the tests that run beside this one.
  await succeeds('npm', ['pack', '--ignore-scripts', '--pack-destination', folder.path], ROOT);
  const tarball = path.join(folder.path, `posbridge-${manifest.version}.tgz`);
  const { stdout } = await succeeds('tar', ['tzf', tarball], folder.path);
  files = stdout
    .trim()
    .split('\n')
    .map((name) => name.replace(/^package\//, ''));
  writeFileSync(path.join(consumer, 'package.json'), '{"private":true}');
  await succeeds('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], consumer);
});

afterEach(stopAll);

afterAll(() => folder.remove());

async function succeeds(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  const ended = await run(command, args, { cwd });
  if (ended.code !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${ended.code}\n${ended.stdout}${ended.stderr}`);
  return ended;
}

/** Of the terminal's screen and the operator's page: for browsers, small, without maps. */
const isOfPage = (file: string) => /^dist\/(?!types\/|man\/)[^/]+\//.test(file);

/** Modules that a bundle has from no file. */
const GENERATED = /^(elsewhere|lazy-builtins):|^\.\.\/src\/(bridge|part-[a-z-]+)\.cjs$/;

/** What V8 has compiled, for the start. */
const isCache = (file: string) => /^dist\/bridge\.cjs\.v[^/]*\.cache$/.test(file);

const program = () => path.join(consumer, 'node_modules/.bin/posbridge');

describe('the tarball', () => {
  test('holds everything that package.json promises', () => {
    for (const entry of [...packed, 'README.md', 'LICENSE', 'package.json']) {
      expect([entry, files.some((file) => file === entry || file.startsWith(`${entry}/`))]).toEqual([
        entry,
        true,
      ]);
    }
    const entries = [manifest.main, manifest.types, ...Object.values<string>(manifest.bin)];
    for (const entry of entries) expect(files).toContain(path.normalize(entry));
  });

  test('holds every page and every example', () => {
    for (const entry of ['docs', 'examples']) {
      const ours = readdirSync(path.join(ROOT, entry), { recursive: true, encoding: 'utf8' })
        .map((name) => path.join(entry, name))
        .filter((name) => statSync(path.join(ROOT, name)).isFile());
      expect(files.filter((file) => file.startsWith(`${entry}/`)).toSorted()).toEqual(ours.toSorted());
    }
  });

  test('holds nothing else, and nothing big', () => {
    const expected = new RegExp(`^(${packed.join('|')}|README\\.md|LICENSE|package\\.json)(/|$)`);
    expect(files.filter((file) => !expected.test(file))).toEqual([]);
    const built = files.filter((file) => file.startsWith('dist/'));
    const odd = built.filter(
      (file) => !isOfPage(file) && !/\.(c?js|c?js\.map|d\.ts|1|bash)$/.test(file) && !isCache(file),
    );
    expect(odd).toEqual([]);
    expect(built.filter(isOfPage).map((file) => path.basename(file))).toEqual(
      expect.arrayContaining(['app.js', 'icon.svg', 'index.html', 'style.css']),
    );
    const sizes = files.map((file) => statSync(path.join(installed, file)).size);
    expect(Math.max(...sizes)).toBeLessThan(700_000);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(7_000_000);
  });

  test('has maps that name lines of the source without carrying it', () => {
    const maps = files.filter((file) => file.endsWith('.map'));
    for (const file of maps) {
      const map = JSON.parse(readFileSync(path.join(installed, file), 'utf8'));
      expect(map.sourcesContent).toBeUndefined();
      for (const source of map.sources) {
        if (GENERATED.test(source)) continue;
        expect(source).toMatch(/^\.\.\/src\//);
        expect([source, existsSync(path.join(ROOT, 'dist', source))]).toEqual([source, true]);
      }
    }
    expect(maps.map((file) => file.slice(0, -4)).toSorted()).toEqual(
      files.filter((file) => /^dist\/.*\.c?js$/.test(file) && !isOfPage(file)).toSorted(),
    );
  });

  test('has the types of the library in one file', () => {
    expect(files.filter((file) => file.endsWith('.d.ts'))).toEqual([path.normalize(manifest.types)]);
  });

  test('names only pages that it holds', () => {
    const readme = readFileSync(path.join(installed, 'README.md'), 'utf8');
    const links = [...readme.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '');
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) expect([link, existsSync(path.join(installed, link))]).toEqual([link, true]);
  });
});

describe('the installed program', () => {
  test('is executable, and so are the examples that are programs', () => {
    accessSync(program(), constants.X_OK);
    for (const file of files) {
      if (!readFileSync(path.join(installed, file), 'utf8').startsWith('#!')) continue;
      const isExecutable = (statSync(path.join(ROOT, file)).mode & 0o100) !== 0;
      expect([file, (statSync(path.join(installed, file)).mode & 0o100) !== 0]).toEqual([file, isExecutable]);
    }
    expect(statSync(path.join(installed, 'examples/s6/posbridge/run')).mode & 0o111).toBe(0o111);
  });

  test('says its version and its help', async () => {
    expect(await run(program(), ['--version'])).toMatchObject({
      code: 0,
      stdout: `${manifest.version}\n`,
      stderr: '',
    });
    const help = await run(program(), ['serve', '--help']);
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--max-connections') });
  });

  test('answers a keepalive and takes a purchase', async () => {
    const purchase = { receipt_id: 'r-1', sequence_id: 1, amount: 1250, currency: 'EUR' };
    const input = frame('k-1', '_Keepalive', {}) + frame('p-1', 'Purchase', purchase);
    const { code, stdout } = await run(program(), ['--app', 'simulator:?delay=1'], { input });
    expect(code).toBe(0);
    const answers = messagesIn(stdout).filter(({ id }) => id !== undefined);
    expect(answers).toEqual([
      { jsonrpc: '2.0', id: 'k-1', response_to: '_Keepalive', result: {} },
      {
        jsonrpc: '2.0',
        id: 'p-1',
        response_to: 'Purchase',
        result: expect.objectContaining({ amount: 1250 }),
      },
    ]);
  });

  test('listens for WebSockets and ends when told', async () => {
    const server = start(program(), ['serve', '--listen', 'ws://127.0.0.1:0/', '--app', 'null:']);
    await server.until(/info listening on=ws:/);
    server.signal('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('the installed library', () => {
  test('exports what its surface names, and nothing else', async () => {
    const source = readFileSync(path.join(ROOT, 'src/index.ts'), 'utf8');
    const names = [...source.matchAll(/^export \{([^}]*)\}/gm)]
      .flatMap((match) => (match[1] ?? '').split(','))
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '));
    const script = "import * as library from 'posbridge'; console.log(Object.keys(library).join(' '));";
    const { stdout } = await succeeds('node', ['--input-type=module', '-e', script], consumer);
    expect(stdout.trim().split(' ').toSorted()).toEqual(names.toSorted());
  });

  test('does what it says', async () => {
    const script = `
      import { BridgeError, encodeFrame, maskText, parseEndpoint } from 'posbridge';
      const { kind, path } = parseEndpoint('unix:/run/pay.sock', 'channel');
      let code; try { parseEndpoint('bogus:', 'channel'); } catch (fault) { code = fault instanceof BridgeError && fault.code; }
      console.log(kind, path, code, maskText('card 4111111111111111').includes('4111111111111111'));`;
    const { stdout } = await succeeds('node', ['--input-type=module', '-e', script], consumer);
    expect(stdout.trim()).toBe('unix /run/pay.sock ENDPOINT_INVALID false');
  });

  test('has types that a strict program can use', async () => {
    writeFileSync(
      path.join(consumer, 'program.mts'),
      `import { BridgeError, type BridgeErrorCode, type Endpoint, memoryWirePair, parseEndpoint, type PosClient, type Wire } from 'posbridge';
       const endpoint: Endpoint = parseEndpoint('tcp:127.0.0.1:1', 'wire');
       if (endpoint.kind === 'tcp') endpoint.port satisfies number;
       const code: BridgeErrorCode = new BridgeError('USAGE', 'text').code;
       const pair: readonly Wire[] = memoryWirePair();
       // @ts-expect-error: there is no such code
       const wrong: BridgeErrorCode = 'NONSENSE';
       export const paid = async (client: PosClient): Promise<number> =>
         (await client.purchase({ amountMinor: 1230, currency: 'EUR' })).amountMinor;
       export { code, pair, wrong };`,
    );
    const settings = {
      compilerOptions: {
        strict: true,
        noEmit: true,
        module: 'NodeNext',
        target: 'ES2023',
        skipLibCheck: false,
        exactOptionalPropertyTypes: true,
        types: ['node'],
        typeRoots: [path.join(ROOT, 'node_modules/@types')],
      },
      files: ['program.mts'],
    };
    writeFileSync(path.join(consumer, 'tsconfig.json'), JSON.stringify(settings));
    const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
    expect(await run(process.execPath, [compiler, '-p', '.'], { cwd: consumer })).toMatchObject({
      code: 0,
      stdout: '',
    });
  });
});
