import { readTree, textAt } from '../../rpc/json-tree.ts';
import { Delivery } from './delivery.ts';
import { type Element, field } from './document.ts';
import { membersOf } from './json-fields.ts';
import { answerSecurity, macVerdict } from './pairing.ts';
import { type BuiltResponse, plainResponse } from './payment-response.ts';
import { Payments } from './payments.ts';
import { prepared } from './prepared.ts';
import { Registers, type Speaker } from './registers.ts';
import { fieldOf, isTrue, listenerIn, type ScaRequest } from './request.ts';
import { OK, rejected, responseOf } from './responses.ts';
import { methodOf } from './routes.ts';
import type { Speaking } from './speaking.ts';
import { statusFields } from './status.ts';
import type { Running } from './terminal.ts';

const MAX_INVOICE = 40;
/** A payment whose register is gone is asked about so often at most, by those whom it keeps waiting. */
const LOOK_AGAIN_MS = 5000;

/** Obeys the requests of one connection, by the rules of the terminal's state. */
export class Obedience {
  readonly #speaking: Speaking;
  readonly #registers: Registers;
  readonly #payments: Payments;
  /** The running request that was asked about last. */
  #lookedAfter: Running | undefined;

  constructor(speaking: Speaking, random: string) {
    this.#speaking = speaking;
    this.#registers = new Registers(speaking, random);
    this.#payments = new Payments(speaking);
  }

  connected(): void {
    this.#registers.connected();
  }

  /** What is running for others than payments is over with the connection. */
  disconnected(): void {
    this.#registers.disconnected();
    this.#payments.disconnected();
    const { running } = this.#terminal;
    if (running === undefined || this.#payments.has(running)) return;
    if (this.#registers.has(running.owner)) this.#terminal.end(running);
  }

  obey(request: ScaRequest): void {
    const { functionType, command, rules, echo } = request;
    const { host, end, port } = this.#speaking;
    if (request.isUnknown)
      host.log.warn('a command that the specification does not name is passed on', { functionType, command });
    if (port === 'secondary' && !rules.isSecondary) {
      const why = 'primary commands go to the primary port';
      this.#speaking.answer(request, rejected(end.options.assumed, why));
      return;
    }
    const speaker = this.#registers.identify(request);
    if (!('owner' in speaker)) {
      this.#speaking.answer(request, speaker);
    } else if (speaker.isVerified) {
      // A counter that was used must never be taken again, after a restart either.
      this.#speaking.after(end.save(host.log), () => {
        if (!this.#speaking.isClosed) this.#obey(request, speaker);
      });
    } else {
      this.#obey(request, speaker);
      this.#registers.note(echo.counter);
    }
  }

  #obey(request: ScaRequest, speaker: Speaker): void {
    const { functionType, command, rules } = request;
    const refusal = this.#terminal.refusalOf(functionType, command, rules, speaker.owner);
    if (refusal !== undefined) {
      this.#speaking.answer(request, refusal);
      this.#lookAfter();
    } else if (rules.movesMoney) {
      this.#payments.pay(request, speaker);
    } else if (functionType === 'SECURITY') {
      this.#security(request, speaker);
    } else {
      switch (`${functionType}.${command}`) {
        case 'SESSION.START':
          this.#start(request, speaker);
          return;
        case 'SESSION.FINISH':
          this.#finish(request);
          return;
        case 'ADMIN.GET_COUNTER':
          this.#tellCounter(request);
          return;
        case 'REPORT.LAST_TRAN':
          this.#payments.lastTransaction(request, speaker);
          return;
        case 'SECONDARYPORT.CANCEL':
          this.#payments.cancel(request);
          return;
        case 'SECONDARYPORT.STATUS':
          this.#status(request);
          return;
        default:
          this.#pass(request, speaker);
      }
    }
  }

  /** What is running may belong to a register that has not come back: somebody has to find out what became of it. */
  #lookAfter(): void {
    const { running } = this.#terminal;
    if (running === undefined || running.owner.isOpen || this.#lookedAfter === running) return;
    this.#lookedAfter = running;
    const { clock } = this.#speaking.host;
    clock.after(LOOK_AGAIN_MS, () => {
      if (this.#lookedAfter === running) this.#lookedAfter = undefined;
    });
    new Delivery(this.#speaking, running.owner.register).resolve();
  }

  // Registration and counters.

  #tellCounter(request: ScaRequest): void {
    const counter = this.#registers.counterFor(request);
    const echo = { posRecon: request.echo.posRecon };
    if (counter === undefined)
      this.#speaking.answer({ echo }, macVerdict('unknown label', this.#speaking.end));
    else this.#speaking.answer({ echo }, OK, [field('COUNTER', counter)]);
  }

  #security(request: ScaRequest, { owner }: Speaker): void {
    const { host, end } = this.#speaking;
    const code = fieldOf(request, 'ENTRY_CODE');
    if (code !== undefined) this.#speaking.hide(code);
    const running: Running = { owner, command: request.command };
    this.#terminal.begin(running);
    answerSecurity(
      request,
      end,
      (length, typed) => this.#typeCode(length, typed),
      (response) => {
        this.#terminal.end(running);
        this.#speaking.after(end.save(host.log), () => this.#speaking.respond(response));
      },
    );
  }

  #typeCode(length: number, typed: (code: string | undefined) => void): void {
    const params = { text: 'Pairing code shown by the register', max_length: length, timeout_ms: 60_000 };
    this.#speaking.ask('TextInput', Buffer.from(JSON.stringify(params)), (kind, text) => {
      const read = kind === 'result' ? readTree(text) : undefined;
      const code = read?.ok === true ? textAt(read.value, 'text')?.trim() : undefined;
      return {
        send: () => {
          typed(code);
          return 'sent';
        },
      };
    });
  }

  // Sessions.

  #start(request: ScaRequest, { owner }: Speaker): void {
    const { host, end } = this.#speaking;
    const invoice = fieldOf(request, 'INVOICE') ?? '';
    if (invoice === '' || invoice.length > MAX_INVOICE) {
      const why = `INVOICE must have 1 to ${MAX_INVOICE} characters`;
      this.#speaking.answer(request, rejected(end.options.assumed, why, 'FIELD_ERROR'));
      return;
    }
    if (isTrue(fieldOf(request, 'TRAINING_MODE')))
      host.log.warn('the register asks for training; it is told that training is off');
    const start = new Date(host.clock.wallMs()).toISOString().replace(/[-:.]/g, '');
    const receiptId = `${invoice}/${start}-${host.randomId()}`;
    this.#terminal.start({
      invoice,
      receiptId,
      startedMs: host.clock.nowMs(),
      owner,
      wantsNotifications: isTrue(fieldOf(request, 'NOTIFY_SCA_EVENTS')),
      listener: listenerIn(request),
    });
    this.#tellSession('START', receiptId, request.fields);
    this.#speaking.answer(request, { ...OK, text: this.#inCase('Session Started') }, [
      field('TRAINING_MODE', 'OFF'),
    ]);
  }

  #finish(request: ScaRequest): void {
    this.#endSession(request.fields);
    this.#speaking.answer(request, { ...OK, text: this.#inCase('Session finished') });
  }

  #endSession(fields: readonly Element[]): void {
    const session = this.#terminal.finish();
    if (session !== undefined) this.#tellSession('FINISH', session.receiptId, fields);
  }

  #tellSession(command: string, receiptId: string, fields: readonly Element[]): void {
    const own = membersOf(fields);
    const params = `{"receipt_id":${JSON.stringify(receiptId)}${own === '' ? '' : ','}${own}}`;
    this.#speaking.tell(methodOf('SESSION', command), Buffer.from(params));
  }

  #inCase(text: string): string {
    return this.#speaking.end.options.assumed['text-case'] === 'upper' ? text.toUpperCase() : text;
  }

  // Everything else.

  /** The terminal's own state is told even where no application answers. */
  #status(request: ScaRequest): void {
    const { host, end } = this.#speaking;
    this.#speaking.ask('Status', Buffer.from('{}'), (kind, text) => {
      const read = readTree(text);
      const status = kind === 'result' && read.ok ? read.value : undefined;
      return {
        send: () => {
          const fields = statusFields(this.#terminal, end.options.assumed, host.clock.nowMs(), status);
          const said = { ...OK, text: 'Operation SUCCESSFUL' };
          return this.#speaking.answer(request, said, fields) ? 'sent' : 'closed';
        },
      };
    });
  }

  #pass(request: ScaRequest, { owner }: Speaker): void {
    const { functionType, command, rules, fields, echo } = request;
    const { end } = this.#speaking;
    const basket = functionType === 'LINE_ITEM' ? this.#terminal.session?.basket : undefined;
    const fault = basket?.apply(command, fields);
    if (fault !== undefined) {
      this.#speaking.answer(request, rejected(end.options.assumed, fault, 'FIELD_ERROR'));
      return;
    }
    const isAlongside = rules.isSecondary === true || this.#terminal.running !== undefined;
    const running: Running | undefined = isAlongside ? undefined : { owner, command };
    if (running !== undefined) this.#terminal.begin(running);
    const params = Buffer.from(`{${membersOf(fields)}}`);
    this.#speaking.ask(methodOf(functionType, command), params, (kind, text) => {
      // Closing the lane is ours to do, whether or not somebody shows the text.
      const isDone = command === 'LANE_CLOSED' && (kind === 'result' || isUnknownMethod(text));
      const built: BuiltResponse =
        isDone && kind === 'error'
          ? { ok: true, document: responseOf({ ...OK, text: 'Lane Closed' }, [], echo) }
          : plainResponse(kind, text, echo, end.options);
      return prepared(built, (response) => {
        if (running !== undefined) this.#terminal.end(running);
        if (isDone || (command === 'REBOOT' && kind === 'result')) this.#endSession([]);
        return this.#speaking.respond(response) ? 'sent' : 'closed';
      });
    });
  }

  get #terminal() {
    return this.#speaking.end.terminal;
  }
}

function isUnknownMethod(error: Buffer): boolean {
  const read = readTree(error);
  return read.ok && textAt(read.value, 'data', 'string_code') === 'JSONRPC_METHOD_NOT_FOUND';
}
