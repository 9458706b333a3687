import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitedWith, freePort, ROOT, Workbench } from '../interop/kit.ts';

const EXAMPLE = path.join(ROOT, 'examples/register.mjs');

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

async function run(...args: string[]): Promise<{ code: number | null; out: string; errors: string }> {
  const running = bench.start(process.execPath, [EXAMPLE, ...args]);
  const { stdout } = running;
  const { code } = await running.exited;
  await stdout.ended;
  return { code, out: stdout.text, errors: running.errors };
}

describe('examples/register.mjs', () => {
  test('is at most 30 lines long', () => {
    expect(readFileSync(EXAMPLE, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(30);
  });

  test('sells, and says what became of it', async () => {
    const { server, port } = await bench.startServe(['--app', 'simulator:?delay=30']);
    const to = `tcp:127.0.0.1:${port}`;
    const approved = await run(to, bench.path('store'), '12.30', 'EUR');
    expect(approved).toMatchObject({ code: 0, errors: '' });
    expect(approved.out).not.toContain('no terminal');
    expect(approved.out).toMatch(/^12\.30 EUR, receipt \d+: approved$/m);
    const declined = await run(to, bench.path('store'), '12.01', 'EUR');
    expect(declined.code).toBe(1);
    expect(declined.out).toMatch(/: declined\n.*\S/);
    server.signal('SIGTERM');
    expect(await server.exited).toEqual(exitedWith(0));
  });

  test('says that nobody is there', async () => {
    const { code, errors } = await run(`tcp:127.0.0.1:${await freePort()}`, bench.path('store'));
    expect(code).toBe(111);
    expect(errors).toContain('connection refused (ECONNREFUSED); nothing was sent');
  });
});
