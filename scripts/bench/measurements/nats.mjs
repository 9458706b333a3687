import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect } from '@nats-io/transport-node';
import { Asker } from '../asker.mjs';
import { interleave } from '../interleave.mjs';
import { frameOf } from '../messages.mjs';
import { quietPosbridge, startOnPipes } from '../processes.mjs';

const WARM_UP = 20;
const PARAMS = { text: 'x'.repeat(200) };
/** About what a record of the journal takes. */
const RECORD = Buffer.from('x'.repeat(300));

/**
 * A routed request over NATS against a bare request, and durable purchases against bare writes to a bucket: on one
 * server, and on three. Nothing where there is no nats-server.
 */
export async function measure({ isQuick, folder }) {
  if (spawnSync('nats-server', ['--version']).error !== undefined) return [];
  const count = isQuick ? 100 : 500;
  const rounds = isQuick ? 3 : 7;
  const rows = [];
  for (const servers of [1, 3]) {
    const cluster = await startCluster(servers, path.join(folder, `nats${servers}`));
    const nats = await connect({ servers: cluster.hosts.split(',') });
    answerAll(nats);
    const app = ['--app', `nats://${cluster.hosts}/bench`, '--keepalive', 'off'];
    const journal = ['--journal', `nats://${cluster.hosts}/bench`, '--allow-single', '--register', 'till'];
    const bucket = await new Kvm(jetstream(nats)).create('bare', { replicas: servers });
    let runs = 0;
    const name = servers === 1 ? 'one server' : 'three replicas';
    if (servers === 1) {
      const { roundTrip } = await interleave(
        {
          posbridge: () => ask([...app, '--lock', 'none'], 'Status', () => PARAMS, count, folder),
          'a bare request': () => bareRequests(cluster.hosts, count),
        },
        { rounds },
      );
      rows.push({
        title: 'routed request over NATS',
        unit: 'µs',
        subject: 'posbridge',
        reference: 'a bare request',
        results: roundTrip,
      });
    }
    const sale = (run) => (turn) => ({ receipt_id: `${run}-${turn}`, amount: 1250, currency: 'EUR' });
    const { perSecond } = await interleave(
      {
        'posbridge --journal nats:': () => {
          runs += 1;
          return ask([...app, ...journal], 'Purchase', sale(`${process.pid}-${runs}`), count, folder);
        },
        'bare writes to a bucket': () => bareWrites(bucket, count),
      },
      { rounds },
    );
    rows.push({
      title: `durable purchases on NATS, ${name}`,
      unit: '/s',
      subject: 'posbridge --journal nats:',
      reference: 'bare writes to a bucket',
      results: perSecond,
    });
    await nats.close();
    cluster.stop();
  }
  return rows;
}

/** Through a bridge on pipes, one request after the other. */
async function ask(args, method, paramsOf, count, folder) {
  const running = await startOnPipes(quietPosbridge(...args), folder);
  const asker = new Asker(running);
  let startMs = 0;
  for (let turn = -WARM_UP; turn < count; turn += 1) {
    if (turn === 0) startMs = performance.now();
    const id = `pos-1-${turn}`;
    await asker.ask(frameOf({ jsonrpc: '2.0', id, method, params: paramsOf(turn) }), 1);
  }
  const elapsedMs = performance.now() - startMs;
  running.input.end();
  await running.child.exited;
  return { perSecond: (count * 1000) / elapsedMs, roundTrip: (elapsedMs * 1000) / count };
}

function answerAll(nats) {
  nats.subscribe('bench.>', {
    queue: 'applications',
    callback: (_, message) => {
      if (message.reply === '') return;
      const { id, params } = message.json();
      message.respond(JSON.stringify({ jsonrpc: '2.0', id, result: params }));
    },
  });
}

async function bareRequests(hosts, count) {
  const nats = await connect({ servers: hosts.split(',') });
  const line = JSON.stringify({ jsonrpc: '2.0', id: 'bare', method: 'Status', params: PARAMS });
  let startMs = 0;
  for (let turn = -WARM_UP; turn < count; turn += 1) {
    if (turn === 0) startMs = performance.now();
    await nats.request('bench.device.Status', line);
  }
  const elapsedMs = performance.now() - startMs;
  await nats.close();
  return { roundTrip: (elapsedMs * 1000) / count, perSecond: (count * 1000) / elapsedMs };
}

async function bareWrites(bucket, count) {
  const startMs = performance.now();
  for (let write = 0; write < count; write += 1) await bucket.put(`k${write}`, RECORD);
  const elapsedMs = performance.now() - startMs;
  return { perSecond: (count * 1000) / elapsedMs, roundTrip: (elapsedMs * 1000) / count };
}

async function startCluster(count, folder) {
  const ports = await freePorts(2 * count);
  const routes = ports.slice(count).map((port) => `nats://127.0.0.1:${port}`);
  const hosts = ports.slice(0, count).map((port) => `127.0.0.1:${port}`);
  const children = hosts.map((host, at) => {
    const store = path.join(folder, `n${at}`);
    mkdirSync(store, { recursive: true });
    const lines = [`server_name: n${at}`, `listen: ${host}`, `jetstream { store_dir: "${store}" }`];
    if (count > 1) {
      lines.push(
        `cluster { name: bench, listen: 127.0.0.1:${ports[count + at]}, routes: [${routes.join(', ')}] }`,
      );
    }
    writeFileSync(`${store}.conf`, lines.join('\n'));
    return spawn('nats-server', ['-c', `${store}.conf`], { stdio: 'ignore' });
  });
  const nats = await connect({ servers: hosts, maxReconnectAttempts: -1, waitOnFirstConnect: true });
  const buckets = new Kvm(jetstream(nats));
  const isReady = () =>
    buckets
      .create('ready', { replicas: count })
      .then(() => true)
      .catch(() => false);
  while (!(await isReady())) await sleep(200);
  await nats.close();
  return { hosts: hosts.join(','), stop: () => children.forEach((child) => void child.kill('SIGKILL')) };
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve) => {
          const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
