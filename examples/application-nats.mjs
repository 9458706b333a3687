// biome-ignore-all format: short, to be read at one glance
// A payment application of which any number share the work: application-nats.mjs SERVERS PREFIX [REPLICAS]. It decides after DELAY seconds.
// All of them have one store, a bucket on the same cluster: whatever one says of a sale holds for all.
import { randomUUID } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect } from '@nats-io/transport-node';

const [servers = '127.0.0.1:4222', prefix = 'shop1', replicas = '1'] = process.argv.slice(2);
const delayMs = 1000 * (process.env.DELAY ?? 2);
const me = randomUUID();
const nats = await connect({ servers: servers.split(','), maxReconnectAttempts: -1, reconnectTimeWait: 100 });
const buckets = new Kvm(jetstream(nats, { timeout: 4000 }));
const common = { replicas: Number(replicas), allow_direct: false, history: 1 };
const sales = await buckets.create(`${prefix}-sales`, common);
const members = await buckets.create(`${prefix}-members`, { ...common, ttl: 5000 });
const alive = () => members.put(me, '').catch(() => {});
await alive();
setInterval(alive, 1000);

const error = (code, text, more = {}) => ({ error: { code: 1, message: text, data: { string_code: code, details: text, ...more } } });
const recorded = { recorded: true };
const text = (value) => (value === undefined || value === null ? '' : String(value));
const whole = ({ receipt_id, sequence_id }) => `${Buffer.from(text(receipt_id)).toString('base64url')}.${Buffer.from(text(sequence_id)).toString('base64url') || '-'}`;
const read = async (key) => {
  const entry = await sales.get(key);
  return entry === null || entry.operation !== 'PUT' ? undefined : { ...entry.json(), revision: entry.revision };
};

const undone = error('TRANSACTION_INTERRUPTED', 'the application was cut off before it charged', { outcome: 'not-charged' });

/** Of all who begin, end or deny the same sale exactly one wins; the others say what that one has written. */
async function purchase(method, params) {
  const [key, mine] = [whole(params), randomUUID()];
  const isBegun = await sales.create(key, JSON.stringify({ by: me, mine })).then(() => true, () => false);
  if (!isBegun) return end(key, mine, undone);
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  const { receipt_id, sequence_id, amount, currency } = params;
  const declined = text(amount).endsWith('99');
  const outcome = declined
    ? error('DECLINED', 'the issuer says no', { outcome: 'not-charged' })
    : { result: { receipt_id, sequence_id, amount, currency, card_number: '************0008', method, member: me } };
  return end(key, mine, outcome); // this is the charge
}

/** Ends what this process has begun, or has perhaps begun: while it lives nobody else does, so it tries until the store answers. */
async function end(key, mine, outcome) {
  for (;;) {
    try {
      const sale = await read(key);
      if (sale === undefined) await sales.create(key, JSON.stringify({ mine, outcome }));
      else if (sale.mine !== mine) return error('DUPLICATE_TRANSACTION', 'these identifiers were used');
      else if (sale.outcome !== undefined) return sale.outcome;
      else await sales.put(key, JSON.stringify({ mine, outcome }), { previousSeq: sale.revision });
    } catch { // it may have been written all the same
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function check(params) {
  const key = whole(params);
  const sale = await read(key);
  if (sale?.outcome !== undefined) return sale.outcome;
  const absent = error('TRANSACTION_NOT_FOUND', 'no such sale, and there will be none', recorded);
  if (sale === undefined) {
    await sales.create(key, JSON.stringify({ outcome: absent }));
    return absent;
  }
  const member = await members.get(sale.by);
  if (member !== null && member.operation === 'PUT') return error('TRANSACTION_ACTIVE', 'still running');
  await sales.put(key, JSON.stringify({ ...sale, outcome: undone }), { previousSeq: sale.revision });
  return undone;
}

async function answer({ method, params = {} }) {
  try {
    if (method === 'Purchase' || method === 'Refund') return await purchase(method, params);
    if (method === 'Check') return await check(params);
    if (method === 'Status') return { result: { ready_for_transaction: true } };
    return error('JSONRPC_METHOD_NOT_FOUND', method);
  } catch (fault) { // the store does not answer, or somebody else has written: the next question tells
    return error('OUTCOME_UNKNOWN', String(fault.message));
  }
}
for (const channel of ['ui', 'payment', 'storage', 'device']) {
  nats.subscribe(`${prefix}.${channel}.>`, {
    queue: 'applications',
    callback: (_, message) => {
      const { id, ...request } = message.json();
      void answer(request).then((said) => message.reply && message.respond(JSON.stringify({ jsonrpc: '2.0', id, ...said })));
    },
  });
}
await nats.flush();
console.log(`ready: ${prefix} on ${servers}`);
