import { type Clock, isoTime, type Timer } from '../../../base/clock.ts';
import { describeFault } from '../../../base/errors.ts';
import { pause } from '../../../base/pause.ts';
import { OutputQueue } from '../../../wire/output-queue.ts';
import type { Wire } from '../../../wire/wire.ts';
import { type Action, actionRow, isAction } from '../actions.ts';
import { decodeFrame, encodeCall, encodeError, encodeResult } from '../frame.ts';
import { checkPayload } from '../schema.ts';
import { answerTo } from './charge-point-answers.ts';
import { type Answer, ChargePointCalls } from './charge-point-calls.ts';
import { Connector } from './connector.ts';

export interface ChargePointOptions {
  readonly clock: Clock;
  readonly newId: () => string;
  /** Opens a connection to the central system. */
  readonly open: () => Promise<Wire>;
  readonly connectors: number;
  /** Between meter values of a running transaction. */
  readonly meterMs: number;
  /** Watts while it charges. */
  readonly powerW: number;
  /** Every message as it crosses, and what the charge point does. */
  readonly show: (direction: 'in' | 'out' | 'note', text: string) => void;
}

const RECONNECT_MS = 1000;
const RECONNECT_LIMIT_MS = 10_000;
const HEARTBEAT_S = 300;

/**
 * A simulated charge point: it connects, boots, charges, answers whatever it is asked, and goes on charging while it is
 * offline.
 *
 *   offline ──connected──▶ booting ──Accepted──▶ working ──connection lost──▶ offline
 *   booting ──Pending, Rejected──▶ booting, after the interval
 *   any ──stop──▶ stopped
 */
export class ChargePoint {
  readonly connectors: readonly Connector[];
  readonly configuration: Map<string, string>;
  readonly #options: ChargePointOptions;
  readonly #calls: ChargePointCalls;
  #state: 'offline' | 'booting' | 'working' | 'stopped' = 'offline';
  #output: OutputQueue | undefined;
  #wire: Wire | undefined;
  #timer: Timer | undefined;
  #retryMs = RECONNECT_MS;
  /** It was accepted by this central system before, and has not restarted since. */
  #hasBooted = false;
  /** It stays away on purpose. */
  #isAway = false;
  readonly #watchers = new Set<() => void>();

  constructor(options: ChargePointOptions) {
    const { clock, newId, connectors, meterMs } = options;
    this.#options = options;
    this.#calls = new ChargePointCalls({
      clock,
      newId,
      send: (id, action, payload) => this.#call(id, action, payload),
    });
    this.configuration = new Map([
      ['HeartbeatInterval', `${HEARTBEAT_S}`],
      ['MeterValueSampleInterval', `${Math.round(meterMs / 1000)}`],
      ['NumberOfConnectors', `${connectors}`],
      [
        'SupportedFeatureProfiles',
        'Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger',
      ],
    ]);
    this.connectors = Array.from(
      { length: connectors },
      (_, index) => new Connector(index + 1, this, options),
    );
  }

  get isWorking(): boolean {
    return this.#state === 'working';
  }

  /** Nothing is left to be said. */
  get isIdle(): boolean {
    return this.#calls.isIdle;
  }

  connector(id: number | undefined): Connector | undefined {
    return id === undefined ? this.connectors.find(({ isFree }) => isFree) : this.connectors[id - 1];
  }

  /** Begins to connect; goes on until `stop`. */
  start(): void {
    void this.#connect();
  }

  stop(): void {
    this.#state = 'stopped';
    this.#timer?.cancel();
    for (const connector of this.connectors) connector.close();
    this.#output?.end();
    this.#changed();
  }

  /** Loses its connection, and stays away for so long. */
  async goOffline(ms: number): Promise<void> {
    this.#isAway = true;
    this.#options.show('note', `offline for ${ms / 1000} s`);
    this.#wire?.destroy();
    await this.pause(ms);
    this.#isAway = false;
    if (this.#state === 'offline') void this.#connect();
  }

  /** As after a power cut: what runs ends, and it boots anew. */
  restart(reason: 'HardReset' | 'SoftReset'): void {
    for (const connector of this.connectors) if (!connector.isFree) void connector.finish(reason);
    this.#hasBooted = false;
    this.#options.clock.after(0, () => this.#wire?.destroy());
  }

  pause(ms: number): Promise<void> {
    return pause(this.#options.clock, ms);
  }

  /** Resolves when `look` says so, or when it is stopped. */
  until(look: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const watch = () => {
        if (!look() && this.#state !== 'stopped') return;
        this.#watchers.delete(watch);
        resolve();
      };
      this.#watchers.add(watch);
      watch();
    });
  }

  ask(action: Action, payload: () => object, isKept = false): Promise<Answer> {
    const asked = this.#calls.ask(action, payload, isKept);
    void asked.then(() => this.#changed());
    return asked;
  }

  note(text: string): void {
    this.#options.show('note', text);
  }

  async boot(): Promise<void> {
    const answer = await this.ask('BootNotification', () => ({
      chargePointVendor: 'posbridge',
      chargePointModel: 'simulated',
      firmwareVersion: '1.0',
    }));
    if (this.#state !== 'booting') return;
    const { status, interval } = answer.kind === 'result' ? answer.payload : { status: 'none', interval: 5 };
    const seconds = Number(interval) > 0 ? Number(interval) : HEARTBEAT_S;
    if (status === 'Accepted') {
      this.#hasBooted = true;
      this.configuration.set('HeartbeatInterval', `${seconds}`);
      await this.#work();
      return;
    }
    this.#timer = this.#options.clock.after(Math.min(seconds, 60) * 1000, () => void this.boot());
  }

  // The connection.

  async #connect(): Promise<void> {
    try {
      const wire = await this.#options.open();
      if (this.#state === 'stopped' || this.#isAway) {
        wire.destroy();
        return;
      }
      this.#attach(wire);
    } catch (fault) {
      this.#options.show('note', `no connection: ${describeFault(fault)}`);
      this.#later();
    }
  }

  #attach(wire: Wire): void {
    this.#retryMs = RECONNECT_MS;
    this.#wire = wire;
    const output = new OutputQueue(wire, { clock: this.#options.clock, onStalled: () => wire.destroy() });
    this.#output = output;
    this.#state = 'booting';
    wire.start({
      chunk: (bytes) => this.#receive(bytes),
      end: () => output.end(() => wire.destroy()),
      closed: () => {
        output.abandon();
        if (this.#wire === wire) this.#lost();
      },
    });
    this.#options.show('note', 'connected');
    this.#calls.online();
    void (this.#hasBooted ? this.#work() : this.boot());
  }

  async #work(): Promise<void> {
    this.#state = 'working';
    await this.ask('StatusNotification', () => ({
      connectorId: 0,
      errorCode: 'NoError',
      status: 'Available',
    }));
    for (const connector of this.connectors) connector.tell();
    this.#beat();
    this.#changed();
  }

  #beat(): void {
    const seconds = Number(this.configuration.get('HeartbeatInterval')) || HEARTBEAT_S;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(seconds * 1000, () => {
      if (this.#state !== 'working') return;
      void this.ask('Heartbeat', () => ({}));
      this.#beat();
    });
  }

  #lost(): void {
    this.#wire = undefined;
    this.#output = undefined;
    this.#timer?.cancel();
    this.#calls.offline();
    if (this.#state === 'stopped') return;
    this.#state = 'offline';
    this.#options.show('note', 'the connection is lost');
    this.#changed();
    if (!this.#isAway) this.#later();
  }

  #later(): void {
    if (this.#state === 'stopped') return;
    this.#timer = this.#options.clock.after(this.#retryMs, () => void this.#connect());
    this.#retryMs = Math.min(this.#retryMs * 2, RECONNECT_LIMIT_MS);
  }

  // Messages.

  #call(id: string, action: Action, payload: object): void {
    this.#write(encodeCall(id, action, JSON.stringify(payload)));
  }

  #write(bytes: Buffer): void {
    this.#options.show('out', bytes.toString());
    this.#output?.push(bytes, 'normal');
  }

  #receive(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#options.show('in', bytes.toString());
    const frame = decodeFrame(bytes);
    if (frame.kind === 'result') {
      this.#calls.answered(frame.id, {
        kind: 'result',
        payload: frame.payload.value as Record<string, unknown>,
      });
    } else if (frame.kind === 'error') this.#calls.answered(frame.id, { kind: 'error', code: frame.code });
    else if (frame.kind === 'call') this.#asked(frame.id, frame.action, frame.payload.value);
  }

  #asked(id: string, action: string, payload: unknown): void {
    if (!isAction(action)) {
      this.#write(encodeError(id, 'NotImplemented', 'this action is not known'));
    } else if (actionRow(action).fromCentralSystem !== true) {
      this.#write(encodeError(id, 'NotSupported', 'this action is not for a charge point'));
    } else {
      const checked = checkPayload(action, 'req', payload);
      if (!checked.ok) {
        this.#write(encodeError(id, checked.code, checked.description));
        return;
      }
      const { answer, after } = answerTo(this, action, checked.value);
      this.#write(encodeResult(id, JSON.stringify(answer)));
      after?.();
    }
  }

  #changed(): void {
    for (const watch of [...this.#watchers]) watch();
  }

  get now(): string {
    return isoTime(this.#options.clock);
  }
}
