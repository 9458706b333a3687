import type { ChannelName } from '../../base/channel-name.ts';
import { isoTime } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import { faultPoint } from '../../base/fault-point.ts';
import { scanObject } from '../../rpc/scan.ts';
import { type Action, actionRow } from './actions.ts';
import { CallApplication } from './call-application.ts';
import { channelOfData } from './data-transfer.ts';
import type { NotedStatus } from './database/charge-points.ts';
import {
  type BootRequest,
  type MeterRequest,
  type StartRequest,
  type StatusRequest,
  type StopRequest,
  storable,
} from './database/rows.ts';
import { deliver } from './deliver.ts';
import { Delivery } from './delivery.ts';
import type { HandlingHost, OpenCall } from './handling-host.ts';
import { isAway, isUnwanted } from './mapping.ts';
import { Waits } from './waits.ts';

export interface CallHandler {
  handle(call: OpenCall): void;
  /** The charge point may work: what waits for its applications can go there. */
  accepted(): void;
  close(): void;
}

export function handlerOf(host: HandlingHost): CallHandler {
  return new Handling(host);
}

const EMPTY = '{}';

/** What becomes of each CALL of an accepted charge point. */
class Handling implements CallHandler {
  readonly #host: HandlingHost;
  readonly #application: CallApplication;
  readonly #delivery: Delivery;
  readonly #waits = new Waits();
  /** Resolves when the last CALL that has to keep its order is answered. */
  #ordered: Promise<void> = Promise.resolve();

  constructor(host: HandlingHost) {
    this.#host = host;
    const { identity, store, clock, log } = host;
    const waits = this.#waits;
    this.#application = new CallApplication(host, waits);
    this.#delivery = new Delivery({
      identity,
      store,
      clock,
      log,
      deliver: (message) => deliver(message, { ask: host.ask.bind(host), log, waits }),
    });
  }

  handle(call: OpenCall): void {
    if (!actionRow(call.action).isOrdered) {
      void this.#run(call);
      return;
    }
    this.#ordered = this.#ordered.then(() => this.#run(call));
  }

  accepted(): void {
    const { central, identity } = this.#host;
    if (!central.settings.usesSpool) return;
    // What was begun while it was away comes to its end first.
    void central.quiet(identity).then(() => this.#delivery.poke());
  }

  close(): void {
    this.#delivery.close();
    this.#waits.close();
  }

  /** Never rejects. Of a CALL in order it resolves when it is answered. */
  async #run(call: OpenCall): Promise<void> {
    if (!this.#host.isOpen(call)) return;
    try {
      await this.#answer(call);
    } catch (fault) {
      // What the database does not take is not answered as if it had: the charge point keeps it and tries again.
      this.#host.log.debug('a CALL could not be handled', { action: call.action, why: describeFault(fault) });
      this.#host.error(call, 'InternalError', 'this cannot be stored at the moment; try again later');
    }
  }

  #answer(call: OpenCall): Promise<void> | void {
    const { action, value } = call;
    switch (action) {
      case 'BootNotification':
        return this.#boot(call, value as unknown as BootRequest);
      case 'Heartbeat':
        this.#host.result(call, JSON.stringify({ currentTime: isoTime(this.#host.clock) }));
        return;
      case 'StartTransaction':
        return this.#start(call, storable(value as unknown as StartRequest));
      case 'StopTransaction':
        return this.#stop(call, storable(value as unknown as StopRequest));
      case 'MeterValues':
        return this.#meter(call, storable(value as unknown as MeterRequest));
      case 'SecurityEventNotification':
        return this.#securityEvent(call);
      case 'StatusNotification':
        this.#status(storable(value as unknown as StatusRequest));
        return this.#tell(call);
      case 'SignCertificate':
        return this.#passOn(call, { instead: '{"status":"Rejected"}' });
      case 'DataTransfer':
        return this.#vendor(call);
      case 'Authorize':
        return this.#passOn(call);
      default:
        this.#note(action, value);
        return this.#tell(call);
    }
  }

  // Local.

  async #boot(call: OpenCall, boot: BootRequest): Promise<void> {
    const { store, identity } = this.#host;
    const answer = this.#host.bootAnswer;
    await store.chargePoints.booted(identity, storable(boot), answer.status);
    this.#host.registered(answer.status);
    const model = `${boot.chargePointVendor} ${boot.chargePointModel}`;
    this.#host.central.events?.booted(identity, answer.status, model, boot.firmwareVersion ?? '');
    this.#host.result(call, JSON.stringify({ ...answer, currentTime: isoTime(this.#host.clock) }));
    this.#host.tell(call.action, call.text);
    if (answer.status === 'Accepted') this.accepted();
  }

  #status(status: StatusRequest): void {
    const { store, identity } = this.#host;
    store.chargePoints.connectorStatus(identity, status).catch(() => undefined); // the queue has said it
    this.#host.central.events?.status(identity, status.connectorId, status.status, status.errorCode);
  }

  #note(action: Action, { status }: Readonly<Record<string, unknown>>): void {
    const column = NOTED[action];
    if (column === undefined || typeof status !== 'string') return;
    const { store, identity } = this.#host;
    store.chargePoints.noted(identity, column, status).catch(() => undefined);
  }

  #tell(call: OpenCall): void {
    this.#host.result(call, EMPTY);
    this.#host.tell(call.action, call.text);
  }

  // An application decides.

  #passOn(
    call: OpenCall,
    { instead, channel }: { readonly instead?: string; readonly channel?: ChannelName } = {},
  ): Promise<void> {
    return this.#application.asked(call, call.text, {
      ...(channel !== undefined && { channel }),
      failed: (error) => {
        if (instead !== undefined && (isAway(error) || isUnwanted(error))) this.#host.result(call, instead);
        else this.#application.fail(call, error);
      },
    });
  }

  #vendor(call: OpenCall): Promise<void> | void {
    const { dataTransfer } = this.#host.central.settings;
    const to = channelOfData(dataTransfer, call.value as { vendorId: string; messageId?: string });
    if (to !== 'UnknownVendorId' && to !== 'UnknownMessageId') return this.#passOn(call, { channel: to });
    this.#host.result(call, JSON.stringify({ status: to }));
  }

  async #start(call: OpenCall, start: StartRequest): Promise<void> {
    const { store, identity, log } = this.#host;
    const { id, answer } = await store.started(identity, start);
    faultPoint('after-persist');
    this.#host.central.events?.started(identity, start.connectorId, id, start.timestamp, start.meterStart);
    const complete = (idTagInfo: string) => `{"transactionId":${id},"idTagInfo":${idTagInfo}}`;
    if (answer !== undefined) {
      this.#host.result(call, complete(answer));
      return;
    }
    // The application needs the number to stop it from afar; asked again about the same start it gets the same one.
    const params = `{"transactionId":${id},${call.text.replace(/^\s*\{/, '')}`;
    await this.#application.asked(call, params, {
      answerOf: (result) => {
        const [given, idTagInfo] = scanObject(result, ['transactionId', 'idTagInfo']).values;
        if (given !== undefined && given.toString() !== String(id)) {
          log.warn('the application gives a transactionId of its own; it is not used', { transactionId: id });
        }
        return idTagInfo === undefined ? undefined : complete(idTagInfo.toString());
      },
      answered: (payload) => {
        const { idTagInfo } = JSON.parse(payload) as { readonly idTagInfo: unknown };
        return store.startAnswered(identity, id, JSON.stringify(idTagInfo));
      },
      failed: (error) => this.#application.fail(call, error),
    });
  }

  async #stop(call: OpenCall, stop: StopRequest): Promise<void> {
    const { store, identity } = this.#host;
    const { usesSpool } = this.#host.central.settings;
    const spool = usesSpool ? { action: call.action, payload: call.text } : undefined;
    const { id, answer } = await store.stopped(identity, stop, spool);
    faultPoint('after-persist');
    this.#host.central.events?.stopped(identity, stop.transactionId);
    if (answer !== undefined || usesSpool) {
      this.#host.result(call, answer ?? EMPTY);
      this.#delivery.poke();
      return;
    }
    await this.#application.asked(call, call.text, {
      answered: (payload) => store.stopAnswered(identity, id, payload),
      failed: (error) =>
        this.#application.failKept(call, error, () => store.stopAnswered(identity, id, EMPTY)),
    });
  }

  async #meter(call: OpenCall, meter: MeterRequest): Promise<void> {
    const { store, identity } = this.#host;
    const { usesSpool } = this.#host.central.settings;
    await store.metered(identity, meter, usesSpool ? { action: call.action, payload: call.text } : undefined);
    faultPoint('after-persist');
    this.#host.central.events?.metered(identity, meter.connectorId, meter.meterValue);
    if (!usesSpool) {
      await this.#application.asked(call, call.text, {
        failed: (error) => this.#application.failKept(call, error),
      });
      return;
    }
    this.#host.result(call, EMPTY);
    this.#delivery.poke();
  }

  async #securityEvent(call: OpenCall): Promise<void> {
    const { store, identity } = this.#host;
    if (!this.#host.central.settings.usesSpool) {
      await this.#application.asked(call, call.text, {
        failed: (error) => this.#application.failKept(call, error),
      });
      return;
    }
    await store.spool(identity, { action: call.action, payload: call.text });
    faultPoint('after-persist');
    this.#host.result(call, EMPTY);
    this.#delivery.poke();
  }
}

/** Where the last status of a kind is kept. */
const NOTED: Readonly<Partial<Record<Action, NotedStatus>>> = {
  DiagnosticsStatusNotification: 'diagnostics_status',
  FirmwareStatusNotification: 'firmware_status',
  SignedFirmwareStatusNotification: 'firmware_status',
  LogStatusNotification: 'log_status',
};
