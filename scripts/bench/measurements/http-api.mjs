import { connect } from 'node:net';
import path from 'node:path';
import { interleave } from '../interleave.mjs';
import { contestant, posbridge, start } from '../processes.mjs';
import { quantile } from '../statistics.mjs';

/** Callers at a time, each on a connection of its own. */
const CALLERS = 16;
const TERMINAL = 'posbridge serve';

/** Reading a sale next to a server that only answers from memory; what the API adds to a purchase. */
export async function measure({ isQuick, folder }) {
  const terminal = start(
    posbridge('serve', '--listen', 'tcp:127.0.0.1:0', '--app', 'simulator:?delay=1', '--lock', 'none'),
    ['ignore', 'ignore', 'pipe'],
  );
  const place = await said(terminal.stderr, /listening on=(tcp:\S+)/, TERMINAL);
  const args = ['--listen', 'tcp:127.0.0.1:0', '--terminal', `counter=${place}`, '--rate-limit', 'off'];
  const api = start(posbridge('api', ...args, '--store', path.join(folder, 'api')), [
    'ignore',
    'ignore',
    'pipe',
  ]);
  const url = await said(api.stderr, /listening on=(http:\S+)/, 'posbridge api');
  const sale = await purchase(url, 'first');
  const bare = start(contestant('bare-fastify.mjs', JSON.stringify(sale)), ['ignore', 'pipe', 'inherit']);
  const bareUrl = await said(bare.stdout, /(http:\S+)/, 'Fastify');

  const reads = isQuick ? 2000 : 20_000;
  const rounds = isQuick ? 3 : 9;
  const reading = (at) => async () => ({ perSecond: await readMany(at, `/v1/sales/${sale.id}`, reads) });
  const read = await interleave({ 'posbridge api': reading(url), Fastify: reading(bareUrl) }, { rounds });

  const { PosClient } = await import(path.join(import.meta.dirname, '../../../dist/index.js'));
  const client = await PosClient.open({ to: place, store: path.join(folder, 'alone') });
  const sales = isQuick ? 30 : 200;
  let key = 0;
  const paid = await interleave(
    {
      api: () => medianOf(sales, () => purchase(url, `key-${key++}`)),
      alone: () => medianOf(sales, () => client.purchase({ amountMinor: 1230, currency: 'EUR' })),
    },
    { rounds },
  );
  await client.close();
  for (const child of [api, bare, terminal]) child.kill('SIGTERM');
  await Promise.all([api.exited, bare.exited, terminal.exited]);
  const added = paid.medianMs.api.map((ms, round) => ms - paid.medianMs.alone[round]);
  return [
    {
      title: `GET /v1/sales/{id}, ${CALLERS} callers`,
      unit: '/s',
      subject: 'posbridge api',
      reference: 'Fastify',
      goal: { atLeast: 0.7 },
      results: read.perSecond,
    },
    {
      title: 'what the API adds to a purchase, median',
      unit: 'ms',
      subject: 'posbridge api',
      reference: 'allowed',
      goal: { atMost: 1 },
      results: {
        'posbridge api': added,
        allowed: [5],
        'PosClient alone, whole purchase': paid.medianMs.alone,
      },
    },
  ];
}

/** What a process says when it is ready. */
function said(stream, pattern, who) {
  return new Promise((resolve, reject) => {
    let text = '';
    stream.on('data', (chunk) => {
      text += chunk;
      const [, found] = pattern.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    stream.once('close', () => reject(new Error(`${who} has ended: ${text}`)));
  });
}

async function purchase(url, key) {
  const response = await fetch(`${url}/v1/terminals/counter/purchases`, {
    method: 'POST',
    headers: { 'Idempotency-Key': key, 'Content-Type': 'application/json', Prefer: 'wait=60' },
    body: '{"amount":"12.30","currency":"EUR"}',
  });
  const sale = await response.json();
  if (sale.state !== 'approved') throw new Error(`the purchase is not approved: ${JSON.stringify(sale)}`);
  return sale;
}

async function medianOf(count, work) {
  const times = [];
  for (let turn = 0; turn < count; turn += 1) {
    const startMs = performance.now();
    await work();
    times.push(performance.now() - startMs);
  }
  return { medianMs: quantile(times, 0.5) };
}

/** Requests a second. The caller is bare sockets: a client of HTTP costs more than a server. */
async function readMany(url, where, count) {
  const { hostname, port, host } = new URL(url);
  const request = `GET ${where} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  let left = count;
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: CALLERS }, () => {
      const socket = connect(Number(port), hostname);
      return new Promise((resolve, reject) => {
        let text = '';
        const ask = () => {
          left -= 1;
          if (left < 0) socket.end(resolve);
          else socket.write(request);
        };
        socket.setEncoding('latin1');
        socket.once('error', reject);
        socket.on('data', (chunk) => {
          text += chunk;
          const end = text.indexOf('\r\n\r\n');
          if (end === -1) return;
          if (!text.startsWith('HTTP/1.1 200')) reject(new Error(text.slice(0, 200)));
          const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
          if (text.length < end + 4 + length) return;
          text = '';
          ask();
        });
        ask();
      });
    }),
  );
  return (count * 1000) / (performance.now() - startMs);
}
