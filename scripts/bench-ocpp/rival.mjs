// What somebody writes on ocpp-rpc in an afternoon: a central system that answers, and stores the same as ours in
// SQLite or PostgreSQL.
import ocpp from 'ocpp-rpc';

const [, , place, port] = process.argv;
const { run, script } = await (place.startsWith('postgres:') ? openPostgres() : openSqlite());
const id = place.startsWith('postgres:') ? 'bigserial primary key' : 'integer primary key autoincrement';
await script(`
  create table frames (id ${id}, charge_point text, at text, direction text, text text);
  create table meter_values (id ${id}, charge_point text, connector_id integer, taken_at text, measurand text, unit text,
    value text);
  create table transactions (id ${id}, charge_point text, connector_id integer, id_tag text, meter_start integer,
    started_at text, meter_stop integer, stopped_at text)`);
const frame = (...values) => run('frames', ['charge_point', 'at', 'direction', 'text'], values);
const meter = (...values) =>
  run('meter_values', ['charge_point', 'connector_id', 'taken_at', 'measurand', 'unit', 'value'], values);
const start = (...values) =>
  run('transactions', ['charge_point', 'connector_id', 'id_tag', 'meter_start', 'started_at'], values);

async function openSqlite() {
  const { default: Database } = await import('libsql');
  const db = new Database(place);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  const prepared = new Map();
  const statement = (table, columns) => {
    const text = `insert into ${table} (${columns}) values (${columns.map(() => '?')})`;
    if (!prepared.has(text)) prepared.set(text, db.prepare(text));
    return prepared.get(text);
  };
  return {
    script: (text) => db.exec(text),
    run: (table, columns, values) => Number(statement(table, columns).run(values).lastInsertRowid),
  };
}

async function openPostgres() {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: place });
  return {
    script: (text) => pool.query(text),
    run: async (table, columns, values) => {
      const text = `insert into ${table} (${columns}) values (${columns.map((_, at) => `$${at + 1}`)}) returning id`;
      return Number((await pool.query({ name: table, text, values })).rows[0].id);
    },
  };
}

const now = () => new Date().toISOString();
const server = new ocpp.RPCServer({ protocols: ['ocpp1.6'], strictMode: true });
server.auth((accept) => accept(undefined, 'ocpp1.6'));
server.on('client', (client) => {
  const { identity } = client;
  client.on('message', ({ message, outbound }) =>
    frame(identity, now(), outbound ? 'out' : 'in', String(message)),
  );
  client.handle('BootNotification', () => ({ status: 'Accepted', currentTime: now(), interval: 300 }));
  client.handle('Heartbeat', () => ({ currentTime: now() }));
  client.handle('Authorize', () => ({ idTagInfo: { status: 'Accepted' } }));
  client.handle('StartTransaction', async ({ params }) => {
    const { connectorId, idTag, meterStart, timestamp } = params;
    const transactionId = await start(identity, connectorId, idTag, meterStart, timestamp);
    return { transactionId, idTagInfo: { status: 'Accepted' } };
  });
  client.handle('MeterValues', async ({ params }) => {
    for (const { timestamp, sampledValue } of params.meterValue)
      for (const { measurand = 'Energy.Active.Import.Register', unit = 'Wh', value } of sampledValue)
        await meter(identity, params.connectorId, timestamp, measurand, unit, value);
    return {};
  });
});
await server.listen(Number(port), '127.0.0.1');
console.log('listening');
