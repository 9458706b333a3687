import { type Clock, isoTime, type Timer } from '../../../base/clock.ts';
import type { Action } from '../actions.ts';
import type { Answer } from './charge-point-calls.ts';

/** What a connector uses of its charge point. */
export interface ConnectorHost {
  ask(action: Action, payload: () => object, isKept?: boolean): Promise<Answer>;
  note(text: string): void;
}

interface Charging {
  readonly idTag: string;
  readonly startedAt: string;
  readonly meterStart: number;
  /** -1 as long as the central system has not said it. */
  transactionId: number;
}

const HOUR_MS = 3_600_000;

/** One connector: its meter runs while a transaction does, with or without a connection. */
export class Connector {
  readonly id: number;
  /** Operative again when it is set so. */
  isOperative = true;
  readonly #host: ConnectorHost;
  readonly #clock: Clock;
  readonly #powerW: number;
  readonly #meterMs: number;
  #meterWh: number;
  #readMs: number;
  #charging: Charging | undefined;
  #timer: Timer | undefined;

  constructor(
    id: number,
    host: ConnectorHost,
    { clock, powerW, meterMs }: { readonly clock: Clock; readonly powerW: number; readonly meterMs: number },
  ) {
    this.id = id;
    this.#host = host;
    this.#clock = clock;
    this.#powerW = powerW;
    this.#meterMs = meterMs;
    this.#meterWh = 1000 * id;
    this.#readMs = clock.nowMs();
  }

  get isFree(): boolean {
    return this.#charging === undefined && this.isOperative;
  }

  get transactionId(): number | undefined {
    return this.#charging?.transactionId;
  }

  get status(): string {
    if (this.#charging !== undefined) return 'Charging';
    return this.isOperative ? 'Available' : 'Unavailable';
  }

  /** Watt hours, whole ones. */
  get meter(): number {
    const nowMs = this.#clock.nowMs();
    if (this.#charging !== undefined) this.#meterWh += (this.#powerW * (nowMs - this.#readMs)) / HOUR_MS;
    this.#readMs = nowMs;
    return Math.round(this.#meterWh);
  }

  tell(): void {
    void this.#host.ask('StatusNotification', () => this.statusNow);
  }

  get statusNow(): object {
    return {
      connectorId: this.id,
      errorCode: 'NoError',
      status: this.status,
      timestamp: isoTime(this.#clock),
    };
  }

  /** Charges from now on; false: it is in use. */
  async begin(idTag: string): Promise<boolean> {
    if (!this.isFree) return false;
    const charging: Charging = {
      idTag,
      startedAt: isoTime(this.#clock),
      meterStart: this.meter,
      transactionId: -1,
    };
    this.#charging = charging;
    this.#host.note(`connector ${this.id} charges`);
    this.tell();
    this.#timer = this.#clock.after(this.#meterMs, () => this.#sample(charging));
    const { startedAt: timestamp, meterStart } = charging;
    const answer = await this.#host.ask(
      'StartTransaction',
      () => ({ connectorId: this.id, idTag, meterStart, timestamp }),
      true,
    );
    if (answer.kind !== 'result') return true;
    charging.transactionId = Number(answer.payload['transactionId']);
    const { status } = answer.payload['idTagInfo'] as { readonly status?: unknown };
    if (status !== 'Accepted' && this.#charging === charging) await this.finish('DeAuthorized');
    return true;
  }

  /** Sends a meter value now. */
  async sample(): Promise<void> {
    const charging = this.#charging;
    const value = String(this.meter);
    const timestamp = isoTime(this.#clock);
    const power = String(charging === undefined ? 0 : this.#powerW);
    const sampledValue = [
      { value, measurand: 'Energy.Active.Import.Register', unit: 'Wh' },
      { value: power, measurand: 'Power.Active.Import', unit: 'W' },
    ];
    await this.#host.ask(
      'MeterValues',
      () => ({
        connectorId: this.id,
        ...(charging !== undefined && { transactionId: charging.transactionId }),
        meterValue: [{ timestamp, sampledValue }],
      }),
      true,
    );
  }

  async finish(reason: string): Promise<void> {
    const charging = this.#charging;
    if (charging === undefined) return;
    const meterStop = this.meter;
    const timestamp = isoTime(this.#clock);
    this.#charging = undefined;
    this.#timer?.cancel();
    this.#host.note(
      `connector ${this.id} is done: ${((meterStop - charging.meterStart) / 1000).toFixed(3)} kWh`,
    );
    const { idTag } = charging;
    const stop = () => ({ transactionId: charging.transactionId, idTag, meterStop, timestamp, reason });
    const stopped = this.#host.ask('StopTransaction', stop, true);
    this.tell();
    await stopped;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #sample(charging: Charging): void {
    if (this.#charging !== charging) return;
    void this.sample();
    this.#timer = this.#clock.after(this.#meterMs, () => this.#sample(charging));
  }
}
