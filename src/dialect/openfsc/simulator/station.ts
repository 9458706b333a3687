import type { Clock } from '../../../base/clock.ts';
import type { Wire } from '../../../wire/wire.ts';
import { type Members, SimulatorLine, type SimulatorMessage } from '../../simulator-line.ts';
import { Forecourt, type PumpSetup, Refusal } from './forecourt.ts';
import { decimal, type Fuel } from './fuel.ts';

const DEFAULT_PACE_MS = 1000;

/**
 * The station that there is without further ado: two pumps to be unlocked, one that is paid afterwards, one out of
 * order.
 */
export const DEFAULT_PUMPS: readonly PumpSetup[] = [
  { pump: 1, kind: 'pre-auth' },
  { pump: 2, kind: 'pre-auth' },
  { pump: 3, kind: 'post-pay' },
  { pump: 4, kind: 'broken' },
];
export const DEFAULT_FUELS: readonly Fuel[] = [
  { productId: '0100', category: 'ron98', name: 'Super Plus', priceMilli: 1749, vatPermille: 190 },
  { productId: '0400', category: 'diesel', name: 'Efficiency Diesel', priceMilli: 1629, vatPermille: 190 },
];
const CURRENCY = 'EUR';

export interface StationOptions {
  readonly clock: Clock;
  /** A new id of a sale that is paid afterwards. */
  readonly newId: () => string;
  readonly pumps?: readonly PumpSetup[];
  readonly fuels?: readonly Fuel[];
  /** What a customer takes for each step; default 1 s. */
  readonly paceMs?: number;
  /** Every line of every attachment as it crosses; it may hold secrets. */
  readonly onLine?: (direction: 'in' | 'out', text: string) => void;
}

/**
 * A simulated fuel station: the application behind the channels of an OpenFSC bridge, on any number of wires. It has
 * pumps, prices and customers: one drives up when a site is logged in and there is nothing to be paid, and one stands
 * at each pump that is unlocked. It remembers what was cleared as long as it lives.
 */
export class Station {
  readonly #options: StationOptions;
  readonly #fuels: readonly Fuel[];
  readonly #forecourt: Forecourt;
  readonly #lines = new Set<SimulatorLine>();
  /** By connection, the wire that it came by; oldest first. */
  readonly #connections = new Map<string, SimulatorLine>();
  /** Customers who have left, by the id of the request that says so. */
  readonly #leaving = new Map<string, { readonly pump: number; readonly fscTransactionId: string }>();
  #asked = 0;
  /** While a request is being worked on: what is told behind its answer. */
  #after: (() => void)[] | undefined;

  constructor(options: StationOptions) {
    const { clock, newId, pumps = DEFAULT_PUMPS, fuels = DEFAULT_FUELS, paceMs = DEFAULT_PACE_MS } = options;
    this.#options = options;
    this.#fuels = fuels;
    this.#forecourt = new Forecourt({
      clock,
      newId,
      pumps,
      fuels,
      paceMs,
      currency: CURRENCY,
      events: {
        pump: (pump, status) => this.#tell('openfsc.pump', { pump, status }),
        transaction: (transaction) => this.#tell('openfsc.transaction', { ...transaction }),
        left: (pump, fscTransactionId) => this.#leave(pump, fscTransactionId),
      },
    });
  }

  attach(wire: Wire): void {
    const { clock, onLine } = this.#options;
    const line: SimulatorLine = new SimulatorLine(wire, clock, {
      message: (message) => this.#receive(message, line),
      closed: () => this.#closed(line),
      ...(onLine !== undefined && { crossed: onLine }),
    });
    this.#lines.add(line);
  }

  /** A customer drives up to a free pump and fuels. */
  arrive(): void {
    this.#forecourt.arrive();
  }

  async close(): Promise<void> {
    this.#forecourt.close();
    for (const line of this.#lines) line.destroy();
  }

  #receive(message: SimulatorMessage, line: SimulatorLine): void {
    switch (message.kind) {
      case 'request':
        this.#request(message, line);
        return;
      case 'notification':
        this.#notified(message, line);
        return;
      default:
        this.#answered(message);
    }
  }

  #notified(
    { method, connection, params }: SimulatorMessage & { kind: 'notification' },
    line: SimulatorLine,
  ): void {
    if (method === '_Connected') this.#connections.set(connection, line);
    else if (method === '_Disconnected') this.#connections.delete(connection);
    else if (method === 'openfsc.link' && params['state'] === 'authenticated') this.#welcome(connection);
  }

  /** The platform listens: who left while it did not is told of now, and somebody may want to pay. */
  #welcome(connection: string): void {
    for (const [id, { pump, fscTransactionId }] of [...this.#leaving]) {
      this.#leaving.delete(id);
      this.#leave(pump, fscTransactionId, connection);
    }
    if (this.#forecourt.transactions(undefined).length === 0) this.#forecourt.arrive();
  }

  #request(request: SimulatorMessage & { kind: 'request' }, line: SimulatorLine): void {
    const { method, params } = request;
    const answer = Object.hasOwn(this.#answers, method) ? this.#answers[method] : undefined;
    if (answer === undefined) {
      line.answer(request, { error: { code: -32601, message: 'Method unknown', data: {} } });
      return;
    }
    const after: (() => void)[] = [];
    try {
      this.#after = after;
      line.answer(request, { result: answer(params) });
    } catch (fault) {
      if (!(fault instanceof Refusal)) throw fault;
      const { fscCode, message } = fault;
      const data = { string_code: `FSC_${fscCode}`, details: message, fscCode };
      line.answer(request, { error: { code: 1, message, data } });
    } finally {
      this.#after = undefined;
    }
    for (const tell of after) tell();
  }

  readonly #answers: Readonly<Record<string, (params: Members) => Members>> = {
    'openfsc.prices': () => ({
      prices: this.#fuels.map(({ productId, priceMilli, name }) => ({
        productId,
        unit: 'LTR',
        currency: CURRENCY,
        pricePerUnit: decimal(priceMilli, 3),
        description: name,
      })),
    }),
    'openfsc.products': () => ({
      products: this.#fuels.map(({ productId, category, vatPermille, name }) => ({
        productId,
        category,
        vatRate: decimal(vatPermille, 1),
        unit: 'LTR',
        name,
      })),
    }),
    'openfsc.pumps': () => ({ pumps: this.#forecourt.pumps }),
    'openfsc.pumpStatus': ({ pump }) => ({ pump, status: this.#forecourt.statusOf(Number(pump)) }),
    'openfsc.transactions': ({ pump }) => ({
      transactions: this.#forecourt.transactions(pump === undefined ? undefined : Number(pump)),
    }),
    'openfsc.unlockPump': ({ pump, currency, credit, fscTransactionId, productIds }) => {
      this.#forecourt.unlock({
        pump: Number(pump),
        currency: String(currency),
        credit: String(credit),
        fscTransactionId: String(fscTransactionId),
        productIds: Array.isArray(productIds) ? productIds.map(String) : [],
      });
      return {};
    },
    'openfsc.lockPump': ({ pump }) => {
      this.#forecourt.lock(Number(pump));
      return {};
    },
    'openfsc.clear': ({ pump, siteTransactionId, fscTransactionId }) => {
      this.#forecourt.clear(Number(pump), String(siteTransactionId), String(fscTransactionId));
      return {};
    },
  };

  /** Tells every connection; behind the answer, when a request is being worked on. */
  #tell(method: string, params: Members): void {
    if (this.#after !== undefined) {
      this.#after.push(() => this.#tell(method, params));
      return;
    }
    for (const [connection, line] of this.#connections) {
      line.send({ connection, jsonrpc: '2.0', method, params });
    }
  }

  /** Asks the platform to take back a release; when nobody is there it is asked at the next login. */
  #leave(pump: number, fscTransactionId: string, wanted?: string): void {
    const [newest] = [...this.#connections.keys()].slice(-1);
    const connection = wanted ?? newest;
    this.#asked += 1;
    const id = `left-${this.#asked}`;
    this.#leaving.set(id, { pump, fscTransactionId });
    const line = connection === undefined ? undefined : this.#connections.get(connection);
    line?.send({
      connection,
      jsonrpc: '2.0',
      id,
      method: 'openfsc.lockedPump',
      params: { pump, fscTransactionId, reason: 'aborted' },
    });
  }

  #answered({ id, kind, value }: SimulatorMessage & { kind: 'result' | 'error' }): void {
    const leaving = this.#leaving.get(id);
    if (leaving === undefined) return;
    const { fscCode } = (value['data'] ?? {}) as { fscCode?: unknown };
    // Nobody was there to answer: it is asked again at the next login. A refusal of the platform is final.
    if (kind === 'error' && fscCode === undefined) return;
    this.#leaving.delete(id);
    this.#forecourt.left(leaving.pump, leaving.fscTransactionId);
  }

  #closed(line: SimulatorLine): void {
    this.#lines.delete(line);
    for (const [connection, own] of this.#connections) {
      if (own === line) this.#connections.delete(connection);
    }
  }
}
