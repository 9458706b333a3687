import { memberAt, readTree, textAt } from '../../rpc/json-tree.ts';
import { REFUSED_CODES } from '../../rpc/outcome.ts';
import type { ScaDocument } from './document.ts';
import type { LastPayment } from './memory.ts';
import { readPayment } from './payment.ts';
import { lastResponse, paymentResponse } from './payment-response.ts';
import { prepared } from './prepared.ts';
import type { Speaker } from './registers.ts';
import type { ScaRequest } from './request.ts';
import { CANCELLED, OK, rejected, responseOf, type Verdict } from './responses.ts';
import type { Speaking } from './speaking.ts';
import type { Owner, Running } from './terminal.ts';

/** The requests of one connection that move money, and those about them: CANCEL and LAST_TRAN. */
export class Payments {
  readonly #speaking: Speaking;
  /** Payments that are not answered yet. */
  readonly #open = new Map<Running, { readonly owner: Owner; readonly payment: LastPayment }>();

  constructor(speaking: Speaking) {
    this.#speaking = speaking;
  }

  /** Payments go on without the connection, and their responses are kept for the next one. */
  disconnected(): void {
    for (const { owner, payment } of this.#open.values())
      this.#speaking.end.keep(owner.register, payment, undefined);
  }

  has(running: Running): boolean {
    return this.#open.has(running);
  }

  pay(request: ScaRequest, { owner, isVerified }: Speaker): void {
    const { host, end } = this.#speaking;
    const { session } = end.terminal;
    const payment = readPayment(request, {
      ...end.options,
      session,
      isVerified,
      randomId: () => host.randomId(),
    });
    if (!('remembered' in payment)) {
      this.#speaking.answer(request, payment);
      return;
    }
    const { method, params } = payment;
    const remembered = { ...payment.remembered, ...(owner.isNameless && { isNameless: true }) };
    const before = end.lastOf(owner.register);
    const running: Running = { owner, command: request.command };
    end.terminal.begin(running);
    this.#open.set(running, { owner, payment: remembered });
    end.setLast(owner.register, remembered);
    const over = () => {
      this.#open.delete(running);
      end.terminal.end(running);
    };
    const notBegun = () => {
      session?.payments.delete(remembered.sequenceId);
      end.setLast(owner.register, before);
    };
    this.#speaking.after(end.save(host.log), () => {
      if (this.#speaking.isClosed) {
        // No application has heard of it, and the register hears that when it is back.
        over();
        notBegun();
        end.keep(owner.register, remembered, responseOf(CANCELLED, [], request.echo));
        return;
      }
      this.#speaking.ask(method, params, (kind, text) =>
        prepared(paymentResponse(kind, text, remembered, end.options), (response) => {
          over();
          if (kind === 'error' && isRefusal(text)) notBegun();
          else end.setLast(owner.register, { ...remembered, isOpen: false });
          void end.save(host.log);
          return this.#deliver(owner, remembered, response);
        }),
      );
    });
  }

  #deliver(owner: Owner, payment: LastPayment, response: ScaDocument): 'sent' | 'closed' {
    if (this.#speaking.respond(response)) {
      this.#speaking.responded(owner, payment, response);
      return 'sent';
    }
    this.#speaking.end.keep(owner.register, payment, response);
    return 'closed';
  }

  /** Tells a register what became of its last payment; another register's is none of its business. */
  lastTransaction(request: ScaRequest, { owner }: Speaker): void {
    const { end } = this.#speaking;
    const last = end.lastOf(owner.register);
    if (last === undefined) {
      // One that nobody can tell from others may have made the payments of a connection that is gone.
      const why = end.hasNameless ? 'Payments of other connections only' : 'No transaction';
      this.#speaking.answer(request, rejected(end.options.assumed, why));
      return;
    }
    const running: Running = { owner, command: request.command };
    end.terminal.begin(running);
    this.#speaking.ask('Check', identityOf(last), (kind, text) =>
      prepared(lastResponse(kind, text, last, end.options), (response) => {
        end.terminal.end(running);
        return this.#speaking.respond(response) ? 'sent' : 'closed';
      }),
    );
  }

  cancel(request: ScaRequest): void {
    const { end } = this.#speaking;
    const { running } = end.terminal;
    if (running === undefined) {
      this.#speaking.answer(request, this.#cancelVerdict('NOTHING_TO_ABORT'));
      return;
    }
    const payment = end.lastOf(running.owner.register);
    const params = payment?.isOpen === true ? identityOf(payment) : Buffer.from('{}');
    this.#speaking.ask('Abort', params, (kind, text) => {
      const read = readTree(text);
      const code = read.ok ? textAt(read.value, 'data', 'string_code') : undefined;
      const said = kind === 'result' ? OK : this.#cancelVerdict(code ?? '');
      return { send: () => (this.#speaking.answer(request, said) ? 'sent' : 'closed') };
    });
  }

  #cancelVerdict(code: string): Verdict {
    const { assumed } = this.#speaking.end.options;
    return code === 'NOTHING_TO_ABORT'
      ? { ...rejected(assumed, 'Nothing to cancel'), code: assumed['cancel-nothing-code'] }
      : { ...rejected(assumed, 'Cannot be cancelled'), code: assumed['cancel-refused-code'] };
  }
}

/** What names a payment to an application. */
export function identityOf({ receiptId, sequenceId }: LastPayment): Buffer {
  return Buffer.from(JSON.stringify({ receipt_id: receiptId, sequence_id: sequenceId }));
}

/** Nothing has begun, so that the identifiers are free again. */
function isRefusal(error: Buffer): boolean {
  const read = readTree(error);
  if (!read.ok || memberAt(read.value, 'data', 'outcome') !== undefined) return false;
  return REFUSED_CODES.has(textAt(read.value, 'data', 'string_code') ?? '');
}
