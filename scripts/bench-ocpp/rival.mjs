// What somebody writes on ocpp-rpc in an afternoon: a central system that answers, and stores the same as ours in SQLite.
import Database from 'libsql';
import ocpp from 'ocpp-rpc';

const [, , file, port] = process.argv;
const db = new Database(file);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(`
  create table frames (id integer primary key autoincrement, charge_point text, at text, direction text, text text);
  create table meter_values (id integer primary key autoincrement, charge_point text, connector_id integer, taken_at text,
    measurand text, unit text, value text);
  create table transactions (id integer primary key autoincrement, charge_point text, connector_id integer, id_tag text,
    meter_start integer, started_at text, meter_stop integer, stopped_at text)`);
const frame = db.prepare('insert into frames (charge_point, at, direction, text) values (?, ?, ?, ?)');
const meter = db.prepare(
  'insert into meter_values (charge_point, connector_id, taken_at, measurand, unit, value) values (?, ?, ?, ?, ?, ?)',
);
const start = db.prepare(
  'insert into transactions (charge_point, connector_id, id_tag, meter_start, started_at) values (?, ?, ?, ?, ?)',
);
const now = () => new Date().toISOString();
const server = new ocpp.RPCServer({ protocols: ['ocpp1.6'], strictMode: true });
server.auth((accept) => accept(undefined, 'ocpp1.6'));
server.on('client', (client) => {
  const { identity } = client;
  client.on('message', ({ message, outbound }) =>
    frame.run([identity, now(), outbound ? 'out' : 'in', String(message)]),
  );
  client.handle('BootNotification', () => ({ status: 'Accepted', currentTime: now(), interval: 300 }));
  client.handle('Heartbeat', () => ({ currentTime: now() }));
  client.handle('Authorize', () => ({ idTagInfo: { status: 'Accepted' } }));
  client.handle('StartTransaction', ({ params }) => {
    const { connectorId, idTag, meterStart, timestamp } = params;
    const { lastInsertRowid } = start.run([identity, connectorId, idTag, meterStart, timestamp]);
    return { transactionId: Number(lastInsertRowid), idTagInfo: { status: 'Accepted' } };
  });
  client.handle('MeterValues', ({ params }) => {
    for (const { timestamp, sampledValue } of params.meterValue)
      for (const { measurand = 'Energy.Active.Import.Register', unit = 'Wh', value } of sampledValue)
        meter.run([identity, params.connectorId, timestamp, measurand, unit, value]);
    return {};
  });
});
await server.listen(Number(port), '127.0.0.1');
console.log('listening');
