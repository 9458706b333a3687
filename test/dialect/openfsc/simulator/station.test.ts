import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { centsOf, type Fuel, saleOf, volumeFor } from '../../../../src/dialect/openfsc/simulator/fuel.ts';
import { DEFAULT_FUELS, Station } from '../../../../src/dialect/openfsc/simulator/station.ts';
import { memoryWirePair } from '../../../../src/wire/memory.ts';
import type { Wire } from '../../../../src/wire/wire.ts';
import { FakeClock } from '../../../kit/fake-clock.ts';
import { F1, F2 } from './kit.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of any shape
type Any = any;

/** A bridge's end, played by the test. */
class PlayedBridge {
  readonly clock = new FakeClock();
  readonly station: Station;
  readonly wire: Wire;
  readonly #lines: Any[] = [];
  #wake: (() => void) | undefined;
  #rest = '';
  #id = 0;

  constructor() {
    let sales = 0;
    this.station = new Station({ clock: this.clock, paceMs: 1000, newId: () => `sale${++sales}` });
    const [mine, theirs] = memoryWirePair();
    this.wire = mine;
    this.station.attach(theirs);
    mine.start({
      chunk: (bytes) => {
        const lines = (this.#rest + bytes.toString()).split('\n');
        this.#rest = lines.pop() ?? '';
        this.#lines.push(...lines.map((line) => JSON.parse(line)));
        this.#wake?.();
      },
      end: () => {},
      closed: () => {},
    });
    this.send({ method: '_Connected', params: {} });
  }

  send(message: object): void {
    const line = { connection: 's1.1', jsonrpc: '2.0', ...message };
    this.#waiting = this.#waiting.then(
      () =>
        new Promise((resolve) => this.wire.write(Buffer.from(`${JSON.stringify(line)}\n`), () => resolve())),
    );
  }
  #waiting: Promise<void> = Promise.resolve();

  async next(): Promise<Any> {
    while (this.#lines.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#lines.shift();
  }

  /** The answer: a result, or the code of an error. */
  async ask(method: string, params: object = {}): Promise<Any> {
    this.#id += 1;
    this.send({ id: `q${this.#id}`, method, params });
    const { connection, id, result, error } = await this.next();
    expect([connection, id]).toEqual(['s1.1', `q${this.#id}`]);
    return result ?? error.data.fscCode ?? error.code;
  }

  /** Params of the next notification. */
  async told(method: string): Promise<Any> {
    const said = await this.next();
    expect(said.method).toBe(method);
    return said.params;
  }

  unlock(more: object = {}): Promise<Any> {
    const order = {
      currency: 'EUR',
      credit: '100.00',
      fscTransactionId: F1,
      paymentMethod: 'pace',
      productIds: [],
    };
    return this.ask('openfsc.unlockPump', { pump: 1, ...order, ...more });
  }
}

describe('the station', () => {
  test('post-pay: a customer comes when the site is logged in', async () => {
    const bridge = new PlayedBridge();
    bridge.send({ method: 'openfsc.link', params: { state: 'authenticated' } });
    expect((await bridge.ask('openfsc.pumps')).pumps[2]).toEqual({ pump: 3, status: 'free' });
    bridge.clock.advance(1000);
    expect(await bridge.told('openfsc.pump')).toEqual({ pump: 3, status: 'in-use' });
    expect(await bridge.ask('openfsc.lockPump', { pump: 3 })).toBe(402);
    bridge.clock.advance(1000);
    expect(await bridge.told('openfsc.pump')).toEqual({ pump: 3, status: 'ready-to-pay' });
    const sale = await bridge.told('openfsc.transaction');
    expect(sale).toMatchObject({
      pump: 3,
      siteTransactionId: 'sale1',
      priceWithVat: '79.58',
      volume: '45.50',
    });
    expect(await bridge.ask('openfsc.transactions', { pump: 3 })).toEqual({ transactions: [sale] });
    const clear = { pump: 3, siteTransactionId: 'sale1', fscTransactionId: F1, paymentMethod: 'pace' };
    expect(await bridge.ask('openfsc.clear', { ...clear, pump: 1 })).toBe(404);
    expect(await bridge.ask('openfsc.clear', clear)).toEqual({});
    expect(await bridge.told('openfsc.pump')).toEqual({ pump: 3, status: 'free' });
    expect(await bridge.ask('openfsc.clear', { ...clear, fscTransactionId: F1.toUpperCase() })).toBe(410);
    expect(await bridge.ask('openfsc.clear', { ...clear, fscTransactionId: F2 })).toBe(403);
  });

  test('pre-auth: unlocked, fuelled up to the credit, cleared', async () => {
    const bridge = new PlayedBridge();
    expect(await bridge.unlock({ credit: '10' })).toEqual({});
    expect(await bridge.told('openfsc.pump')).toEqual({ pump: 1, status: 'free' });
    expect(await bridge.unlock({ credit: '10' })).toEqual({});
    expect(await bridge.unlock({ fscTransactionId: F2 })).toBe(412);
    bridge.clock.advance(1000);
    expect(await bridge.told('openfsc.pump')).toEqual({ pump: 1, status: 'in-use' });
    expect(await bridge.ask('openfsc.lockPump', { pump: 1 })).toBe(402);
    bridge.clock.advance(1000);
    expect(await bridge.told('openfsc.pump')).toEqual({ pump: 1, status: 'locked' });
    const sale = await bridge.told('openfsc.transaction');
    expect(sale).toMatchObject({ siteTransactionId: F1, volume: '6.13', priceWithVat: '9.99' });
    const clear = { pump: 1, siteTransactionId: F1, fscTransactionId: F1, paymentMethod: 'pace' };
    expect(await bridge.ask('openfsc.clear', clear)).toEqual({});
    expect(await bridge.told('openfsc.pump')).toEqual({ pump: 1, status: 'locked' });
    expect(await bridge.unlock({ credit: '10' })).toBe(412);
    expect(await bridge.unlock({ fscTransactionId: F2, productIds: ['0100'] })).toEqual({});
  });

  test('a customer with little credit leaves: the platform is asked, and asked again when nobody was there', async () => {
    const bridge = new PlayedBridge();
    await bridge.unlock({ credit: '0.50' });
    await bridge.told('openfsc.pump');
    bridge.clock.advance(1000);
    const left = await bridge.next();
    expect(left).toMatchObject({
      method: 'openfsc.lockedPump',
      params: { pump: 1, fscTransactionId: F1, reason: 'aborted' },
    });
    bridge.send({
      id: left.id,
      error: { code: 1, message: 'x', data: { string_code: 'CONNECTION_CLOSED' } },
    });
    bridge.send({ method: 'openfsc.link', params: { state: 'authenticated' } });
    const again = await bridge.next();
    expect(again.params).toEqual(left.params);
    bridge.send({ id: again.id, result: {} });
    expect(await bridge.told('openfsc.pump')).toEqual({ pump: 1, status: 'locked' });
  });

  test('refuses what it does not have', async () => {
    const bridge = new PlayedBridge();
    expect(await bridge.unlock({ pump: 9 })).toBe(404);
    expect(await bridge.unlock({ productIds: ['9'] })).toBe(404);
    expect(await bridge.unlock({ currency: 'QQQ' })).toBe(422);
    expect(await bridge.unlock({ pump: 3 })).toBe(412);
    expect(await bridge.ask('openfsc.lockPump', { pump: 1 })).toBe(423);
    expect(await bridge.ask('openfsc.pumpStatus', { pump: 9 })).toBe(404);
    expect(await bridge.ask('openfsc.frob')).toBe(-32601);
  });

  test('nothing is left when it closes', async () => {
    const bridge = new PlayedBridge();
    await bridge.unlock();
    await bridge.station.close();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(bridge.clock.timerCount).toBe(0);
  });
});

describe('amounts', () => {
  const [petrol, diesel] = DEFAULT_FUELS as [Fuel, Fuel];

  test('are those of the examples', () => {
    const amounts = ({ priceWithVat, priceWithoutVat, vatAmount }: ReturnType<typeof saleOf>) =>
      [priceWithVat, priceWithoutVat, vatAmount].join(' ');
    expect(amounts(saleOf(petrol, 4550))).toBe('79.58 66.87 12.71');
    expect(amounts(saleOf(diesel, 3000))).toBe('48.87 41.07 7.80');
  });

  test('add up to the cent, and never exceed the credit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 99_999 }),
        fc.integer({ min: 1, max: 9999 }),
        fc.integer({ min: 0, max: 250 }),
        fc.integer({ min: 0, max: 50_000 }),
        (wishCl, priceMilli, vatPermille, creditCents) => {
          const fuel: Fuel = { ...diesel, priceMilli, vatPermille };
          const credit = `${Math.floor(creditCents / 100)}.${String(creditCents % 100).padStart(2, '0')}`;
          const volumeCl = volumeFor(fuel, credit, wishCl);
          const sale = saleOf(fuel, volumeCl);
          expect(volumeCl).toBeLessThanOrEqual(wishCl);
          expect(centsOf(sale.priceWithVat)).toBeLessThanOrEqual(BigInt(creditCents));
          expect(centsOf(sale.priceWithoutVat) + centsOf(sale.vatAmount)).toBe(centsOf(sale.priceWithVat));
        },
      ),
    );
  });

  test.each([
    ['100', 10_000n],
    ['0.5', 50n],
    ['12345678901234567890.99', 1_234_567_890_123_456_789_099n],
    ['1.999', 199n],
  ])('whole cents of %s', (text, cents) => {
    expect(centsOf(text)).toBe(cents);
  });
});
