import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApplicationLine, TestApplication } from '../kit/application.ts';
import { seededRandom } from '../kit/random.ts';
import type { TestRegister } from '../kit/register.ts';
import { codeOf, purchase, Workbench } from './kit.ts';
import { type Listening, SUPER_SERVERS } from './super-servers.ts';

const REGISTERS = 20;
const REQUESTS = 50;
const CUSTOMERS = 6;
const HOLDER = /^a transaction of (\S+) \(process (\d+)\) is running since (\S+)$/;

describe.each(SUPER_SERVERS)('under $name', ({ peer, start }) => {
  let bench: Workbench;
  let listening: Listening;
  let application: TestApplication;

  beforeEach(async () => {
    bench = await Workbench.open();
    application = await bench.application();
    const program = ['posbridge', '--app', `unix:${bench.socketPath}`, '--lock', bench.lockPath];
    listening = await start(bench, program);
  });

  afterEach(() => bench.close());

  function registers(count: number): Promise<TestRegister[]> {
    return Promise.all(Array.from({ length: count }, () => bench.register(listening.place)));
  }

  /** Everybody says goodbye: each program ends well, and nothing is left of it. */
  async function goodbye(all: readonly TestRegister[]): Promise<void> {
    for (const register of all) register.end();
    await Promise.all(all.map(({ closed }) => closed));
    for (const register of all) expect(register).toMatchObject({ faults: [], unexpected: [] });
    expect(await listening.ends(all.length)).toEqual(all.map(() => 0));
    expect(bench.processes).toEqual([listening.server.pid]);
    await Promise.all(application.attachments.map(({ closed }) => closed));
    const lasts = application.attachments.map(({ lines }) => lines.at(-1)?.message);
    expect(lasts.map((last) => last?.method)).toEqual(all.map(() => '_Disconnected'));
    expect(lasts.map((last) => last?.params?.['pending'])).toEqual(all.map(() => []));
  }

  test(`${REGISTERS} registers with the same ids at the same time get their own answers`, async () => {
    const waiting: ApplicationLine[] = [];
    application.handler = (_message, line) => {
      if (line.message?.id === undefined) return undefined;
      waiting.push(line);
      if (waiting.length === REGISTERS * REQUESTS) answerInAnyOrder(waiting);
      return undefined;
    };
    const all = await registers(REGISTERS);
    const answers = await Promise.all(
      all.map((register, number) =>
        Promise.all(
          Array.from({ length: REQUESTS }, (_, count) => register.request('Echo', { number, count })),
        ),
      ),
    );
    const names = answers.map((own, number) => {
      const connection = own[0]?.result?.['connection'];
      expect(own.map(({ id, result }) => ({ id, result }))).toEqual(
        own.map((_, count) => ({ id: `pos-${count + 1}`, result: { connection, number, count } })),
      );
      return connection;
    });
    expect(new Set(names).size).toBe(REGISTERS);
    for (const name of names)
      expect(name).toMatch(new RegExp(`^${peer.replaceAll('.', '\\.')}\\.[\\w.]{12}$`));
    await goodbye(all);
  });

  test('of several purchases at once one is served and the others hear at once who is busy since when', async () => {
    const begunMs = Date.now();
    const all = await registers(CUSTOMERS);
    const asked = all.map((register, number) => register.request('Purchase', purchase(number)));
    const { message: served, attachment } = await application.waitFor('Purchase');
    const winner = Number(served?.params?.['receipt_id']);
    const losers = all.filter((_, number) => number !== winner);
    const refused = await Promise.all(asked.filter((_, number) => number !== winner));
    expect(refused.map(codeOf)).toEqual(losers.map(() => 'BUSY'));

    // Nothing else is held up by it.
    application.handler = ({ method }) => ({ result: { method: method ?? '' } });
    for (const register of all) {
      expect(await register.request('Status')).toMatchObject({ result: { method: 'Status' } });
    }
    // In the very same moment a holder may not have put its name down yet; here it has.
    for (const [number, register] of losers.entries()) {
      const { error } = await register.request('Purchase', purchase(`early-${number}`));
      const details = error?.data.details ?? '';
      const [, name, pid, since = ''] = HOLDER.exec(details) ?? [];
      expect({ name, details }).toEqual({ name: served?.connection, details });
      expect(name?.startsWith(`${peer}.`)).toBe(true);
      expect(bench.processes).toContain(Number(pid));
      expect(new Date(since).toISOString()).toBe(since);
      expect(Date.parse(since)).toBeGreaterThanOrEqual(begunMs);
      expect(Date.parse(since)).toBeLessThanOrEqual(Date.now());
    }
    expect(application.requests('Purchase')).toHaveLength(1);
    attachment.answer(served ?? {}, { result: { approved: true } });
    expect(await asked[winner]).toMatchObject({ result: { approved: true } });

    // One after the other.
    for (const [number, register] of losers.entries()) {
      expect(await register.request('Purchase', purchase(`again-${number}`))).toMatchObject({
        result: { method: 'Purchase' },
      });
    }
    expect(application.requests('Purchase')).toHaveLength(CUSTOMERS);
    await goodbye(all);
  });
});

/** Each line is answered with what it said and the connection that it came for. */
function answerInAnyOrder(lines: readonly ApplicationLine[]): void {
  const random = seededRandom(20);
  const shuffled = lines
    .map((line) => ({ line, order: random() }))
    .sort((one, other) => one.order - other.order);
  for (const { line } of shuffled) {
    const { message = {}, attachment } = line;
    const { connection = '', params = {} } = message;
    attachment.answer(message, { result: { connection, ...params } });
  }
}
