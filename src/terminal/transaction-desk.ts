import { type Abortable, NOTHING_TO_ABORT, whyNotAborted } from '../application/abort.ts';
import { type Checked, readFields, rulesOf } from '../application/fields.ts';
import { mayMean, readAbort, readIdentifiers } from '../application/identifiers.ts';
import type { ApplicationEnd } from '../application/line-end.ts';
import { type Caller, isSame, type Register, type Registers } from '../application/registers.ts';
import { type Clock, isoTime } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { VOCABULARY } from '../dialect/vocabulary.ts';
import { type Answer, errorAnswer, resultAnswer } from './answer.ts';
import { AutomaticCardholder } from './automatic-cardholder.ts';
import type { Cardholder } from './cardholder.ts';
import { type CustomerDisplay, refusal } from './customer-display.ts';
import type { Known } from './known.ts';
import type { Networks } from './network/networks.ts';
import { courseOf } from './outcomes.ts';
import type { Panel } from './panel.ts';
import { Payment } from './payment.ts';
import type { Purchase } from './purchase.ts';
import type { ReceiptForm } from './receipt.ts';
import { DEFAULT_LANGUAGE, type Texts } from './texts.ts';
import type { TransactionStore } from './transaction-store.ts';
import type { Voice } from './voice.ts';

/** How long the display shows what a transaction came to. */
const OUTCOME_SHOWN_MS = 3000;
const TOTALS_RULES = rulesOf(VOCABULARY.Totals.params);

export interface TransactionDeskOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: TransactionStore;
  readonly texts: Texts;
  readonly receipts: ReceiptForm;
  readonly panel: Panel;
  readonly display: CustomerDisplay;
  readonly registers: Registers;
  readonly networks: Networks;
  readonly voice: Voice;
  /** Who will hold the card of what begins now. */
  readonly cardholder: () => Cardholder;
  /** The terminal dies between deciding and answering. */
  readonly die: () => void;
}

/** A request that moves money. `params` are valid only until the desk first waits. */
export interface Call {
  readonly method: string;
  readonly params: Buffer;
  readonly caller: Caller;
}

/** The transaction that has the terminal. */
interface Running {
  readonly payment: Payment;
  readonly caller: Caller;
  /** Whose it is, where a bridge has told. */
  readonly register: Register | undefined;
  /** Whether its connection is still there. */
  isWatched: boolean;
}

/**
 * The terminal's transactions: one at a time, known by its identifiers alone, whoever asks; it goes on when its
 * register leaves. A change of status is told to every register that is connected, for it is the terminal's; texts for
 * the cashier go to the one that pays.
 */
export class TransactionDesk {
  readonly #options: TransactionDeskOptions;
  readonly #startedMs: number;
  #running: Running | undefined;
  /** The period of the totals is being ended. */
  #isClosingPeriod = false;
  #approvals: number;

  constructor(options: TransactionDeskOptions) {
    this.#options = options;
    this.#startedMs = options.clock.wallMs();
    this.#approvals = options.store.approvals;
  }

  /** What the register does that is paying, if it is this one. */
  activityOf(caller: Caller): string | undefined {
    const running = this.#running;
    return running !== undefined && isSame(running.caller, caller) ? running.payment.text : undefined;
  }

  /** A connection is gone; a transaction that it began goes on. */
  left(gone: Caller): void {
    if (this.#running !== undefined && isSame(this.#running.caller, gone)) this.#running.isWatched = false;
  }

  /** The same for all connections of an end. */
  endClosed(end: ApplicationEnd): void {
    if (this.#running?.caller.end === end) this.#running.isWatched = false;
  }

  /** The terminal is being switched off. */
  stop(): void {
    this.#running?.payment.stop();
  }

  /** Takes in a request that moves money. */
  async begin(
    { method, params, caller }: Call,
    read: (method: string, params: Buffer) => Checked<Purchase>,
  ): Promise<Answer | undefined> {
    const checked = read(method, params);
    if (!checked.ok) return refusal(checked);
    const purchase = checked.value;
    const busy = this.busy(purchase.language);
    if (busy !== undefined) {
      const isRunning = this.#running?.payment.purchase.key === purchase.key;
      const known: Known = isRunning ? RUNNING : await this.#options.store.find(purchase);
      const isAnother = known.state === 'done' && known.key !== purchase.key; // of the same receipt
      return isAnother || HOW_KNOWN[known.state] === undefined ? busy : duplicate(known.state);
    }
    const payment = this.#paymentFor(purchase, caller);
    this.#running = { payment, caller, register: this.#options.registers.find(caller), isWatched: true };
    try {
      const record = await this.#options.store.begin(purchase);
      if (record !== 'known') {
        const answer = await payment.run(record);
        if (answer !== undefined) this.#over();
        return answer;
      }
    } finally {
      this.#running = undefined;
    }
    const { state } = await this.#options.store.find(purchase);
    return duplicate(state);
  }

  #paymentFor(purchase: Purchase, caller: Caller): Payment {
    const { clock, log, receipts, panel, texts } = this.#options;
    const cardholder = this.#options.cardholder();
    return new Payment(purchase, {
      clock,
      log,
      receipts,
      panel,
      texts,
      cardholder,
      statusChanged: () => this.#tellStatus(),
      tellCashier: (message) => {
        if (this.#running?.isWatched) this.#options.voice.notify(caller, 'PosMessage', { message });
      },
      nextTransaction: () => {
        this.#approvals += 1;
        const transactionId = `SIM-${this.#startedMs.toString(36)}-${this.#approvals}`;
        return { trace: this.#approvals, transactionId };
      },
      recorded: ({ amountMinor }) => {
        if (cardholder instanceof AutomaticCardholder && courseOf(amountMinor) === 'dies')
          this.#options.die();
      },
    });
  }

  /** Free again; the idle status comes before the answer. */
  #over(): void {
    const { lastOutcome, amount } = this.#options.panel.state;
    const lines = lastOutcome === undefined ? [] : [lastOutcome.text];
    this.#options.panel.showFor(OUTCOME_SHOWN_MS, 'message', lines, amount && { amount });
    const audience = this.audience();
    this.#running = undefined;
    this.#tellStatus(audience);
  }

  async check(params: Buffer): Promise<Answer> {
    const checked = readIdentifiers(params);
    if (!checked.ok) return refusal(checked);
    const identifiers = checked.value;
    if (this.#running !== undefined && mayMean(identifiers, this.#running.payment.purchase)) return active();
    const known = await this.#options.store.find(identifiers);
    if (known.state === 'done') return known.answer;
    if (known.state === 'running') return active();
    if (known.state === 'several') {
      const why = 'the receipt has several transactions; say which by sequence_id';
      return errorAnswer('OUTCOME_UNKNOWN', why);
    }
    if (known.state === 'lost') {
      return errorAnswer('INTERNAL_ERROR', 'the record of this transaction is damaged');
    }
    // Written down first: registers take it as proof, so these identifiers are never charged any more.
    if (known.state === 'none' && !(await this.#options.store.markAbsent(identifiers))) return active();
    return errorAnswer(
      'TRANSACTION_NOT_FOUND',
      'no transaction with these identifiers has reached the terminal',
    );
  }

  abort(params: Buffer, caller: Caller): Answer {
    const order = readAbort(params);
    if (!order.ok) return refusal(order);
    const running = this.#running;
    const refused =
      running === undefined
        ? NOTHING_TO_ABORT
        : whyNotAborted(abortableOf(running), caller, order.value, this.#options.registers);
    if (refused !== undefined) return errorAnswer(refused.code, refused.details);
    if (!running?.payment.abort()) return errorAnswer('ABORT_REFUSED', 'the transaction is decided already');
    return resultAnswer({});
  }

  async totals(params: Buffer): Promise<Answer> {
    const fields = readFields(params, TOTALS_RULES);
    if (!fields.ok) return refusal(fields);
    const closed = fields.value.close === 'true';
    const busy = closed ? this.busy() : undefined;
    if (busy !== undefined) return busy;
    const { totals } = this.#options.store;
    const { period, lines, lastClosed } = totals;
    const report = { period, closed, totals: lines, ...(lastClosed && { last_closed: lastClosed }) };
    if (!closed) return resultAnswer(report);
    this.#isClosingPeriod = true;
    try {
      await this.#options.store.closePeriod();
    } finally {
      this.#isClosingPeriod = false;
    }
    return resultAnswer(report);
  }

  /** Why nothing else can be begun. */
  busy(language = DEFAULT_LANGUAGE): Answer | undefined {
    const since = this.#running?.payment.since;
    if (this.#isClosingPeriod) return errorAnswer('BUSY', 'the totals are being closed');
    if (since === undefined && !this.#options.display.isInUse) return undefined;
    const why = since === undefined ? 'a text is being entered' : `a transaction is running since ${since}`;
    return errorAnswer('BUSY', why, this.#options.texts.say(language, 'busy'));
  }

  status(): object {
    const status = this.#running?.payment.status;
    return {
      timestamp: isoTime(this.#options.clock),
      ready_for_transaction: this.busy() === undefined,
      psp_connection_available: true,
      ...(status !== undefined && { transaction_status: status }),
      pending_transaction_count: 0,
      chip_card_in: this.#options.panel.insertedCard !== undefined,
      battery_charging: false,
      plugged_in: true,
    };
  }

  /** Everybody whom the terminal's status concerns: who is connected, and who pays. */
  audience(): Caller[] {
    const callers = new Map<unknown, Caller>(this.#options.registers.all.map((one) => [one.connection, one]));
    const { caller, isWatched = false } = this.#running ?? {};
    if (caller !== undefined && isWatched) callers.set(caller.connection ?? caller.end, caller);
    return [...callers.values()];
  }

  #tellStatus(audience = this.audience()): void {
    const status = this.status();
    this.#options.networks.isBusy = this.#running?.payment.status !== undefined;
    for (const caller of audience) this.#options.voice.notify(caller, 'StatusEvent', status);
  }
}

const RUNNING = { state: 'running' } as const;

const HOW_KNOWN: Readonly<Partial<Record<Known['state'], string>>> = {
  running: 'is running',
  done: 'is finished: ask for its outcome with Check',
  absent: 'was asked for with Check and reported as not found',
  lost: 'was here before, and its record is damaged',
};

function duplicate(state: Known['state']): Answer {
  const how = HOW_KNOWN[state] ?? HOW_KNOWN.running;
  const details = `not charged again: a transaction with these identifiers ${how}`;
  return errorAnswer('DUPLICATE_TRANSACTION', details);
}

function abortableOf({ payment, caller, register }: Running): Abortable {
  const { purchase } = payment;
  return { caller, register, identifiers: purchase, apiKey: purchase.apiKey };
}

function active(): Answer {
  return errorAnswer('TRANSACTION_ACTIVE', 'the transaction is still running');
}
