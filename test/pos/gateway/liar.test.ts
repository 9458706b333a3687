import { expect, test } from 'vitest';
import { seededRandom } from '../../kit/random.ts';
import type { Attached } from '../../terminal/kit.ts';
import { type Any, type PlayedConnection, pass, rest } from '../kit.ts';
import { gatewayBench, SALE } from './kit.ts';

/** A terminal that lies, is late, says things twice and dies, in any order, under registers that do the same. */

const SEEDS = Number(process.env['LIAR_SEEDS'] ?? 40);
const STEPS = 25;
const CODES = [
  'DECLINED',
  'BUSY',
  'UNKNOWN',
  'DUPLICATE_TRANSACTION',
  'TRANSACTION_NOT_FOUND',
  'TRANSACTION_ACTIVE',
];

interface Held {
  readonly request: Any;
  readonly connection: PlayedConnection;
}

test.each(Array.from({ length: SEEDS }, (_, index) => index + 1))(
  'whatever happens (seed %i)',
  async (seed) => {
    const random = seededRandom(seed);
    const below = (count: number) => Math.floor(random() * count);
    const { terminal, clock, bridge } = await gatewayBench();
    const held: Held[] = [];
    /** Receipts for which the terminal has said "charged", to the sale itself. */
    const charged = new Set<string>();
    const hold = (request: Any, connection: PlayedConnection) => held.push({ request, connection });
    for (const method of ['Purchase', 'Check', 'Abort', 'Status']) terminal.on(method, hold);

    const say = ({ request, connection }: Held) => {
      const isSale = request.method === 'Purchase';
      const kind = below(6);
      if (connection.isClosed) return;
      if (kind === 0) connection.vanish();
      else if (kind === 1) connection.fail(request, CODES[below(CODES.length)] ?? 'BUSY');
      else if (kind === 2) connection.answer({ ...request, id: 'nobody' }, { amount: 1, currency: 'EUR' });
      else if (kind === 3) held.push({ request, connection });
      else {
        if (isSale) charged.add(`${request.params.receipt_id}`);
        connection.answer(request, { amount: 1230, currency: 'EUR', of: request.params.receipt_id });
        if (kind === 4) connection.fail(request, 'DECLINED');
      }
    };

    const bridges: Attached[] = [bridge('a'), bridge('b', { peer: '192.0.2.8' })];
    const names = new Map(bridges.map((one, index) => [one, 'ab'[index] ?? '']));
    const asked: {
      readonly by: Attached;
      readonly id: string;
      readonly method: string;
      readonly receipt: string;
    }[] = [];
    for (let step = 0; step < STEPS; step += 1) {
      const by = bridges[below(bridges.length)];
      const choice = below(9);
      if (choice < 4 && by !== undefined) {
        const method = ['Purchase', 'Purchase', 'Check', 'Abort'][choice] ?? 'Status';
        const receipt = `r${below(6)}`;
        const id = `q${step}`;
        asked.push({ by, id, method, receipt });
        const params =
          method === 'Purchase' ? { ...SALE, receipt_id: receipt } : { receipt_id: receipt, sequence_id: 1 };
        await by.request(id, method, params, names.get(by));
      } else if (choice < 7) {
        const [one] = held.splice(below(held.length), 1);
        if (one !== undefined) say(one);
      } else if (choice === 7) terminal.connections.at(-1)?.vanish();
      else await pass(clock, 1500);
      await rest(4);
    }
    // In the end the terminal goes away: nothing may be left open.
    await rest();
    for (const connection of terminal.connections) if (!connection.isClosed) connection.vanish();
    terminal.isThere = false;
    await pass(clock, 6000);

    for (const { by, id, method, receipt } of asked) {
      const answers = by.messages.filter((message) => message.id === id && message.method === undefined);
      expect([id, method, answers.length]).toEqual([id, method, 1]);
      const [answer] = answers;
      if (answer?.result === undefined) continue;
      if (method === 'Purchase') expect(charged).toContain(receipt);
      if (method !== 'Abort') expect(answer.result).toMatchObject({ of: receipt });
    }
    const purchases = terminal.requests('Purchase').map(({ params }) => params.receipt_id);
    for (const receipt of new Set(purchases)) {
      const wanted = asked.filter((one) => one.method === 'Purchase' && one.receipt === receipt).length;
      expect(purchases.filter((one) => one === receipt).length).toBeLessThanOrEqual(wanted);
    }
  },
);
