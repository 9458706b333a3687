// Our central system beside one of 40 lines on ocpp-rpc that stores the same into SQLite, or into PostgreSQL:
//     node scripts/bench-ocpp/main.mjs [SECONDS] [COUNT,COUNT…] [postgres://USER@HOST:PORT] whose user may make
//     databases
// Both as a process of their own, loaded by a third; messages a second, time to the answer, memory.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const seconds = process.argv[2] ?? '8';
const here = import.meta.dirname;
const folder = mkdtempSync(path.join(tmpdir(), 'bench-ocpp-'));
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
let port = 19_400;

const SERVERS = {
  posbridge: (file) => [
    path.join(here, '../../bin/posbridge.js'),
    ...['serve', '--dialect', 'ocpp1.6', '--listen', `ws://127.0.0.1:${port}`, '--app', 'simulator:'],
    ...['--max-connections', '10000'],
    ...['--database', file.startsWith('postgres:') ? file : `sqlite:${file}`, '--log-level', 'error'],
  ],
  'ocpp-rpc': (file) => [path.join(here, 'rival.mjs'), file, `${port}`],
};

/** A database of its own for each run. */
async function databaseOf(name) {
  const postgres = process.argv[4];
  if (postgres === undefined) return path.join(folder, `${name}.db`);
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: `${postgres}/postgres` });
  await client.connect();
  await client.query(`drop database if exists "${name}"`);
  await client.query(`create database "${name}"`);
  await client.end();
  return `${postgres}/${name}`;
}

const memoryOf = (pid) =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) / 1024;
console.log('server     points  messages/s  median ms  p99 ms  MB');
for (const count of (process.argv[3] ?? '1,100,1000').split(',').map(Number)) {
  for (const [name, argsOf] of Object.entries(SERVERS)) {
    port += 1;
    const server = spawn(process.execPath, argsOf(await databaseOf(`bench-${name}-${count}`)), {
      env,
      stdio: 'ignore',
    });
    for (;;) {
      try {
        execFileSync('sh', ['-c', `nc -z 127.0.0.1 ${port}`]);
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    const load = spawn(
      process.execPath,
      [path.join(here, 'load.mjs'), `ws://127.0.0.1:${port}`, `${count}`, seconds],
      {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let text = '';
    for await (const chunk of load.stdout) {
      text += chunk;
      if (text.includes('\n')) break;
    }
    const { perSecond, medianMs, p99Ms } = JSON.parse(text);
    const cells = [
      name.padEnd(10),
      `${count}`.padStart(6),
      `${perSecond}`.padStart(11),
      `${medianMs}`.padStart(10),
    ];
    console.log([...cells, `${p99Ms}`.padStart(7), memoryOf(server.pid).toFixed(0).padStart(4)].join(' '));
    load.kill();
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
}
rmSync(folder, { recursive: true });
