import { afterEach, beforeEach, expect, test } from 'vitest';
import { OperatorScreen } from '../../../src/dialect/ocpp/screen/model.ts';
import type { OperatorAction } from '../../../src/dialect/ocpp/screen/protocol.ts';
import { ACCEPTED, CentralBench } from './kit.ts';
import { REQUESTS } from './payloads.ts';

let bench: CentralBench;
let screen: OperatorScreen;
const called: string[] = [];

beforeEach(async () => {
  bench = await new CentralBench().open();
  called.length = 0;
  screen = show();
});
afterEach(() => bench.end());

function show(): OperatorScreen {
  const made = new OperatorScreen({
    isDatabaseAway: () => bench.central.isDatabaseAway,
    call: (identity, action, payload, settle) => {
      called.push(`${identity} ${action} ${payload}`);
      settle('Accepted', true);
    },
  });
  bench.central.events = made;
  return made;
}

const reset: OperatorAction = { do: 'call', identity: 'CP001', action: 'Reset', payload: { type: 'Soft' } };

test('shows charge points, connectors and what they charge as it changes', async () => {
  const point = await bench.booted();
  expect(screen.state.points).toMatchObject([
    {
      identity: 'CP001',
      isOnline: true,
      registration: 'Accepted',
      model: 'VendorX SingleSocketCharger',
      connectors: [],
    },
  ]);
  await point.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Charging' });
  point.send('StartTransaction', REQUESTS.StartTransaction);
  (await point.nextAsked()).result(ACCEPTED);
  const meterValue = [
    {
      timestamp: '2026-02-01T21:05:00Z',
      sampledValue: [
        { value: '2.204', unit: 'kWh' },
        { value: '11000', measurand: 'Power.Active.Import', unit: 'W' },
      ],
    },
  ];
  point.send('MeterValues', { connectorId: 1, transactionId: 1, meterValue });
  (await point.nextAsked()).result({});
  const transaction = { id: 1, startedAt: '2026-02-01T21:00:00Z', energyWh: 1000, powerW: 11_000 };
  expect(screen.state.points[0]?.connectors).toEqual([
    { id: 1, status: 'Charging', errorCode: 'NoError', transaction },
  ]);
  expect(JSON.stringify(screen.state)).not.toContain('04A1B2C3D4');

  point.send('StopTransaction', { ...REQUESTS.StopTransaction, transactionId: 1 });
  (await point.nextAsked()).result({});
  expect(screen.state.points[0]?.connectors[0]?.transaction).toBeUndefined();
  point.disconnect();
  expect(screen.state.points[0]?.isOnline).toBe(false);
});

test('knows who was here before, and what runs, after a restart', async () => {
  const point = await bench.booted();
  await point.call('StatusNotification', REQUESTS.StatusNotification);
  point.send('StartTransaction', REQUESTS.StartTransaction);
  (await point.nextAsked()).result(ACCEPTED);
  await bench.close();
  await bench.open();
  screen = show();
  await screen.load(bench.central.database);
  expect(screen.state.points).toMatchObject([
    {
      identity: 'CP001',
      isOnline: false,
      connectors: [{ id: 1, status: 'Available', transaction: { id: 1 } }],
    },
  ]);
});

test('shows messages masked, the newest 500', async () => {
  const point = await bench.booted();
  point.send('Authorize', { idTag: '04A1B2C3D4' });
  expect(screen.messages.at(-1)).toMatchObject({ identity: 'CP001', direction: 'in', action: 'Authorize' });
  expect(JSON.stringify(screen.messages)).not.toContain('04A1B2C3D4');
  for (let count = 0; count < 300; count += 1) await point.call('Heartbeat', {});
  expect(screen.messages).toHaveLength(500);
});

test('calls a charge point, and says what came of it', () => {
  expect(screen.act(JSON.stringify(reset))).toBe(true);
  expect(called).toEqual(['CP001 Reset {"type":"Soft"}']);
  expect(screen.state.outcomes).toMatchObject([
    { identity: 'CP001', action: 'Reset', text: 'Accepted', isGood: true },
  ]);
});

test.each([
  'x',
  '[]',
  'null',
  JSON.stringify({ ...reset, more: 1 }),
  JSON.stringify({ ...reset, do: 'other' }),
  JSON.stringify({
    ...reset,
    action: 'ChangeConfiguration',
    payload: { key: 'AuthorizationKey', value: 'x' },
  }),
  JSON.stringify({ ...reset, payload: { type: 'Slow' } }),
  JSON.stringify({ ...reset, identity: 5 }),
])('takes %s for no action', (text) => {
  expect(screen.act(text)).toBe(false);
  expect(called).toEqual([]);
});
