import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Running, Workbench } from '../interop/kit.ts';
import {
  type Any,
  charger,
  METER,
  operator,
  RawChargePoint,
  START,
  startCentral,
  stopOf,
} from '../interop/ocpp-kit.ts';
import { TEST_PROGRAM } from './kit.ts';
import { isSoak } from './pos-kit.ts';
import { sizeOf } from './random.ts';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

describe('kill -9', () => {
  test('between persisting and answering: what is sent again is there once, and its application hears of it', async () => {
    const messages: readonly [string, object][] = [
      ['StartTransaction', START],
      ['MeterValues', { ...METER, transactionId: 1 }],
      ['StopTransaction', stopOf(1)],
    ];
    for (const [action, payload] of messages) {
      const env = { POSBRIDGE_FAULT: 'after-persist' };
      const { server, url } = await startCentral(bench, ['--spool'], { env }, [
        process.execPath,
        TEST_PROGRAM,
      ]);
      const point = await RawChargePoint.booted(`${url}/CP001`);
      expect(await point.call(action, payload)).toBeUndefined();
      expect(await server.exited).toMatchObject({ signal: 'SIGKILL' });
    }
    const [before] = await charger(bench, 'export');
    expect(before).toMatchObject({ id: 1, meter_stop: 2204, meter_values: [{ value: '1310' }] });

    const application = await bench.application(operator);
    const { url } = await startCentral(bench, ['--spool']);
    const point = await RawChargePoint.open(`${url}/CP001`);
    for (const action of ['MeterValues', 'StopTransaction']) {
      const { message } = await application.waitFor(`ocpp.${action}`);
      expect(message?.params).toEqual(messages.find(([name]) => name === action)?.[1]);
    }
    for (const [action, payload] of messages) expect((await point.call(action, payload))[0]).toBe(3);
    const rows = await charger(bench, 'export');
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ meter_stop: 2204, meter_values: [{ value: '1310' }] });
    const heard = application.lines.map(({ message }) => message?.method);
    for (const action of ['MeterValues', 'StopTransaction'])
      expect(heard.filter((method) => method === `ocpp.${action}`)).toHaveLength(1);
  });

  const KILLS = isSoak ? 200 : 3;
  test(`${KILLS} times at random: no start and no stop is lost or doubled, and numbers are unique`, {
    timeout: isSoak ? 3_600_000 : 120_000,
  }, async () => {
    await bench.application(operator);
    const seed = sizeOf('SOAK_SEED', 1);
    const known = new Map<number, number>();
    let next = 0;
    for (let round = 0; round < KILLS; round += 1) {
      const { server, url } = await startCentral(bench);
      const point = await RawChargePoint.booted(`${url}/CP001`);
      const killAfter = ((round + seed) * 7) % 11;
      let answered = 0;
      // As a charge point does it: one at a time, and the same again until it has an answer.
      for (;;) {
        const first = await point.call('StartTransaction', { ...START, meterStart: next });
        if (first === undefined) break;
        const { transactionId } = first[2];
        expect(known.get(transactionId) ?? next).toBe(next);
        known.set(transactionId, next);
        const stopped = await point.call('StopTransaction', stopOf(transactionId));
        if (stopped === undefined) break;
        next += 1;
        answered += 1;
        if (answered > killAfter) server.signal('SIGKILL');
      }
      await server.exited;
    }
    const rows = await charger(bench, 'export');
    const starts = rows.map((row) => row.meter_start);
    expect(new Set(starts).size).toBe(starts.length);
    for (const [id, meterStart] of known)
      expect(rows.find((row) => row.id === id)).toMatchObject({ meter_start: meterStart });
    for (let meterStart = 0; meterStart < next; meterStart += 1)
      expect(rows.find((row) => row.meter_start === meterStart)).toMatchObject({ meter_stop: 2204 });
  });
});

/** Megabytes in memory. */
function memoryOf({ pid }: Running): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
}

const MANY = ['--app', 'simulator:', '--max-connections', '10000', '--log-level', 'info'];

describe('many charge points', () => {
  const CONNECTS = isSoak ? 10_000 : 100;
  test(`${CONNECTS} connections, one after the other: nothing grows`, {
    timeout: isSoak ? 3_600_000 : 120_000,
  }, async () => {
    const { server, url } = await startCentral(bench, MANY);
    const megabytes: number[] = [];
    for (let count = 0; count < CONNECTS; count += 1) {
      const point = await RawChargePoint.open(`${url}/CP${count % 100}`);
      const call = point.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
      // Some are cut off in the middle of it.
      if (count % 3 === 0) point.ws.terminate();
      else {
        await call;
        point.ws.close();
      }
      await point.until(() => undefined);
      if ((count + 1) % (CONNECTS / 4) === 0) megabytes.push(Math.round(memoryOf(server)));
    }
    const [, early = 0, , late = 0] = megabytes;
    if (isSoak) console.log(`${CONNECTS} connections: ${megabytes.join(', ')} MB after each quarter`);
    expect(late - early).toBeLessThan(30);
    const points = await charger(bench, 'list', '--json');
    expect(points.filter(({ online }) => online)).toEqual([]);
    server.signal('SIGUSR2');
    const [, open] = await server.says(/statistics.*\bconnections[=":]+(\d+)/);
    expect(open).toBe('0');
  });

  test.runIf(isSoak)(
    '10 000 that are idle: under 500 MB, and heartbeats are answered',
    {
      timeout: 3_600_000,
    },
    async () => {
      const { server, url } = await startCentral(bench, MANY);
      const points: RawChargePoint[] = [];
      for (let count = 0; count < 10_000; count += 50) {
        const more = Array.from({ length: 50 }, (_, index) =>
          RawChargePoint.booted(`${url}/CP${count + index}`),
        );
        points.push(...(await Promise.all(more)));
      }
      // A heartbeat of each in five minutes.
      const times: number[] = [];
      const endMs = performance.now() + 60_000;
      for (let turn = 0; performance.now() < endMs; turn += 1) {
        const startMs = performance.now();
        const answer = (await points[(turn * 7919) % points.length]?.call('Heartbeat', {})) as Any;
        expect(answer[0]).toBe(3);
        times.push(performance.now() - startMs);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      times.sort((a, b) => a - b);
      const at = (part: number) => (times[Math.floor(times.length * part)] ?? 0).toFixed(1);
      const megabytes = memoryOf(server);
      console.log(
        `10 000 idle charge points: ${megabytes.toFixed(0)} MB; heartbeats: median ${at(0.5)} ms, p99 ${at(0.99)} ms`,
      );
      expect(megabytes).toBeLessThan(500);
      expect(points.every(({ closed }) => closed === undefined)).toBe(true);
    },
  );
});
