// A payment application, as a process of its own with a record of its own. It keeps its duties, or lies as far as
// nobody needs to believe it (lies.mjs).
//
//     payment-application.mjs SOCKET RECORD [SETTINGS]
//
// RECORD has a JSON object a line, each on the disk before anything is said about it: {"key","what","atMs"} where
// `what` is begun, charged, declined, cancelled (its own death cut it off, or an Abort) or promised (Check was told
// TRANSACTION_NOT_FOUND). It is the truth about the money. SETTINGS, a JSON object, also come as messages of the
// parent, which is told every step.
import { existsSync, fdatasyncSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { garbled, Lies } from './lies.mjs';

const [socketPath, recordPath, firstSettings = '{}'] = process.argv.slice(2);

const settings = {
  /** From reading a Purchase to charging. */
  delayMs: 0,
  /** Stops every Purchase at this step (read, begun, charged, answered) until `go`. */
  haltAt: undefined,
  /** Whether sockets that connect from now on are read; else each waits for `resume` with its number. */
  reads: true,
  /**
   * `once`; `twice`: afterwards also a decline; `astray`: before that a decline for another connection; `unreadable`:
   * rubbish instead.
   */
  answers: 'once',
  /** Bytes of text in a result, as receipts have it. */
  padBytes: 0,
  /** A seed: it lies. */
  lies: undefined,
  /** So many lives it has had before. */
  life: 0,
  ...JSON.parse(firstSettings),
};

/** By key: what Check is told, as JSON text. */
const outcomes = new Map();
const promised = new Set();
/** By key: the socket that a Purchase came on. */
const running = new Map();
const lies = new Lies(settings.lies, settings.life);
const ids = [];
const sockets = [];
let halted = [];

if (existsSync(recordPath)) recall(readFileSync(recordPath, 'utf8'));
const record = openSync(recordPath, 'a', 0o600);
for (const key of running.keys()) conclude(key, 'cancelled', cancellation());
running.clear();

rmSync(socketPath, { force: true });
createServer(accept).listen(socketPath, () => tell('listening'));
process.on('message', obey);
process.on('disconnect', () => process.exit());

function obey({ set, go, resume }) {
  Object.assign(settings, set);
  if (resume !== undefined) sockets[resume]?.resume();
  if (!go) return;
  settings.haltAt = undefined;
  for (const proceed of halted) proceed();
  halted = [];
}

function accept(socket) {
  const number = sockets.push(socket) - 1;
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('error', () => {});
  socket.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) receive(line, socket);
  });
  if (!settings.reads) socket.pause();
  tell('connected', undefined, number);
}

function receive(line, socket) {
  let request;
  try {
    request = JSON.parse(line);
  } catch {
    return; // cut short
  }
  const { id, method, params = {} } = request;
  const key = `${params.receipt_id}/${params.sequence_id}`;
  if (method === 'Abort') abort(key);
  if (method === undefined || id === undefined) return;
  ids.push(id);
  if (method === 'Check') checked(socket, request, key);
  else if (method === 'Purchase') void purchase(socket, request, key);
  else {
    tell('other');
    reply(socket, request, { result: '{}' });
  }
}

function checked(socket, request, key) {
  tell('asked', key);
  const from = running.get(key);
  const lie = lies.toCheck(key, from?.readable === true && from.writable);
  if (lie.code === undefined) reply(socket, request, check(key), lie.manner);
  else reply(socket, request, error(lie.code, 'which says nothing'));
}

function check(key) {
  const outcome = outcomes.get(key);
  if (outcome !== undefined) return outcome;
  if (running.has(key)) return error('TRANSACTION_ACTIVE', 'the card is being read');
  if (!promised.has(key)) keep({ key, what: 'promised' });
  promised.add(key);
  return error('TRANSACTION_NOT_FOUND', 'no such transaction');
}

async function purchase(socket, request, key) {
  if (running.has(key) || outcomes.has(key) || promised.has(key)) {
    tell('refused', key);
    reply(socket, request, error('DUPLICATE_TRANSACTION', 'these identifiers were used before'));
    return;
  }
  running.set(key, socket);
  const lie = lies.about(key);
  await step('read', key, lie);
  keep({ key, what: 'begun' });
  await step('begun', key, lie);
  const delayMs = settings.delayMs + lie.delayMs;
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  const declined = request.params.amount % 100 === 1 ? 'DECLINED' : lie.declined;
  if (outcomes.has(key))
    tell('refused', key); // by an Abort
  else if (declined !== undefined) conclude(key, 'declined', error(declined, 'by the issuer'));
  else conclude(key, 'charged', approval(request.params));
  running.delete(key);
  await step('charged', key, lie);
  const other = { ...request, connection: 'nobody.1' };
  if (settings.answers === 'astray') reply(socket, other, error('DECLINED', 'for another connection'));
  if (settings.answers === 'unreadable') socket.write('{"jsonrpc":"2.0","result":{"amount":NaN}}\n');
  else if (lie.code === undefined) reply(socket, request, outcomes.get(key), lie.manner);
  else reply(socket, request, error(lie.code, 'which says nothing'));
  if (settings.answers === 'twice') reply(socket, request, error('DECLINED', 'a second answer'));
  await step('answered', key, lie);
}

function abort(key) {
  if (running.has(key) && !outcomes.has(key)) conclude(key, 'cancelled', error('ABORTED', 'by the register'));
}

/** Tells the parent where a Purchase is, and waits there if it wants that. */
function step(name, key, lie) {
  if (lie.diesAt === name) process.kill(process.pid, 'SIGKILL');
  const wait = settings.haltAt === name ? new Promise((resolve) => halted.push(resolve)) : undefined;
  tell(name, key);
  return wait;
}

function reply(socket, { connection, id }, { result, error }, manner = 'honest') {
  if (!socket.writable || manner === 'silent') return;
  const written = manner === 'under another id' ? (ids.at(-2) ?? 'nobody') : id;
  const head = `{"connection":${JSON.stringify(connection)},"jsonrpc":"2.0","id":${JSON.stringify(written)}`;
  const [name, text] = result === undefined ? ['error', error] : ['result', result];
  const line = `${head},"${name}":${text}}\n`;
  socket.write(garbled(line, manner));
  if (manner === 'twice') socket.write(line.replace(/,"(result|error)":.*/, `,"error":${SECOND}}`));
}

const SECOND = error('DECLINED', 'a second answer').error;

/** Text that only survives if nobody reads it and writes it anew. */
function approval({ amount, currency }) {
  const text = 'x'.repeat(settings.padBytes);
  const code = `${process.pid}-${outcomes.size}`;
  return {
    result: `{"approved":true, "rate":1.50,"big":12345678901234567890,"na\\u006de":"Käse €","amount":${amount},"currency":"${currency}","code":"${code}","receipt":"${text}"}`,
  };
}

function cancellation() {
  return error('CANCELLED', 'the terminal was restarted in mid-transaction');
}

function error(code, details) {
  return { error: JSON.stringify({ code: 1, message: details, data: { string_code: code, details } }) };
}

function conclude(key, what, answer) {
  keep({ key, what, answer });
  outcomes.set(key, answer);
}

function keep(entry) {
  writeSync(record, `${JSON.stringify({ ...entry, atMs: Date.now() })}\n`);
  fdatasyncSync(record);
}

function recall(text) {
  const lines = text.split('\n');
  const cut = lines.pop();
  for (const { key, what, answer } of lines.map((line) => JSON.parse(line))) {
    if (what === 'begun') running.set(key, undefined);
    else running.delete(key);
    if (what === 'promised') promised.add(key);
    else if (answer !== undefined) outcomes.set(key, answer);
  }
  // A line that its own death cut short says nothing.
  if (cut !== '') truncateSync(recordPath, Buffer.byteLength(text) - Buffer.byteLength(cut));
}

function tell(event, key, number) {
  if (process.connected) process.send({ event, key, number }, () => {});
}
