import { systemClock } from '../../../base/clock.ts';
import { describeFault } from '../../../base/errors.ts';
import type { ScreenSource } from '../../../base/screen-source.ts';
import type { CentralEvents } from '../central-events.ts';
import type { OpenDatabase } from '../database/open.ts';
import { chargePoints, meterValues, runningTransactions } from '../database/reports.ts';
import type { MeterValue } from '../database/rows.ts';
import type { NewFrame, Registration } from '../database/tables.ts';
import { checkPayload } from '../schema.ts';
import {
  MAX_FRAMES,
  OPERATOR_CALLS,
  type OperatorAction,
  type OperatorCall,
  type OperatorState,
  type ShownFrame,
  type ShownOutcome,
  type ShownPoint,
} from './protocol.ts';

interface Transaction {
  readonly id: number;
  readonly startedAt: string;
  readonly meterStart: number;
  energyWh?: number;
  powerW?: number;
}

interface Connector {
  status: string;
  errorCode: string;
  transaction?: Transaction | undefined;
}

interface Point {
  isOnline: boolean;
  registration: Registration | undefined;
  model: string;
  firmware: string;
  readonly connectors: Map<number, Connector>;
}

const MAX_OUTCOMES = 20;

/** What a call to a charge point came to, in a few words. */
export type Caller = (
  identity: string,
  action: OperatorCall,
  payload: string,
  settle: (text: string, isGood: boolean) => void,
) => void;

/** What a person at the operator's page sees of the charge points, and may do. It knows no tag. */
export class OperatorScreen implements ScreenSource, CentralEvents {
  readonly #call: Caller;
  readonly #isDatabaseAway: () => boolean;
  readonly #points = new Map<string, Point>();
  readonly #frames: ShownFrame[] = [];
  readonly #outcomes: ShownOutcome[] = [];
  readonly #watchers = new Set<() => void>();
  #numbers = 0;

  constructor({ call, isDatabaseAway }: { readonly call: Caller; readonly isDatabaseAway: () => boolean }) {
    this.#call = call;
    this.#isDatabaseAway = isDatabaseAway;
  }

  /** Who has been here before, and what runs. Rejects where the database cannot be read. */
  async load({ db }: OpenDatabase): Promise<void> {
    const known = await chargePoints(db, { wallMs: systemClock.wallMs() });
    for (const { identity, registration, vendor, model, firmware_version, connectors } of known) {
      const point = this.#point(identity);
      point.registration ??= registration ?? undefined;
      point.model ||= [vendor, model].filter(Boolean).join(' ');
      point.firmware ||= firmware_version ?? '';
      for (const { connector_id, status, error_code } of connectors)
        if (!point.connectors.has(connector_id))
          point.connectors.set(connector_id, { status, errorCode: error_code });
    }
    for (const { id, charge_point, connector_id, started_at, meter_start } of await runningTransactions(db)) {
      const transaction: Transaction = { id, startedAt: started_at, meterStart: meter_start };
      this.#connector(charge_point, connector_id).transaction = transaction;
      for (const value of (await meterValues(db, id)).slice(-2)) measure(transaction, value);
    }
    this.#changed();
  }

  // For the page.

  get state(): OperatorState {
    const points = [...this.#points]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([identity, point]) => shown(identity, point));
    return { points, outcomes: this.#outcomes, isDatabaseAway: this.#isDatabaseAway() };
  }

  get messages(): readonly ShownFrame[] {
    return this.#frames;
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  act(text: string): boolean {
    const action = readAction(text);
    if (action === undefined) return false;
    const { identity, action: name, payload } = action;
    try {
      this.#call(identity, name, JSON.stringify(payload), (words, isGood) =>
        this.#outcome(identity, name, words, isGood),
      );
    } catch (fault) {
      this.#outcome(identity, name, describeFault(fault), false);
    }
    return true;
  }

  // From the central system.

  connected(identity: string): void {
    this.#point(identity).isOnline = true;
    this.#changed();
  }

  disconnected(identity: string): void {
    this.#point(identity).isOnline = false;
    this.#changed();
  }

  booted(identity: string, registration: Registration, model: string, firmware: string): void {
    Object.assign(this.#point(identity), { registration, model, firmware });
    this.#changed();
  }

  status(identity: string, connectorId: number, status: string, errorCode: string): void {
    Object.assign(this.#connector(identity, connectorId), { status, errorCode });
    this.#changed();
  }

  started(identity: string, connectorId: number, id: number, startedAt: string, meterStart: number): void {
    const connector = this.#connector(identity, connectorId);
    if (connector.transaction?.id !== id) connector.transaction = { id, startedAt, meterStart };
    this.#changed();
  }

  metered(identity: string, connectorId: number, values: readonly MeterValue[]): void {
    const { transaction } = this.#connector(identity, connectorId);
    if (transaction === undefined) return;
    for (const { sampledValue } of values)
      for (const sample of sampledValue)
        measure(transaction, { measurand: 'Energy.Active.Import.Register', unit: 'Wh', ...sample });
    this.#changed();
  }

  stopped(identity: string, id: number): void {
    for (const connector of this.#point(identity).connectors.values())
      if (connector.transaction?.id === id) connector.transaction = undefined;
    this.#changed();
  }

  frame({ charge_point, at, direction, kind, action, text }: NewFrame): void {
    this.#numbers += 1;
    this.#frames.push({ number: this.#numbers, at, identity: charge_point, direction, kind, action, text });
    if (this.#frames.length > MAX_FRAMES) this.#frames.shift();
    this.#changed();
  }

  #outcome(identity: string, action: string, text: string, isGood: boolean): void {
    this.#numbers += 1;
    this.#outcomes.push({ number: this.#numbers, identity, action, text, isGood });
    if (this.#outcomes.length > MAX_OUTCOMES) this.#outcomes.shift();
    this.#changed();
  }

  #point(identity: string): Point {
    const known = this.#points.get(identity);
    if (known !== undefined) return known;
    const point: Point = {
      isOnline: false,
      registration: undefined,
      model: '',
      firmware: '',
      connectors: new Map(),
    };
    this.#points.set(identity, point);
    return point;
  }

  #connector(identity: string, id: number): Connector {
    const { connectors } = this.#point(identity);
    const known = connectors.get(id);
    if (known !== undefined) return known;
    const connector: Connector = { status: 'Unknown', errorCode: 'NoError' };
    connectors.set(id, connector);
    return connector;
  }

  #changed(): void {
    for (const changed of [...this.#watchers]) changed();
  }
}

function measure(
  transaction: Transaction,
  { measurand, unit, value }: { readonly measurand: string; readonly unit: string; readonly value: string },
): void {
  const number = Number(value) * (unit.startsWith('k') ? 1000 : 1);
  if (!Number.isFinite(number)) return;
  if (measurand === 'Energy.Active.Import.Register') transaction.energyWh = number - transaction.meterStart;
  if (measurand === 'Power.Active.Import') transaction.powerW = number;
}

function shown(identity: string, { isOnline, registration, model, firmware, connectors }: Point): ShownPoint {
  return {
    identity,
    isOnline,
    registration,
    model,
    firmware,
    connectors: [...connectors]
      .sort(([a], [b]) => a - b)
      .map(([id, { status, errorCode, transaction }]) => ({
        id,
        status,
        errorCode,
        transaction: transaction && {
          id: transaction.id,
          startedAt: transaction.startedAt,
          energyWh: transaction.energyWh,
          powerW: transaction.powerW,
        },
      })),
  };
}

/** Exactly a call that the page has a button for, with a payload that the protocol allows; else undefined. */
function readAction(text: string): OperatorAction | undefined {
  let action: Partial<OperatorAction>;
  try {
    action = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof action !== 'object' || action === null || Object.keys(action).length !== 4) return undefined;
  const { do: verb, identity, action: name, payload } = action;
  if (verb !== 'call' || typeof identity !== 'string' || name === undefined) return undefined;
  if (!OPERATOR_CALLS.includes(name) || !checkPayload(name, 'req', payload).ok) return undefined;
  return action as OperatorAction;
}
