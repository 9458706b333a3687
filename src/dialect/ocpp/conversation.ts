import { isoTime } from '../../base/clock.ts';
import type { CloseReason } from '../../base/close-reason.ts';
import { describeFault } from '../../base/errors.ts';
import type { ConnectionEvents, Conversation, ConversationHost, PeerConnection } from '../dialect.ts';
import { type Action, actionRow, isAction, METHOD_PREFIX } from './actions.ts';
import { AskingApplication, type Hearing } from './asking-application.ts';
import type { Central, ConnectedChargePoint } from './central.ts';
import type { CentralStore } from './database/store.ts';
import type { Registration } from './database/tables.ts';
import type { ErrorCode } from './errors.ts';
import { decodeFrame, encodeCall, encodeError, encodeResult, type Frame } from './frame.ts';
import { handlerOf } from './handling.ts';
import type { HandlingHost, OpenCall } from './handling-host.ts';
import { checkPayload } from './schema.ts';
import { DEPTH, TowardChargePoint } from './toward-charge-point.ts';

/** CALLs of a charge point that may be open; the protocol wants one. */
const MAX_OPEN = 64;
/** Broken messages in a row after which a peer is no charge point. */
const MAX_BAD = 10;
/** A charge point that is not accepted asks again after so many seconds, at the latest. */
const RETRY_BOOT_S = 60;

/**
 * The central system's end of one charge point's connection.
 *
 *   loading ──the database says what the last boot was answered with──▶ open ──either side leaves, ten bad messages──▶
 *   over
 *
 * CALLs that come while it loads wait for it. Registration is of the charge point, not of the connection: who was
 * accepted once and connects again works at once.
 */
export class CentralConversation implements Conversation, ConnectedChargePoint, HandlingHost {
  readonly identity: string;
  readonly store: CentralStore;
  readonly peer: PeerConnection;
  readonly central: Central;
  readonly #host: ConversationHost;
  readonly #events: ConnectionEvents;
  readonly #open = new Map<string, OpenCall>();
  readonly #asking: AskingApplication;
  readonly #toward: TowardChargePoint;
  readonly #handler: ReturnType<typeof handlerOf>;
  readonly #isLenient: boolean;
  #state: 'open' | 'over' = 'open';
  /** Undefined: it has never booted, as far as we know. */
  #registration: Registration | undefined;
  #hasAskedToBoot = false;
  #loading: Promise<void> | undefined;
  #bad = 0;

  constructor(host: ConversationHost, identity: string, central: Central) {
    this.#host = host;
    this.identity = identity;
    this.central = central;
    this.store = central.store(host);
    this.#isLenient = central.settings.isLenient(identity);
    this.#toward = new TowardChargePoint({
      identity,
      isLenient: this.#isLenient,
      clock: host.clock,
      statistics: host.statistics,
      registration: () => this.#registration,
      send: (id, action, payload) => this.#send('call', encodeCall(id, action, payload), id, action),
    });
    this.peer = this.#toward.peer((reason) => this.#end(reason, 'ended'));
    this.#events = host.opened(this.peer, identity);
    this.#asking = new AskingApplication(this.#events, () => this.#state === 'open');
    this.#handler = handlerOf(this);
    central.enter(this);
    this.#load();
  }

  get clock(): ConversationHost['clock'] {
    return this.#host.clock;
  }

  get log(): ConversationHost['log'] {
    return this.#host.log;
  }

  // The wire.

  receive(chunk: Buffer): void {
    if (this.#state === 'over' || chunk.length === 0) return; // some send empty messages to show that they are alive
    this.store.chargePoints.seen(this.identity);
    const frame = decodeFrame(chunk);
    this.#record(frame, chunk);
    if (frame.kind !== 'bad') this.#bad = 0;
    switch (frame.kind) {
      case 'call':
        this.#call(frame);
        break;
      case 'result':
        if (!this.#toward.answered(frame.id, { kind: 'result', payload: frame.payload })) this.#late();
        break;
      case 'error':
        if (!this.#toward.answered(frame.id, frame)) this.#late();
        break;
      case 'ignored':
        this.#host.statistics.count('ignored messages');
        break;
      case 'bad':
        this.#badMessage(frame);
    }
  }

  endOfInput(): void {
    this.lost({ code: 'CONNECTION_CLOSED', text: 'the charge point has closed the connection', by: 'peer' });
  }

  congested(): void {}

  lost(reason: CloseReason): void {
    this.#end(reason, 'lost');
  }

  refused(why: string): void {
    this.log.warn('the charge point sends what is no text message', { why });
    this.#end({ code: 'CONNECTION_CLOSED', text: why, by: 'us' }, 'broken');
  }

  turnOut(why: string): void {
    this.log.info('the connection is closed', { why });
    this.#end({ code: 'CONNECTION_CLOSED', text: why, by: 'us' }, 'ended');
  }

  // CALLs of the charge point.

  #call({ id, action, payload }: Extract<Frame, { kind: 'call' }>): void {
    if (this.#open.has(id)) {
      // The first one's answer answers this one, too.
      this.#host.statistics.count('repeated ids');
      return;
    }
    if (!isAction(action)) {
      this.#refuse(id, action, 'NotImplemented', 'this action is not known');
    } else if (actionRow(action).fromChargePoint === undefined) {
      this.#refuse(id, action, 'NotSupported', 'this action is not for a central system');
    } else if (this.#open.size >= MAX_OPEN) {
      this.#refuse(id, action, 'InternalError', 'too many CALLs are open');
    } else {
      const checked = checkPayload(action, 'req', payload.value, this.#isLenient ? 'lenient' : 'strict');
      if (!checked.ok) {
        this.#refuse(id, action, checked.code, checked.description);
        return;
      }
      if (checked.repaired) this.#host.statistics.count('repaired payloads');
      const text = checked.repaired ? JSON.stringify(checked.value) : payload.text;
      const call: OpenCall = { id, action, text, value: checked.value };
      this.#open.set(id, call);
      if (this.#loading === undefined) this.#admit(call);
      else void this.#loading.then(() => this.#admit(call));
    }
  }

  /** Before a charge point is accepted it may boot, and tell what it was asked for. */
  #admit(call: OpenCall): void {
    if (!this.isOpen(call)) return;
    const { action } = call;
    const isAllowed =
      this.#registration === 'Accepted' ||
      action === 'BootNotification' ||
      (this.#registration === 'Pending' && this.#toward.wasTriggered(action));
    if (isAllowed) this.#handler.handle(call);
    else {
      this.error(call, 'SecurityError', 'this charge point is not accepted yet');
      this.#askToBoot();
    }
  }

  #askToBoot(): void {
    if (this.#registration !== undefined || this.#hasAskedToBoot) return;
    this.#hasAskedToBoot = true;
    this.#toward.askToBoot();
  }

  // What the handling of a CALL may use.

  isOpen(call: OpenCall): boolean {
    return this.#open.get(call.id) === call;
  }

  /** `payload` is an object's JSON text. */
  result(call: OpenCall, payload: string): void {
    if (this.#close(call)) this.#send('result', encodeResult(call.id, payload), call.id, call.action);
  }

  error(call: OpenCall, code: ErrorCode, description: string, details?: string): void {
    if (!this.#close(call)) return;
    this.#host.statistics.count(`${call.action}: ${code}`);
    this.#send('error', encodeError(call.id, code, description, details), call.id, call.action);
  }

  get bootAnswer(): {
    readonly status: Registration;
    readonly currentTime: string;
    readonly interval: number;
  } {
    const { heartbeatS } = this.central.settings;
    const status = this.central.settings.registrationOf(this.identity);
    const interval = status === 'Accepted' ? heartbeatS : Math.min(heartbeatS, RETRY_BOOT_S);
    return { status, currentTime: isoTime(this.clock), interval };
  }

  registered(status: Registration): void {
    this.#registration = status;
    this.#toward.booted();
    this.log.info('the charge point has booted', { registration: status });
  }

  ask(action: Action, params: string, hearing: Hearing): void {
    this.#asking.ask(action, params, hearing);
  }

  tell(action: Action, params: string): void {
    if (this.#state === 'over') return;
    this.#events.notification({
      method: METHOD_PREFIX + action,
      methodText: `"${METHOD_PREFIX}${action}"`,
      params: Buffer.from(params),
      depth: DEPTH,
    });
  }

  // Messages.

  #refuse(id: string, action: string, code: ErrorCode, description: string): void {
    this.#host.statistics.count(`${isAction(action) ? action : 'unknown action'}: ${code}`);
    this.log.info('a CALL was refused', { action: action.slice(0, 64), code, why: description });
    this.#send('error', encodeError(id, code, description), id, action);
  }

  #badMessage({ why, refuse }: Extract<Frame, { kind: 'bad' }>): void {
    this.#host.statistics.count('bad messages');
    this.log.warn('a message of the charge point breaks the protocol', { why });
    if (refuse !== undefined) this.#send('error', encodeError(refuse.id, refuse.code, why), refuse.id, '');
    this.#bad += 1;
    if (this.#bad < MAX_BAD) return;
    this.#end({ code: 'CONNECTION_CLOSED', text: `${MAX_BAD} broken messages in a row`, by: 'us' }, 'broken');
  }

  #late(): void {
    this.#host.statistics.count('late answers of the peer');
    this.log.info('an answer of the charge point fits no call');
  }

  #send(kind: 'call' | 'result' | 'error', bytes: Buffer, id: string, action: string): void {
    if (this.#state === 'over') return;
    const text = bytes.toString();
    this.#host.send(bytes, 'normal');
    this.#recordOne('out', kind, id, action, text);
  }

  #record(frame: Frame, chunk: Buffer): void {
    const text = chunk.toString();
    if (frame.kind === 'bad' || frame.kind === 'ignored') {
      this.#recordOne('in', 'bad', '', '', text);
      return;
    }
    const { kind, id } = frame;
    const action = kind === 'call' ? frame.action : (this.#toward.actionOf(id) ?? '');
    this.#recordOne('in', kind, id, action, text);
  }

  #recordOne(
    direction: 'in' | 'out',
    kind: 'call' | 'result' | 'error' | 'bad',
    id: string,
    action: string,
    text: string,
  ): void {
    const at = isoTime(this.clock);
    const place = { charge_point: this.identity, at, direction, kind } as const;
    const names = { action: isAction(action) ? action : '', message_id: id.slice(0, MAX_SHOWN_ID) };
    this.central.frame(this.store, { ...place, ...names }, text);
  }

  // Beginning and end.

  #load(): void {
    const loading = this.store.presence.connected(this.identity).then(
      (registration) => {
        this.#registration ??= registration;
        if (registration === 'Accepted') this.#handler.accepted();
      },
      (fault: unknown) => this.log.warn('the registration cannot be read', { why: describeFault(fault) }),
    );
    this.#loading = loading.then(() => {
      this.#loading = undefined;
    });
  }

  #close(call: OpenCall): boolean {
    if (!this.isOpen(call)) return false;
    this.#open.delete(call.id);
    return true;
  }

  #end(reason: CloseReason, how: 'ended' | 'broken' | 'lost'): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#open.clear();
    this.#handler.close();
    this.#toward.close();
    if (this.central.leave(this)) this.store.presence.disconnected(this.identity);
    this.#events.closed(reason);
    this.#host.finished(reason, how);
  }
}

const MAX_SHOWN_ID = 64;
