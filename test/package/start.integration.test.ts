import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  type Ended,
  type Folder,
  frame,
  messagesIn,
  PROGRAM,
  ROOT,
  run,
  stopAll,
  temporaryFolder,
} from '../cli/kit.ts';

/** What the start of a bridge takes: as little as one connection needs. */

const BUNDLE = path.join(ROOT, 'dist/bridge.cjs');
const CACHE = `bridge.cjs.${process.version}-${process.arch}.cache`;
const ARGUMENTS = ['--app', 'null:', '--log-level', 'error'];
const KEEPALIVE = frame('k-1', '_Keepalive', {});

let folder: Folder;
beforeAll(() => {
  folder = temporaryFolder();
});
afterEach(stopAll);
afterAll(() => folder.remove());

function expectAnswered({ code, stdout, stderr }: Ended): void {
  expect([code, stderr]).toEqual([0, '']);
  expect(messagesIn(stdout)[0]).toEqual({
    jsonrpc: '2.0',
    id: 'k-1',
    response_to: '_Keepalive',
    result: {},
  });
}

test('V8 takes the code that the build has compiled', async () => {
  const script = `
    require(process.argv[1]).load(process.argv[2], (script) => console.log(script.cachedDataRejected));`;
  const { stdout, stderr } = await run(process.execPath, ['-e', script, PROGRAM, BUNDLE]);
  expect([stdout, stderr]).toEqual(['false\n', '']);
});

test.each<[string, (cache: string) => void]>([
  ['no code cache', (cache) => rmSync(cache)],
  ['a code cache of another Node.js', (cache) => changeByte(cache, 4)],
  ['a code cache that is cut short', (cache) => truncateSync(cache, 1000)],
  ['an empty code cache', (cache) => truncateSync(cache)],
])('starts with %s', async (_, change) => {
  const copy = path.join(folder.path, 'copy');
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(path.join(copy, 'dist'), { recursive: true });
  cpSync(path.join(ROOT, 'bin'), path.join(copy, 'bin'), { recursive: true });
  for (const file of ['bridge.cjs', CACHE]) {
    cpSync(path.join(ROOT, 'dist', file), path.join(copy, 'dist', file));
  }
  change(path.join(copy, 'dist', CACHE));
  expectAnswered(await run(path.join(copy, 'bin/posbridge.js'), ARGUMENTS, { input: KEEPALIVE }));
});

function changeByte(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
  writeFileSync(file, bytes);
}

test('a program that is not built says what to do', async () => {
  const copy = path.join(folder.path, 'unbuilt');
  cpSync(path.join(ROOT, 'bin'), path.join(copy, 'bin'), { recursive: true });
  expect(await run(path.join(copy, 'bin/posbridge.js'), ARGUMENTS)).toMatchObject({
    code: 111,
    stdout: '',
    stderr: expect.stringMatching(
      /^posbridge: the program cannot be loaded: ENOENT.*bridge\.cjs.*; "npm ci" in its folder builds it\n$/,
    ),
  });
});

test('a bridge reads nothing of ours but its bundle, before it has answered and after', async () => {
  const trace = path.join(folder.path, 'trace');
  const strace = ['-f', '-e', 'trace=openat,execve', '-o', trace, PROGRAM, ...ARGUMENTS];
  expectAnswered(await run('strace', strace, { input: KEEPALIVE }));
  const opened = [...readFileSync(trace, 'latin1').matchAll(/openat\([^"]*"([^"]+)"[^\n]*\) = \d/g)];
  const ours = opened
    .map((match) => path.relative(ROOT, match[1] ?? ''))
    .filter((file) => !file.startsWith('..'));
  const launcher = ['bin/posbridge.js', 'bin/posbridge.js']; // the shell, then Node.js
  expect(ours.toSorted()).toEqual(['bin/package.json', ...launcher, 'dist/bridge.cjs', `dist/${CACHE}`]);
});

test('a bridge loads none of the modules of Node.js that it can do without', async () => {
  const list = path.join(folder.path, 'list.cjs');
  // What waits until the first answers are given has no part in it, however slow this machine is.
  writeFileSync(
    list,
    `const { setTimeout } = globalThis;
    globalThis.setTimeout = (run, ms, ...more) => setTimeout(run, [10, 100].includes(ms) ? 60_000 : ms, ...more);
    process.on('exit', () => require('node:fs').writeSync(2, process.moduleLoadList.join('\\n')));`,
  );
  const { stdout, stderr } = await run(process.execPath, ['--require', list, PROGRAM, ...ARGUMENTS], {
    input: KEEPALIVE,
  });
  expect(messagesIn(stdout)[0]).toMatchObject({ id: 'k-1' });
  const loaded = stderr.split('\n').map((line) => line.replace(/^NativeModule /, ''));
  expect(loaded).toContain('net');
  const spared = [
    'child_process',
    'crypto',
    'dgram',
    'dns',
    'fs/promises',
    'http',
    'inspector',
    'readline',
    'tls',
    'v8',
    'worker_threads',
    'zlib',
  ];
  expect(spared.filter((name) => loaded.includes(name))).toEqual([]);
});

test('packages for what a bridge may need are in other files than its bundle', () => {
  const named = (file: string) =>
    [
      ...readFileSync(path.join(ROOT, 'dist', file), 'latin1').matchAll(/\b(?:require|import)\("([^"]+)"\)/g),
    ].map(([, name]) => name ?? '');
  const packages = (files: string[]) =>
    new Set(files.flatMap(named).filter((name) => !name.startsWith('node:') && !name.startsWith('./')));
  const parts = readdirSync(path.join(ROOT, 'dist')).filter((file) => /^part-.*\.cjs$/.test(file));
  expect([...packages(['bridge.cjs'])]).toEqual([]);
  expect([...packages(parts)]).toEqual(expect.arrayContaining(['serialport', 'ws', 'yargs']));
});

test('a dialect loads its own part, and no other dialect', async () => {
  const list = path.join(folder.path, 'parts.cjs');
  writeFileSync(list, `process.on('exit', () => console.error(Object.keys(require.cache).join('\\n')));`);
  const sca = ['--require', list, PROGRAM, '--app', 'null:', '--dialect', 'sca', '--log-level', 'error'];
  const { stderr } = await run(process.execPath, sca, { input: '' });
  const dialects = [...stderr.matchAll(/part-(dialect-[a-z-]+)\.cjs/g)].map(([, name]) => name);
  expect(dialects).toEqual(['dialect-sca']);
});

test('help needs no require() of ES modules, which not every Node.js has', async () => {
  const { code, stdout, stderr } = await run(process.execPath, [
    '--no-experimental-require-module',
    PROGRAM,
    'pos',
    '--help',
  ]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('posbridge pos');
});

test('a bridge whose files were replaced while it ran does not mix them', async () => {
  const copy = path.join(folder.path, 'replaced');
  cpSync(path.join(ROOT, 'bin'), path.join(copy, 'bin'), { recursive: true });
  mkdirSync(path.join(copy, 'dist'));
  cpSync(BUNDLE, path.join(copy, 'dist/bridge.cjs'));
  const PART = 'dist/part-cli-serve.cjs';
  const part = readFileSync(path.join(ROOT, PART), 'utf8');
  writeFileSync(path.join(copy, PART), part.replace(/\.build\s*!==\s*"\w+"/, '.build !== "another"'));
  const ended = await run(path.join(copy, 'bin/posbridge.js'), [
    'serve',
    '--listen',
    'tcp:127.0.0.1:0',
    '--app',
    'null:',
  ]);
  expect(ended).toMatchObject({
    code: 111,
    stdout: '',
    stderr: 'posbridge: the program was replaced while it ran; start it again\n',
  });
});
