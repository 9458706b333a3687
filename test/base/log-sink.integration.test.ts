import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** Writes lines to descriptor 2 and says on descriptor 1 how that goes. */
const PROGRAM = `
  import { writeSync } from 'node:fs';
  import { openLogSink } from ${JSON.stringify(path.resolve('src/base/log-sink.ts'))};
  const [, , mode, count, width] = process.argv;
  if (mode.includes('nobody')) process.setuid?.(65534);
  const sink = openLogSink();
  for (let n = 1; n <= Number(count); n++) sink.write(n + ' ' + 'x'.repeat(Number(width)));
  writeSync(1, 'written\\n');
  if (mode.includes('wait')) setTimeout(() => { sink.flush(); process.exit(7); }, 5000);
  if (mode.includes('exit')) { sink.flush(); process.exit(7); }
  if (mode.includes('stay')) setInterval(() => writeSync(1, 'alive\\n'), 20);
`;

const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-log-sink-'));
const program = path.join(folder, 'program.mjs');
const children: ChildProcess[] = [];

beforeAll(async () => {
  writeFileSync(path.join(folder, 'program.ts'), PROGRAM);
  await build({
    entryPoints: [path.join(folder, 'program.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
  });
});

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Node gives a child a socket for `pipe`; a real pipe comes from a shell that keeps both ends. */
function start(mode: string, count: number, width: number, stderr: 'pipe' | number = 'pipe'): ChildProcess {
  const args = [program, mode, String(count), String(width)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', stderr] });
  children.push(child);
  return child;
}

function startInShell(script: string): ChildProcess {
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, program], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

/** Every number from 1 to `count` is on a line of its own, or counted in a report, in order. */
function accountFor(text: string, count: number): void {
  const lines = text.trimEnd().split('\n');
  let next = 1;
  for (const line of lines) {
    const lost = /^(\d+) lines lost$/.exec(line);
    if (lost !== null) next += Number(lost[1]);
    else {
      expect(line).toMatch(new RegExp(`^${next} x+$`));
      next++;
    }
  }
  expect(next).toBe(count + 1);
}

/** Only root can give its rights away: a pipe of another user cannot be opened a second time. */
const isRoot = process.getuid?.() === 0;
const EXITS = isRoot ? ['exit', 'exit,nobody'] : ['exit'];

test.each(EXITS)('keeps running while nobody reads a pipe (%s)', async (mode) => {
  const stay = mode.replace('exit', 'stay');
  await untilAlive(
    startInShell(`mkfifo "$2.$$"; exec 4<>"$2.$$"; rm "$2.$$"; "$1" "$2" ${stay} 20000 100 2>&4`),
    5,
  );
});

test('keeps running while nobody reads a socket', async () => {
  await untilAlive(start('stay', 20_000, 100), 5);
});

async function untilAlive(child: ChildProcess, times: number): Promise<void> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.split('alive').length > times) return;
  }
  throw new Error(`it stopped after ${text}`);
}

test.each(EXITS)('exits with its status while nobody reads a pipe (%s)', async (mode) => {
  const child = startInShell(
    `mkfifo "$2.$$"; exec 4<>"$2.$$"; rm "$2.$$"; "$1" "$2" ${mode} 20000 100 2>&4; echo status $?`,
  );
  expect(await textOf(child.stdout)).toContain('status 7');
});

test.each(['pipe', 'socket'])('accounts for every line once a slow reader of a %s comes', async (kind) => {
  const child =
    kind === 'socket'
      ? start('wait', 20_000, 100)
      : startInShell('("$1" "$2" wait 20000 100 2>&1 >&3 | (read go <&5; cat >&2)) 3>&1 5<&0');
  for await (const said of child.stdout ?? []) if (String(said).includes('written')) break;
  child.stdin?.write('go\n');
  const text = await textOf(child.stderr);
  accountFor(text, 20_000);
  expect(text).toMatch(/^\d+ lines lost$/m);
});

test.each(EXITS)('says its last words at exit on a pipe that is read (%s)', async (mode) => {
  const child = startInShell(`"$1" "$2" ${mode} 500 100 2>&1 >/dev/null | cat`);
  accountFor(await textOf(child.stdout), 500);
});

test('writes a file in order, with the last words', async () => {
  const file = path.join(folder, 'log');
  const child = start('exit', 2000, 100, openSync(file, 'a'));
  await once(child, 'exit');
  accountFor(readFileSync(file, 'utf8'), 2000);
});

test('leaves a socket that it shares with others blocking when it exits', async () => {
  const child = startInShell('"$1" "$2" exit 1 1; grep flags /proc/self/fdinfo/2');
  const flags = /flags:\s*(\d+)/.exec(await textOf(child.stdout))?.[1] ?? '';
  expect(Number.parseInt(flags, 8) & 0o4000).toBe(0);
});

test.each(['2>&-', '2>/dev/null', '2>/dev/full'])('does not fail with %s', async (redirection) => {
  const child = startInShell(`"$1" "$2" exit 10 10 ${redirection}; echo status $?`);
  expect(await textOf(child.stdout)).toContain('status 7');
});

test('does not fail when the reader of its pipe is gone', async () => {
  const child = startInShell('{ ("$1" "$2" wait 1000 1000 2>&1 >&3; echo status $? >&3) | true; } 3>&1');
  expect(await textOf(child.stdout)).toContain('status 7');
});
