// biome-ignore-all format: short, to be read at one glance
// Puts one application that listens on a socket behind NATS: nats-adapter.mjs SERVERS PREFIX SOCKET. Only one: others would not know its sales.
import { connect as dial } from 'node:net';
import { createInterface } from 'node:readline';
import { connect, createInbox } from '@nats-io/transport-node';

const [servers = '127.0.0.1:4222', prefix = 'shop1', path = '/run/pay.sock'] = process.argv.slice(2);
const nats = await connect({ servers: servers.split(','), maxReconnectAttempts: -1 });
const application = dial({ path }).on('error', () => process.exit(111)).on('close', () => process.exit(111));
const token = (name) => encodeURIComponent(name).replace(/[.!~*'()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const replies = new Map(); // reply subjects by id
const take = (_, message) => {
  if (message.reply) replies.set(message.json().id, message.reply);
  application.write(`${message.string().trim()}\n`);
};
for (const channel of ['ui', 'payment', 'storage', 'device']) nats.subscribe(`${prefix}.${channel}.>`, { queue: 'applications', callback: take });
nats.subscribe(`${prefix}.event`, { callback: take });
const inbox = createInbox();
nats.subscribe(inbox, { callback: (_, message) => application.write(`${message.string().trim()}\n`) });
createInterface({ input: application }).on('line', (text) => {
  const line = JSON.parse(text);
  const to = line.method ? `${prefix}.to.${token(line.connection)}` : replies.get(line.id);
  // It alone has the store, and has written down what it does not find.
  if (line.error?.data?.string_code === 'TRANSACTION_NOT_FOUND') line.error.data.recorded = true;
  if (!line.method) replies.delete(line.id);
  if (to) nats.publish(to, JSON.stringify(line), line.id && line.method ? { reply: inbox } : {});
});
