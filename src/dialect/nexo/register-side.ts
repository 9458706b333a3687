import { type Clock, isoTime } from '../../base/clock.ts';
import type { CloseReason } from '../../base/close-reason.ts';
import { errorText } from '../../rpc/error-object.ts';
import { type JsonObject, readTree, textAt, writeTree } from '../../rpc/json-tree.ts';
import { Pending } from '../../rpc/pending.ts';
import { decodeString } from '../../rpc/scan.ts';
import type { PeerAnswer, Refused, SendOutcome } from '../dialect.ts';
import type { NexoCodec } from './codec.ts';
import { DEVICE_METHODS, deviceHeader, displayOf, eventHeader, isAnswerTo } from './device.ts';
import type { MessageHeader } from './header.ts';
import { MAX_DEPTH, type NexoMessage } from './message.ts';
import { createServiceIds } from './service-ids.ts';
import { eventsOf } from './status.ts';
import type { Vendor } from './vendors.ts';

/** Requests of ours that may wait for the register at one time. */
const MAX_PENDING = 4096;

export interface RegisterSideOptions {
  readonly vendor: Vendor;
  readonly codec: NexoCodec;
  readonly maxFrameBytes: number;
  readonly clock: Clock;
  readonly random: string;
  /** The terminal's name, once it is known. */
  readonly poiId: () => string | undefined;
  readonly write: (message: Buffer) => void;
  /**
   * Says what nobody has asked for. `lost`: nobody will answer it. Undefined: only answers can be sent to this
   * register.
   */
  readonly tell: ((message: Buffer, lost: () => void) => void) | undefined;
}

interface Asked {
  readonly header: JsonObject;
  readonly settle: (answer: PeerAnswer) => void;
}

/**
 * What the terminal says to a register by itself: requests to its devices, texts for the cashier, Events. It goes to
 * the register that has spoken last on this wire.
 */
export class RegisterSide {
  readonly #options: RegisterSideOptions;
  readonly #nextId: () => string;
  /** By DeviceID. */
  readonly #pending = new Pending<Asked>(MAX_PENDING);
  #last: MessageHeader | undefined;
  #status: JsonObject | undefined;

  constructor(options: RegisterSideOptions) {
    this.#options = options;
    this.#nextId = createServiceIds(options.random);
  }

  /** The header of a register's request. */
  spoke(header: MessageHeader): void {
    this.#last = header;
  }

  request(methodText: string, params: Buffer, settle: (answer: PeerAnswer) => void): SendOutcome | 'full' {
    if (this.#pending.isFull) return 'full';
    const { codec, maxFrameBytes, tell } = this.#options;
    const method = decodeString(methodText);
    const category = DEVICE_METHODS.get(method);
    const body = readTree(params);
    const last = this.#last;
    if (category === undefined) return refuse(settle, 'JSONRPC_METHOD_NOT_FOUND', noWords(method));
    if (last === undefined)
      return refuse(settle, 'JSONRPC_INVALID_PARAMS', 'the register has not spoken yet');
    if (!body.ok) return refuse(settle, 'JSONRPC_INVALID_PARAMS', body.why);
    if (tell === undefined) return refuse(settle, 'JSONRPC_METHOD_NOT_FOUND', NO_CALLBACK);
    const DeviceID = this.#nextId();
    const header = deviceHeader(category, DeviceID, last);
    const frame = codec.encode({ header, name: `${category}Request`, body: body.value });
    if (frame.length > maxFrameBytes) return 'too-large';
    this.#pending.add(DeviceID, { header, settle });
    tell(frame, () => this.#pending.take(DeviceID)?.settle({ kind: 'error', text: UNREACHED, depth: 3 }));
    return 'sent';
  }

  notify(methodText: string, params: Buffer): SendOutcome | Refused {
    const method = decodeString(methodText);
    const read = readTree(params);
    if (!read.ok) return { code: 'JSONRPC_INVALID_PARAMS', why: read.why };
    if (method === 'PosMessage') this.#show(textAt(read.value, 'message') ?? '');
    else if (method === 'StatusEvent') this.#changed(read.value);
    else return { code: 'JSONRPC_METHOD_NOT_FOUND', why: noWords(method) };
    return 'sent';
  }

  /** False: the register answers something that is not open. */
  answered({ header, body }: NexoMessage): boolean {
    const id = header.DeviceID ?? '';
    const asked = this.#pending.take(id);
    if (asked === undefined) return false;
    if (!isAnswerTo(header, asked.header)) {
      this.#pending.add(id, asked);
      return false;
    }
    asked.settle({ kind: 'result', text: Buffer.from(writeTree(body)), depth: MAX_DEPTH });
    return true;
  }

  /** @param about the request that it is about; default: the register's last. */
  sayEvent(event: string, details?: string, about?: MessageHeader, RejectedMessage?: string): void {
    this.#options.write(this.#event(event, details, about, RejectedMessage));
  }

  #event(event: string, details?: string, about?: MessageHeader, RejectedMessage?: string): Buffer {
    const { vendor, codec, clock, poiId } = this.#options;
    const own = { vendor, POIID: poiId(), ServiceID: this.#nextId() };
    const header = eventHeader(about ?? this.#last, own);
    const body = { TimeStamp: isoTime(clock), EventToNotify: event, EventDetails: details, RejectedMessage };
    return codec.encode({ header, name: 'EventNotification', body });
  }

  settleAll(reason: CloseReason): void {
    const text = errorText('CONNECTION_CLOSED', reason.text);
    this.#pending.settleAll(({ settle }) => settle({ kind: 'error', text, depth: 2, lost: reason }));
  }

  #show(message: string): void {
    const { vendor, codec, tell } = this.#options;
    if (this.#last === undefined || tell === undefined) return;
    const header = deviceHeader('Display', this.#nextId(), this.#last);
    tell(codec.encode({ header, name: 'DisplayRequest', body: displayOf(message, vendor) }), () => {});
  }

  #changed(status: JsonObject): void {
    const events = eventsOf(this.#status, status);
    this.#status = status;
    for (const event of events) this.#options.tell?.(this.#event(event), () => {});
  }
}

const NO_CALLBACK = 'over HTTP only answers can be sent to a register that names no X-Callback-Url';
const UNREACHED = errorText('CONNECTION_CLOSED', 'the register does not answer at its X-Callback-Url');

function refuse(settle: (answer: PeerAnswer) => void, code: string, why: string): 'sent' {
  settle({ kind: 'error', text: errorText(code, why), depth: 3 });
  return 'sent';
}

function noWords(method: string): string {
  return `nexo has no ${method} toward a register`;
}
