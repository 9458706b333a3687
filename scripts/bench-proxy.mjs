// What the network proxy does on slow and fast links: three downloads of 1 MB at once through the register's network,
// with keepalives, small requests and a purchase beside them.
//
//     npm run bench:proxy [-- BYTES_PER_S|off …]      default: 10240 100000 1000000 off
//
// Everything is real and on the loopback: register ── relay with the link's rate ── posbridge serve ── posbridge
// terminal. Prints a table in Markdown, and the same as JSON lines.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';

const PROGRAM = path.join(import.meta.dirname, '../bin/posbridge.js');
const { PosClient, JsonposDecoder } = await import('../dist/index.js').catch(() => {
  console.error('bench: build first (npm run build); then npm run bench:proxy [-- BYTES_PER_S|off …]');
  process.exit(100);
});
const SPEEDS = process.argv.length > 2 ? process.argv.slice(2) : ['10240', '100000', '1000000', 'off'];
const FILE = randomBytes(1_048_576);
const PARALLEL = 3;
const PURCHASE_MS = 300;
/** Of the relay; 10 ms of the link, at least a few frames' heads. */
const STEP_MS = 5;
const BUFFER_S = 0.01;
const MIN_BUFFER = 512;

const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-bench-'));
const children = [];
const server = createHttpServer((_, response) =>
  response.writeHead(200, { 'content-length': FILE.length }).end(FILE),
);
await listen(server);
const hash = createHash('sha256').update(FILE).digest('hex');
const url = `http://127.0.0.1:${server.address().port}/file#sha256=${hash}`;

try {
  const rows = [];
  for (const speed of SPEEDS) {
    const row = await measure(speed);
    rows.push(row);
    console.log(JSON.stringify(row));
  }
  console.log(`\n${process.version}, ${cpus().length} × ${cpus()[0]?.model}\n`);
  printTable(rows);
} finally {
  for (const child of children) child.kill('SIGKILL');
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
}

async function measure(speed) {
  const isLimited = speed !== 'off';
  const socketPath = path.join(folder, `${speed}.sock`);
  const told = isLimited ? ['--terminal-link-speed', speed] : [];
  await start([
    'terminal',
    '--listen',
    `unix:${socketPath}`,
    '--download-url',
    url,
    '--delay',
    `${PURCHASE_MS}`,
    ...told,
  ]);
  const words = await start([
    ...['serve', '--listen', 'tcp:127.0.0.1:0', '--app', `unix:${socketPath}`, '--lock', 'none'],
    ...['--timeout', 'Test=3600', '--keepalive', '0.5,0.5,60', ...(isLimited ? ['--link-speed', speed] : [])],
  ]);
  const port = Number(/listening on=\S+:(\d+)/.exec(words)?.[1]);
  const keepalives = new Map();
  const fromTerminal = [];
  const relay = await openRelay(port, isLimited ? Number(speed) : Number.POSITIVE_INFINITY, {
    leaves: ({ id, method }) => method === '_Keepalive' && keepalives.set(id, performance.now()),
    arrives: ({ id, method }) => {
      const askedMs = method === undefined ? keepalives.get(id) : undefined;
      if (askedMs !== undefined) fromTerminal.push(performance.now() - askedMs);
    },
  });

  const client = await PosClient.open({
    to: `tcp:127.0.0.1:${relay.port}`,
    store: path.join(folder, `store-${speed}`),
    keepalive: { idleMs: 30_000, busyMs: 30_000, limitMs: 60_000 },
  });
  await new Promise((resolve, reject) => {
    const onEvent = (event) => (event.kind === 'started' ? resolve() : reject(event.error));
    const linkSpeed = isLimited ? undefined : Number.POSITIVE_INFINITY;
    void client.offerNetwork({ allow: ['127.0.0.1:*'], onEvent, linkSpeed });
    client.connect().catch(reject);
  });
  const idlePurchaseMs = await timed(() => client.purchase({ amountMinor: 1200, currency: 'EUR' }));

  const wireBefore = relay.passed;
  const startedMs = performance.now();
  let left = PARALLEL;
  const durations = Array.from({ length: PARALLEL }, async () => {
    const ms = await timed(() =>
      client.call('Test', { test_id: 'large_file_download' }, { timeoutMs: 3_600_000 }),
    );
    left -= 1;
    return ms;
  });
  let seconds = 0;
  let wireBytes = 0;
  const isOver = Promise.all(durations).then((each) => {
    seconds = (performance.now() - startedMs) / 1000;
    wireBytes = relay.passed - wireBefore;
    return each;
  });
  const [toTerminal, small] = [[], []];
  let purchaseMs;
  while (left > 0) {
    toTerminal.push(await client.ping());
    small.push(await timed(() => client.call('Status')));
    // One purchase, when things are in full swing.
    if (purchaseMs === undefined && (isLimited ? toTerminal.length === 10 : toTerminal.length === 2)) {
      purchaseMs = await timed(() => client.purchase({ amountMinor: 1200, currency: 'EUR' }));
    }
    await Promise.race([isOver, new Promise((resolve) => setTimeout(resolve, isLimited ? 200 : 5))]);
  }
  const each = await isOver;
  const payload = PARALLEL * FILE.length;
  await client.close();
  relay.close();
  return {
    speed,
    seconds: round(seconds),
    payloadPerS: Math.round(payload / seconds),
    share: isLimited ? round((100 * payload) / seconds / Number(speed)) : undefined,
    wirePerPayload: round(wireBytes / payload, 2),
    keepaliveToTerminalMs: summary(toTerminal),
    keepaliveFromTerminalMs: summary(fromTerminal),
    statusMs: summary(small),
    spreadPercent: round((100 * (Math.max(...each) - Math.min(...each))) / Math.max(...each)),
    purchaseMs: Math.round(purchaseMs ?? Number.NaN),
    idlePurchaseMs: Math.round(idlePurchaseMs),
  };
}

function printTable(rows) {
  const cell = ({ median, p95, max, count }) => `${median} / ${p95} / ${max} (${count})`;
  const lines = [
    ['link, bytes/s', (row) => row.speed],
    ['all three, s', (row) => row.seconds],
    ['payload, bytes/s', (row) => row.payloadPerS],
    ['share of the link, %', (row) => row.share ?? '–'],
    ['bytes toward the terminal a byte of payload', (row) => row.wirePerPayload],
    [
      'keepalive of the register, ms: median / p95 / max (how many)',
      (row) => cell(row.keepaliveToTerminalMs),
    ],
    ['keepalive of the terminal, ms', (row) => cell(row.keepaliveFromTerminalMs)],
    ['`Status`, ms', (row) => cell(row.statusMs)],
    ['spread of the three, %', (row) => row.spreadPercent],
    ['purchase meanwhile, ms (without downloads)', (row) => `${row.purchaseMs} (${row.idlePurchaseMs})`],
  ];
  for (const [index, [name, read]] of lines.entries()) {
    console.log(`| ${name} | ${rows.map(read).join(' | ')} |`);
    if (index === 0) console.log(`|${'---|'.repeat(rows.length + 1)}`);
  }
}

function summary(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN);
  return { median: at(0.5), p95: at(0.95), max: at(1), count: sorted.length };
}

function round(value, digits = 1) {
  return Number(value.toFixed(digits));
}

async function timed(run) {
  const startedMs = performance.now();
  await run();
  return performance.now() - startedMs;
}

/**
 * Joins one connection with the bridge, each direction at the link's rate; both see the frames at the terminal's side.
 */
async function openRelay(port, bytesPerS, { leaves, arrives }) {
  const relay = { port: 0, passed: 0, close: () => {} };
  const listener = createServer((register) => {
    const bridge = connect(port, '127.0.0.1');
    for (const socket of [register, bridge]) socket.setNoDelay(true).on('error', () => {});
    const watch = (seen) => {
      const decoder = new JsonposDecoder({ maxFrameBytes: 262_134 });
      const sink = { frame: (text) => seen(JSON.parse(text.toString())), rejected: () => {} };
      return (bytes) => decoder.push(Buffer.from(bytes), sink);
    };
    const [onLeave, onArrive] = [watch(leaves), watch(arrives)];
    join(register, bridge, bytesPerS, (piece) => {
      relay.passed += piece.length;
      onArrive(piece);
    });
    bridge.on('data', onLeave);
    join(bridge, register, bytesPerS, () => {});
    register.on('close', () => bridge.destroy());
    bridge.on('close', () => register.destroy());
  });
  await listen(listener);
  relay.port = listener.address().port;
  relay.close = () => listener.close();
  return relay;
}

function join(from, to, bytesPerS, passed) {
  if (!Number.isFinite(bytesPerS)) {
    from.on('data', (bytes) => {
      passed(bytes);
      if (!to.write(bytes)) from.pause();
    });
    to.on('drain', () => from.resume());
    return;
  }
  const limit = Math.max(MIN_BUFFER, bytesPerS * BUFFER_S);
  const queue = [];
  let queued = 0;
  let allowance = 0;
  let filledMs = performance.now();
  from.on('data', (bytes) => {
    queue.push(bytes);
    queued += bytes.length;
    if (queued > limit) from.pause();
  });
  const timer = setInterval(() => {
    const nowMs = performance.now();
    // A link goes on while this process is held up: what it carried meanwhile is passed on all the same.
    allowance = Math.min(bytesPerS, allowance + ((nowMs - filledMs) * bytesPerS) / 1000);
    filledMs = nowMs;
    while (queue.length > 0 && allowance >= 1) {
      const piece = queue[0].subarray(0, Math.floor(allowance));
      queue[0] = queue[0].subarray(piece.length);
      if (queue[0].length === 0) queue.shift();
      allowance -= piece.length;
      queued -= piece.length;
      passed(piece);
      to.write(piece);
    }
    if (queued <= limit) from.resume();
  }, STEP_MS);
  from.on('close', () => clearInterval(timer));
}

function listen(what) {
  return new Promise((resolve) => what.listen(0, '127.0.0.1', resolve));
}

/** Resolves with what it says when it is ready. */
function start(args) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    child.stderr.on('data', (bytes) => {
      text += bytes;
      if (text.includes('listening')) resolve(text);
    });
    child.on('exit', () => reject(new Error(`posbridge ${args[0]}: ${text}`)));
  });
}
