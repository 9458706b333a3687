// FAST, channel payment: card and cardholder. It decides nothing about money: that is HAP's. fast.mjs SOCKET HAP-SOCKET
import { ask, error, keyOf, serve } from './module.mjs';

const [, , place, hap] = process.argv;
const CARD_MS = 1000 * (process.env.DELAY ?? 2);
const running = new Map(); // by identifiers: how it is aborted

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** HAP's word counts, and it keeps it: so it is asked until it answers, however often it restarts. */
async function insist(method, params) {
  for (;;) {
    try {
      return await ask(hap, method, params);
    } catch (fault) {
      console.error(`${fault.message}; asking again`);
      await pause(500);
    }
  }
}

async function pay(method, params) {
  const key = keyOf(params);
  if (running.size > 0) return error('BUSY', 'another transaction is running');
  let end;
  const aborted = new Promise((resolve) => {
    end = resolve;
  });
  running.set(key, () => end(true));
  try {
    const begun = await ask(hap, 'hap.Begin', { ...params, method }).catch(() => undefined);
    if (begun === undefined)
      return error('CHANNEL_UNAVAILABLE', 'the acquirer module is not there; nothing is charged');
    if (begun.error !== undefined) return begun;
    tell('PosMessage', { message: 'PRESENT CARD' });
    const isAborted = await Promise.race([aborted, pause(CARD_MS).then(() => false)]);
    // From here on only HAP's answer ends it.
    return await insist('hap.Decide', { ...params, method, isAborted });
  } finally {
    running.delete(key);
  }
}

const tell = serve(place, (method, params) => {
  if (method === 'Purchase' || method === 'Refund') return pay(method, params);
  if (method === 'Check') {
    // What does not run here any more was cut off, unless HAP has decided it.
    return running.has(keyOf(params))
      ? error('TRANSACTION_ACTIVE', 'still running')
      : insist('hap.End', params);
  }
  if (method !== 'Abort') return undefined;
  const meant = params.receipt_id == null ? [...running.values()] : [running.get(keyOf(params))];
  for (const abort of meant) abort?.();
  return meant.some(Boolean) ? { result: {} } : error('NOTHING_TO_ABORT', 'no such transaction is running');
});
