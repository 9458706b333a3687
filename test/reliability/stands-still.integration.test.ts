import { readFileSync } from 'node:fs';
import path from 'node:path';
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FaultPoint } from '../../src/base/fault-point.ts';
import { codeOf, purchase, type Running, Workbench } from '../interop/kit.ts';
import { NatsServers } from '../kit/nats.ts';
import type { RegisterMessage } from '../kit/register.ts';

/**
 * A bridge stands still at each step of a sale for longer than its lease lasts. Another machine is asked about the sale
 * meanwhile, and ends it; then the first one goes on.
 */

const isSoak = (process.env['SOAK'] ?? '') !== '';
const EXAMPLE = path.join(import.meta.dirname, '../../examples/application-nats.mjs');
const TEST_BUILD = path.join(import.meta.dirname, '../kit/posbridge-test.mjs');
const POINTS: readonly FaultPoint[] = [
  'before-sent',
  'after-sent',
  'after-hand-over',
  'before-done',
  'after-done',
  'after-answer',
];

/** The client of NATS sends when the turn is over: at the hand-over nothing has left yet. */
const UNSENT: ReadonlySet<FaultPoint> = new Set(['before-sent', 'after-sent', 'after-hand-over']);

let servers: NatsServers;
let bench: Workbench;

beforeAll(async () => {
  if (!isSoak) return;
  [servers, bench] = await Promise.all([NatsServers.start(3), Workbench.open()]);
}, 30_000);

afterAll(async () => {
  await bench?.close();
  await servers?.stop();
});

/** Resolves when the system says so of the process. */
async function standsStill({ child }: Running): Promise<void> {
  while (!/^State:\tT/m.test(readFileSync(`/proc/${child.pid}/status`, 'latin1'))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.runIf(isSoak)('a bridge that stands still', () => {
  test.concurrent.each(POINTS)(
    '%s: neither doubles a sale nor loses it, and everybody hears the same',
    async (point) => {
      const prefix = point;
      const app = servers.endpoint(prefix);
      const journal = servers.endpoint(`${prefix}-terminal`, 1);
      const application = bench.start('node', [EXAMPLE, servers.hosts(), prefix, '3'], {
        env: { DELAY: '0.1' },
      });
      await application.stdout.waitFor('ready');
      const start = (fault: NodeJS.ProcessEnv) =>
        bench.start(process.execPath, [TEST_BUILD, '--app', app, '--journal', journal], { env: fault });
      const paused = start({ POSBRIDGE_FAULT: `stop:${point}` });
      const first = paused.register();
      const sale = purchase('1');
      const answered: Promise<RegisterMessage | undefined> = first
        .request('Purchase', sale)
        .catch(() => undefined);
      await standsStill(paused);

      const second = start({}).register();
      let checked: RegisterMessage;
      const OPEN = ['TRANSACTION_ACTIVE', 'OUTCOME_UNKNOWN'];
      do {
        await new Promise((resolve) => setTimeout(resolve, 200));
        checked = await second.request('Check', { receipt_id: '1', sequence_id: 1 });
      } while (OPEN.includes(String(codeOf(checked))));

      paused.signal('SIGCONT');
      const answer = await answered;
      const store = await new Kvm(jetstream(await servers.client())).open(`${prefix}-sales`);
      const key = ['1', '1'].map((word) => Buffer.from(word).toString('base64url')).join('.');
      const kept = (await store.get(key))?.json<{ outcome?: { result?: object } }>();
      const isCharged = kept?.outcome?.result !== undefined;
      expect([point, checked.result !== undefined]).toEqual([point, isCharged]);
      // No answer is allowed, another one is not.
      if (answer !== undefined) expect([point, answer.result !== undefined]).toEqual([point, isCharged]);
      const again = await second.request('Check', { receipt_id: '1', sequence_id: 1 });
      expect([point, again.result !== undefined]).toEqual([point, isCharged]);
      expect([point, isCharged]).toEqual([point, !UNSENT.has(point)]);
    },
    120_000,
  );
});
