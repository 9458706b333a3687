// Charge points that send one message after the other: node load.mjs URL COUNT SECONDS. Prints messages a second and
// times as JSON.
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';

const [, , url, count, seconds] = process.argv;
const times = [];
let isOver = false;
let messages = 0;

function connect(identity) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(`${url}/${identity}`, 'ocpp1.6', { perMessageDeflate: false });
    const waiting = new Map();
    let ids = 0;
    ws.on('message', (data) => {
      const [, id, ...rest] = JSON.parse(data);
      waiting.get(id)?.(rest);
      waiting.delete(id);
    });
    ws.on('error', reject);
    ws.on('open', () =>
      resolve((action, payload) => {
        const id = `${++ids}`;
        ws.send(JSON.stringify([2, id, action, payload]));
        return new Promise((settle) => waiting.set(id, settle));
      }),
    );
  });
}

async function work(call, index) {
  for (let round = 0; !isOver; round += 1) {
    const timestamp = new Date(1.7e12 + round * 1000).toISOString();
    const sampledValue = [
      { value: `${round}`, unit: 'Wh' },
      { value: '11000', measurand: 'Power.Active.Import', unit: 'W' },
    ];
    const jobs = [
      ['Heartbeat', {}],
      ['MeterValues', { connectorId: 1, meterValue: [{ timestamp, sampledValue }] }],
      ...(round % 10 === 0
        ? [['StartTransaction', { connectorId: 1, idTag: `TAG${index}`, meterStart: round, timestamp }]]
        : []),
    ];
    for (const [action, payload] of jobs) {
      const startMs = performance.now();
      await call(action, payload);
      times.push(performance.now() - startMs);
      messages += 1;
      if (isOver) return;
    }
  }
}

const calls = [];
for (let index = 0; index < Number(count); index += 50)
  calls.push(
    ...(await Promise.all(
      Array.from({ length: Math.min(50, Number(count) - index) }, (_, at) => connect(`CP${index + at}`)),
    )),
  );
await Promise.all(
  calls.map((call) => call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' })),
);
messages = 0;
const beganMs = performance.now();
const working = calls.map(work);
await sleep(Number(seconds) * 1000);
isOver = true;
const tookS = (performance.now() - beganMs) / 1000;
times.sort((a, b) => a - b);
const at = (part) => Number((times[Math.floor(times.length * part)] ?? 0).toFixed(1));
console.log(JSON.stringify({ perSecond: Math.round(messages / tookS), medianMs: at(0.5), p99Ms: at(0.99) }));
await Promise.race([Promise.all(working), sleep(3000)]);
process.exit(0);
