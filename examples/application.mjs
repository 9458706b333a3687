// biome-ignore-all format: short, to be read at one glance
// A payment application: application.mjs SOCKET, then posbridge --app unix:SOCKET. It decides after DELAY seconds.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';

const [place, store, delayMs] = [process.argv[2], `${process.argv[2]}.outcomes`, 1000 * (process.env.DELAY ?? 2)];
const running = new Map(); // transactions by their identifiers
const registers = new Map(); // by connection: where and who
const entries = new Map(existsSync(store) ? JSON.parse(readFileSync(store, 'utf8')) : []);
const error = (name, text, code = 1, more = {}) =>
  ({ error: { code, message: text, data: { string_code: name, details: text, ...more } } });
const refused = (name, text) => error(name, text, 1, { outcome: 'not-charged' });

/** Numbers come as they were written, `{"number": "17.0"}`: no double is so exact. */
const read = (line) => JSON.parse(line.replace(/("[^"\\]*(?:\\.[^"\\]*)*")|(-?\d[\d.eE+-]*)/g, (_, text, number) => text ?? `{"number":"${number}"}`));
/** The digits of an integer: 17, 17.0 and 1.7e1 are one. */
function whole(value) {
  const [, sign, int, part = '', power = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e(.+))?$/i.exec(value?.number ?? '') ?? [];
  const [digits, more] = [`${int}${part}`, Number(power) - part.length];
  if (int === undefined || digits.length > 256 || Math.abs(more) > 256) return undefined;
  if (more >= 0) return `${BigInt(`${sign}${digits}${'0'.repeat(more)}`)}`;
  return /^0*$/.test(digits.slice(more)) ? `${BigInt(`${sign}0${digits.slice(0, more)}`)}` : undefined;
}
/** `receipt_id` and `sequence_id` (null if missing) as one text; undefined where they name nothing. */
function identifiers(params, kind = '') {
  const name = (value) => (typeof value === 'string' ? value || undefined : whole(value));
  const [receipt, sequence] = [name(params[`${kind}receipt_id`]), params[`${kind}sequence_id`] ?? null];
  const key = [receipt, sequence === null ? null : name(sequence)];
  return key.includes(undefined) ? undefined : JSON.stringify(key);
}
const receiptOf = (key) => JSON.parse(key)[0];
const wholeReceipt = (key) => JSON.stringify([receiptOf(key), null]);
function keep(key, method, answer, undoes) { // on disk before anybody hears of it
  writeFileSync(`${store}.new`, JSON.stringify([...entries, [key, { method, answer, undoes }]]), { flush: true });
  renameSync(`${store}.new`, store);
  const folder = openSync(dirname(store), 'r');
  fsyncSync(folder);
  closeSync(folder);
  entries.set(key, { method, answer, undoes });
  return answer;
}
const isAbsent = (key) => [key, wholeReceipt(key)].some((each) => entries.get(each)?.method === 'Check'); // not found
/** Which transactions are meant; without `sequence_id` the one without, else those of the receipt. */
function find(key, among = entries) {
  if (among.has(key) || wholeReceipt(key) !== key) return among.has(key) ? [key] : [];
  return [...among.keys()].filter((each) => receiptOf(each) === receiptOf(key) && !isAbsent(each));
}
const status = () => ({ ready_for_transaction: running.size === 0, ...(running.size > 0 && { transaction_status: 'PROCESSING' }) });
function tell() { // every register
  for (const [connection, { send }] of registers) send({ connection, jsonrpc: '2.0', method: 'StatusEvent', params: status() });
}

function check(key) {
  if (find(key, running).length > 0) return error('TRANSACTION_ACTIVE', 'still running');
  const [found, another] = find(key);
  if (another) return error('OUTCOME_UNKNOWN', 'several transactions: say which by sequence_id');
  const notFound = error('TRANSACTION_NOT_FOUND', 'no such transaction');
  if (found) return entries.get(found).answer;
  return isAbsent(key) ? notFound : keep(key, 'Check', notFound);
}
function abort(params, who) { // whatever runs for this register, or what it names
  const key = params.receipt_id == null ? undefined : (identifiers(params) ?? '');
  const named = key === undefined ? [...running.keys()] : key && find(key, running);
  const mine = [...named].map((each) => running.get(each)).filter((one) => one.who === who && (params.api_key ?? one.apiKey) === one.apiKey);
  for (const one of mine) one.end();
  return mine.length > 0 ? { result: {} } : error('NOTHING_TO_ABORT', 'no such transaction of this register is running');
}
function decide(key, method, isEnded, { currency, ...params }) { // nothing is charged before `keep`
  if (isEnded) return keep(key, method, refused('ABORTED', 'the register ended it'));
  const amount = Number(whole(params.amount));
  const result = { amount, currency, response_text: 'Approved' };
  if (method !== 'Reversal') return keep(key, method, { result });
  const undone = [...entries.values()].map(({ undoes }) => undoes);
  const [original, another] = find(identifiers(params, 'original_') ?? '[]').filter((each) => { // the whole amount, once
    const { method: kind, answer } = entries.get(each);
    return kind !== 'Reversal' && !undone.includes(each) && answer.result?.amount === amount && answer.result.currency === currency;
  });
  const isClear = original !== undefined && another === undefined;
  return isClear ? keep(key, method, { result }, original) : keep(key, method, refused('REVERSAL_REFUSED', 'there is nothing to undo'));
}
async function pay(key, method, params, who) {
  if (running.has(key) || entries.has(key) || isAbsent(key)) return error('DUPLICATE_TRANSACTION', 'these identifiers were used before');
  const isEnded = await new Promise((resolve) => { // the card and the bank
    running.set(key, { who, apiKey: params.api_key, end: () => resolve(true) });
    setTimeout(resolve, delayMs, false);
    tell();
  });
  running.delete(key);
  const answer = decide(key, method, isEnded, params);
  tell();
  return answer;
}
async function answer(method, params, who) {
  if (method === 'Status') return { result: status() };
  if (method === 'Abort') return abort(params, who);
  if (!['Purchase', 'Refund', 'Reversal', 'Check'].includes(method)) return error('JSONRPC_METHOD_NOT_FOUND', 'no such method', -32601);
  const [key, amount] = [identifiers(params), Number(whole(params.amount) ?? 0)];
  if (key === undefined || (method !== 'Check' && !(amount > 0 && Number.isSafeInteger(amount))))
    return error('JSONRPC_INVALID_PARAMS', 'receipt_id, sequence_id or amount is missing or wrong', -32602);
  return method === 'Check' ? check(key) : pay(key, method, params, who);
}
async function receive(line, send) {
  const { connection, id, method, params = {} } = read(line);
  if (method === '_Connected') { // whose connection it is: by name, else by address
    registers.set(connection, { send, who: params.register ?? (/[.:]/.test(params.peer) ? params.peer : connection) });
  } else if (method === '_Disconnected') registers.delete(connection);
  else if (method === 'Abort' || (id && method)) {
    const said = await answer(method, params, registers.get(connection)?.who ?? connection);
    if (id) send({ connection, jsonrpc: '2.0', id, ...said });
  }
}
rmSync(place, { force: true });
createServer((socket, rest = '') => { // one bridge; several connections may share it
  const send = (message) => socket.writable && socket.write(`${JSON.stringify(message)}\n`);
  const forget = () => { for (const [name, register] of registers) if (register.send === send) registers.delete(name); };
  socket.setEncoding('utf8').on('error', console.error).on('close', forget).on('data', (text) => { // not readline: it splits at U+2028 too
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) receive(line, send).catch(console.error); // skips what it cannot read
  });
}).listen(place);
