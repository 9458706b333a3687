// What the journal costs: purchases through a bridge with and without --journal, next to what the disk itself does.
//
//     npm run bench:journal [-- FOLDER [PURCHASES]]
//
// FOLDER (default: a temporary one) is where the journal is put, and removed again. Prints a table, and the same as one
// line of JSON. The application answers at once and keeps no record, so all that differs is the journal.
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';

const PROGRAM = path.join(import.meta.dirname, '../bin/posbridge.js');
const [parent = tmpdir(), purchasesText = '500'] = process.argv.slice(2);
const PURCHASES = Number(purchasesText);
const WARM_UP = 20;
const BRIDGES = 4;
/** About what a record takes. */
const RECORD = Buffer.from(`${'x'.repeat(299)}\n`);

if (!existsSync(path.join(import.meta.dirname, '../dist/bridge.cjs')) || !(PURCHASES > 0)) {
  console.error('bench: build first (npm run build); then npm run bench:journal [-- FOLDER [PURCHASES]]');
  process.exit(100);
}

const folder = mkdtempSync(path.join(parent, 'posbridge-bench-'));
const socketPath = path.join(folder, 'pay.sock');
const rows = [];
try {
  rows.push({ what: 'disk: a write of 300 bytes and fdatasync', ...timed(syncLoop()) });
  rows.push({ what: 'disk: the file calls of one purchase', ...timed(entryLoop()) });
  const application = await listen();
  rows.push({ what: 'bridge', ...(await run(1, [])) });
  rows.push({ what: 'bridge --journal', ...(await run(1, ['--journal', path.join(folder, 'one')])) });
  const shared = ['--journal', path.join(folder, 'shared'), '--lock', 'none'];
  rows.push({ what: `${BRIDGES} bridges at once`, ...(await run(BRIDGES, ['--lock', 'none'])) });
  rows.push({ what: `${BRIDGES} bridges at once --journal --lock none`, ...(await run(BRIDGES, shared)) });
  application.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const [, , plain, journal] = rows;
const added = { p50Ms: round(journal.p50Ms - plain.p50Ms), p95Ms: round(journal.p95Ms - plain.p95Ms) };
const head = ['', 'per second', 'median ms', '95 % ms'];
const table = [head, ...rows.map(({ what, perSecond, p50Ms, p95Ms }) => [what, perSecond, p50Ms, p95Ms])];
for (const [what, ...numbers] of table) {
  console.log(what.padEnd(45), ...numbers.map((number) => `${number}`.padStart(10)));
}
console.log(
  `\nA journal adds ${added.p50Ms} ms to a purchase in the median, ${added.p95Ms} ms in 95 of 100.`,
);
console.log(JSON.stringify({ node: process.version, cpus: cpus().length, folder: parent, rows, added }));

/** Milliseconds of each: one file, appended to. */
function syncLoop() {
  const file = openSync(path.join(folder, 'loop'), 'a');
  const times = each(() => {
    writeSync(file, RECORD);
    fdatasyncSync(file);
  });
  closeSync(file);
  return times;
}

/** Milliseconds of each: a file with a record, its name, the folder, a second record. */
function entryLoop() {
  const place = path.join(folder, 'entries');
  mkdirSync(place);
  const directory = openSync(place, 'r');
  const times = each((count) => {
    const [unborn, entry] = [path.join(place, `${count}.new`), path.join(place, `${count}.entry`)];
    const file = openSync(unborn, 'ax');
    writeSync(file, RECORD);
    fdatasyncSync(file);
    linkSync(unborn, entry);
    fsyncSync(directory);
    unlinkSync(unborn);
    writeSync(file, RECORD);
    fdatasyncSync(file);
    closeSync(file);
  });
  closeSync(directory);
  return times;
}

function each(work) {
  const times = [];
  for (let count = 0; count < WARM_UP + PURCHASES; count += 1) {
    const startMs = performance.now();
    work(count);
    if (count >= WARM_UP) times.push(performance.now() - startMs);
  }
  return times;
}

/** An application that approves at once. */
function listen() {
  const server = createServer((socket) => {
    let rest = '';
    socket.setEncoding('utf8').on('error', () => {});
    socket.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const { connection, id } = JSON.parse(line);
        const result = { approved: true, authorization_code: '123456' };
        if (id !== undefined) socket.write(`${JSON.stringify({ connection, jsonrpc: '2.0', id, result })}\n`);
      }
    });
  });
  return new Promise((resolve) => server.listen(socketPath, () => resolve(server)));
}

/** Purchases one after the other through each of so many bridges. */
async function run(bridges, args) {
  const startMs = { first: Number.POSITIVE_INFINITY };
  const times = await Promise.all(Array.from({ length: bridges }, (_, index) => buy(index, args, startMs)));
  const { p50Ms, p95Ms } = timed(times.flat());
  const seconds = (performance.now() - startMs.first) / 1000;
  return { perSecond: Math.round((bridges * PURCHASES) / seconds), p50Ms, p95Ms };
}

async function buy(index, args, startMs) {
  const lock = args.includes('--lock') ? [] : ['--lock', path.join(folder, 'lock')];
  const options = [
    '--app',
    `unix:${socketPath}`,
    '--keepalive',
    'off',
    '--log-level',
    'error',
    ...lock,
    ...args,
  ];
  const child = spawn(process.execPath, [PROGRAM, ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ask = asker(child);
  const times = [];
  for (let count = 0; count < WARM_UP + PURCHASES; count += 1) {
    const beganMs = performance.now();
    if (count === WARM_UP) startMs.first = Math.min(startMs.first, beganMs);
    const answer = await ask({
      receipt_id: `${index}-${count}`,
      sequence_id: 1,
      amount: 1250,
      currency: 'EUR',
    });
    if (!answer.includes('"approved":true')) throw new Error(`bench: not approved: ${answer}`);
    if (count >= WARM_UP) times.push(performance.now() - beganMs);
  }
  const endMs = performance.now();
  child.stdin.end();
  await new Promise((resolve) => child.once('exit', resolve));
  startMs.first += performance.now() - endMs; // leaving does not count
  return times;
}

/** Sends a Purchase, resolves with the next frame. */
function asker({ stdin, stdout }) {
  let rest = '';
  let told = () => {};
  stdout.setEncoding('utf8').on('data', (text) => {
    rest += text;
    if (!rest.endsWith('\n')) return;
    told(rest);
    rest = '';
  });
  return (params) => {
    const json = JSON.stringify({ jsonrpc: '2.0', id: 'bench', method: 'Purchase', params });
    return new Promise((resolve) => {
      told = resolve;
      stdin.write(`${json.length.toString(16).padStart(8, '0')}:${json}\n`);
    });
  };
}

function timed(times) {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (part) => round(sorted[Math.floor((sorted.length - 1) * part)]);
  const total = times.reduce((sum, ms) => sum + ms, 0);
  return { perSecond: Math.round((times.length * 1000) / total), p50Ms: at(0.5), p95Ms: at(0.95) };
}

function round(ms) {
  return Math.round(ms * 100) / 100;
}
