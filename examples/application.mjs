// biome-ignore-all format: forty lines, to be read at one glance
// A payment application: application.mjs SOCKET, then posbridge --app unix:SOCKET. Approves after DELAY seconds.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

const [place, store] = [process.argv[2], `${process.argv[2]}.outcomes`];
const [running, outcomes] = [new Set(), new Map(existsSync(store) ? JSON.parse(readFileSync(store, 'utf8')) : [])];
const error = (name, why, code = 1) => ({ error: { code, message: why, data: { string_code: name, details: why } } });
function keep(key, outcome) {
  writeFileSync(`${store}.new`, JSON.stringify([...outcomes, [key, outcome]]), { flush: true });
  renameSync(`${store}.new`, store); // on disk before anybody hears of it
  return outcomes.set(key, outcome).get(key);
}
async function answer(method, { receipt_id, sequence_id, amount, currency } = {}) {
  if (method === 'Status') return { result: { ready_for_transaction: running.size === 0 } };
  if (method !== 'Purchase' && method !== 'Check') return error('JSONRPC_METHOD_NOT_FOUND', 'no such method', -32601);
  const isPayable = method === 'Check' || (Number.isSafeInteger(amount) && amount > 0);
  if (receipt_id == null || sequence_id == null || !isPayable)
    return error('JSONRPC_INVALID_PARAMS', 'receipt_id, sequence_id or amount is missing or wrong', -32602);
  const key = JSON.stringify([`${receipt_id}`, `${sequence_id}`]);
  const known = running.has(key) ? error('TRANSACTION_ACTIVE', 'still running') : outcomes.get(key);
  if (method === 'Check') return known ?? keep(key, error('TRANSACTION_NOT_FOUND', 'no such transaction'));
  if (known) return error('DUPLICATE_TRANSACTION', 'these identifiers were used before');
  running.add(key);
  await new Promise((done) => setTimeout(done, 1000 * (process.env.DELAY ?? 2))); // the card and the bank
  keep(key, { result: { amount, currency, authorization_code: '123456' } }); // charged from here on
  return running.delete(key) && outcomes.get(key);
}
async function receive(line, socket) {
  const { connection, jsonrpc, id, method, params } = JSON.parse(line);
  if (id && method) socket.write(`${JSON.stringify({ connection, jsonrpc, id, ...(await answer(method, params)) })}\n`);
}
rmSync(place, { force: true });
createServer((socket, rest = '') => {
  socket.setEncoding('utf8').on('error', console.error).on('data', (text) => { // not readline: it splits at U+2028 too
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) receive(line, socket).catch(console.error); // skips what it cannot read
  });
}).listen(place);
