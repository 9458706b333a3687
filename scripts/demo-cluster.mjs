// What scripts/demo-cluster shows. A line a second: what was paid, what was killed, and whether the sums agree.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect } from '@nats-io/transport-node';
import { frameOf } from './bench/messages.mjs';

const seconds = Number(process.argv[2] ?? 60);
const folder = mkdtempSync(path.join(tmpdir(), 'demo-cluster-'));
const BASE = 24_200;
const client = (at) => BASE + at;
const hosts = [0, 1, 2].map((at) => `127.0.0.1:${client(at)}`).join(',');
const routes = [0, 1, 2].map((at) => `nats://127.0.0.1:${BASE + 10 + at}`).join(', ');

/** How long a part is away, as under a supervisor. */
const AWAY_MS = 3000;
let isEnding = false;

/** Everything that can be killed, by name. */
const parts = new Map();
function start(name, command, args, env = {}) {
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, ...env },
  });
  parts.set(name, child);
  child.once('exit', () => {
    if (!isEnding) setTimeout(() => isEnding || start(name, command, args, env), AWAY_MS);
  });
}

for (const at of [0, 1, 2]) {
  const store = path.join(folder, `n${at}`);
  mkdirSync(store);
  writeFileSync(
    `${store}.conf`,
    [
      `server_name: n${at}`,
      `listen: 127.0.0.1:${client(at)}`,
      `jetstream { store_dir: "${store}" }`,
      `cluster { name: demo, listen: 127.0.0.1:${BASE + 10 + at}, routes: [${routes}] }`,
    ].join('\n'),
  );
  start(`server ${at}`, 'nats-server', ['-c', `${store}.conf`]);
}
const nats = await connect({ servers: hosts.split(','), maxReconnectAttempts: -1, waitOnFirstConnect: true });
const buckets = new Kvm(jetstream(nats));
const hasLeader = async () => {
  const bucket = await buckets.create('demo-try', { replicas: 3 });
  await bucket.destroy();
};
while (
  !(await hasLeader().then(
    () => true,
    () => false,
  ))
)
  await sleep(200);

for (const at of [0, 1])
  start(`application ${at}`, 'node', ['examples/application-nats.mjs', hosts, 'demo', '3'], {
    DELAY: '0.05',
  });
for (const at of [0, 1]) {
  const place = `nats://${hosts}`;
  const args = ['serve', '--listen', `tcp:127.0.0.1:${BASE + 20 + at}`, '--app', `${place}/demo`];
  start(`bridge ${at}`, 'bin/posbridge.js', [...args, '--journal', `${place}/demo-terminal${at}`]);
}

/** One request on a connection of its own; undefined: no answer. */
function ask(at, method, params) {
  return new Promise((resolve) => {
    let text = '';
    const socket = dial(BASE + 20 + at, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('close', () => resolve(undefined));
    socket.on('data', (chunk) => {
      text += chunk;
      const found = /"id":"demo".*?"(result|error)":(\{.*\})\}/.exec(text);
      if (found === null) return;
      resolve({ kind: found[1], code: /"string_code":"(\w+)"/.exec(found[2])?.[1] });
      socket.destroy();
    });
    socket.write(frameOf({ jsonrpc: '2.0', id: 'demo', method, params }));
  });
}

const AGAIN = new Set([
  'BUSY',
  'JOURNAL_UNAVAILABLE',
  'CHANNEL_UNAVAILABLE',
  'TRANSACTION_ACTIVE',
  'OUTCOME_UNKNOWN',
]);
const told = new Map();
let isOver = false;
async function till(at) {
  for (let number = 1; !isOver; number += 1) {
    const receipt = `${at}-${number}`;
    const params = { receipt_id: receipt, sequence_id: 1, amount: 1250, currency: 'EUR' };
    for (let method = 'Purchase'; ; ) {
      const answer = await ask(at, method, params);
      if (answer?.kind === 'result') told.set(receipt, 'charged');
      else if (answer !== undefined && !AGAIN.has(answer.code)) told.set(receipt, 'not charged');
      if (told.has(receipt)) break;
      if (answer === undefined) method = 'Check'; // it may be charged: only asking tells
      await sleep(200);
    }
  }
}

const all = Promise.all([till(0), till(1)]);
while (told.size === 0) await sleep(100);
const names = [...parts.keys()];
for (let second = 1; second <= seconds; second += 1) {
  let event = '';
  if (second % 12 === 3) {
    const name = names[Math.floor(Math.random() * names.length)];
    parts.get(name)?.kill('SIGKILL');
    event = `${name} is killed`;
  }
  await sleep(1000);
  const charged = [...told.values()].filter((outcome) => outcome === 'charged').length;
  console.log(
    `${String(second).padStart(3)} s  ${String(told.size).padStart(4)} sales told, ${charged} charged  ${event}`,
  );
}
isOver = true;
await all;

const store = await buckets.open('demo-sales');
let charged = 0;
let lies = 0;
for await (const key of await store.keys()) {
  const sale = (await store.get(key))?.json();
  const receipt = Buffer.from(key.split('.')[0], 'base64url').toString();
  const isCharged = sale?.outcome?.result !== undefined;
  if (isCharged) charged += 1;
  if (isCharged !== (told.get(receipt) === 'charged')) lies += 1;
}
console.log(
  `${charged} charged by the applications; ${lies === 0 ? 'the sums agree' : `${lies} SALES DO NOT AGREE`}`,
);
await nats.close();
isEnding = true;
for (const child of parts.values()) child.kill('SIGKILL');
rmSync(folder, { recursive: true, force: true });
process.exit(lies === 0 ? 0 : 1);
