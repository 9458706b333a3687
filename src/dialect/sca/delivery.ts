import type { Timer } from '../../base/clock.ts';
import { readStatement } from '../../rpc/outcome.ts';
import type { LastPayment } from './memory.ts';
import { paymentResponse } from './payment-response.ts';
import { CANCELLED, responseOf } from './responses.ts';
import type { Speaking } from './speaking.ts';

/** How often an outcome that is not known yet is asked for. */
const ASK_AGAIN_MS = 5000;

/**
 * Brings a register the response to a payment whose connection was lost: at once where the outcome is known, else as
 * soon as the journal or the application tells it. While it is not known the terminal stays busy with it, unless nobody
 * works on it any more.
 */
export class Delivery {
  readonly #speaking: Speaking;
  readonly #register: string;
  #timer: Timer | undefined;
  #isStopped = false;
  #delivers = false;

  constructor(speaking: Speaking, register: string) {
    this.#speaking = speaking;
    this.#register = register;
  }

  /**
   * Only finds out what became of it, for a register that is not here: until then the terminal is busy for everybody.
   */
  resolve(): void {
    const undelivered = this.#speaking.end.undeliveredFor(this.#register);
    if (undelivered === undefined) this.#release();
    else if (undelivered.response === undefined) this.#ask(undelivered.payment);
  }

  start(): void {
    const { end } = this.#speaking;
    this.#delivers = true;
    const undelivered = end.undeliveredFor(this.#register);
    if (undelivered === undefined || this.#isStopped) return;
    const { payment, response } = undelivered;
    if (response === undefined) this.#ask(payment);
    else if (this.#speaking.respond(response)) end.delivered(this.#register);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #ask(payment: LastPayment): void {
    const { host, end } = this.#speaking;
    const { receiptId, sequenceId } = payment;
    const params = Buffer.from(JSON.stringify({ receipt_id: receiptId, sequence_id: sequenceId }));
    this.#speaking.ask('Check', params, (kind, text) => {
      const { says } = readStatement({ kind, text });
      const response =
        says === 'not-found'
          ? responseOf(CANCELLED, [], payment)
          : says === 'charged' || says === 'not-charged'
            ? built(kind, text, payment, end.options)
            : undefined;
      return {
        send: () => {
          if (says !== 'active') this.#release();
          if (response === undefined) {
            if (this.#delivers) this.#again();
          } else {
            this.#close(payment);
            void end.save(host.log);
            end.keep(this.#register, payment, response);
            if (this.#delivers) this.start();
          }
          return 'sent';
        },
      };
    });
  }

  /** A newer payment stays the last one. */
  #close(payment: LastPayment): void {
    const { end } = this.#speaking;
    const last = end.lastOf(this.#register);
    if (last?.receiptId === payment.receiptId && last.sequenceId === payment.sequenceId)
      end.setLast(this.#register, { ...payment, isOpen: false });
  }

  #again(): void {
    if (this.#isStopped) return;
    this.#timer = this.#speaking.host.clock.after(ASK_AGAIN_MS, () => this.start());
  }

  /** Nobody works on it any more. */
  #release(): void {
    const { terminal } = this.#speaking.end;
    const { running } = terminal;
    if (running !== undefined && !running.owner.isOpen && running.owner.register === this.#register)
      terminal.end(running);
  }
}

function built(
  kind: 'result' | 'error',
  text: Buffer,
  payment: LastPayment,
  options: Parameters<typeof paymentResponse>[3],
) {
  const response = paymentResponse(kind, text, payment, options);
  return response.ok ? response.document : undefined;
}
