import { type Abortable, NOTHING_TO_ABORT, whyNotAborted } from '../application/abort.ts';
import { type Checked, readFields, rulesOf } from '../application/fields.ts';
import { mayMean, readAbort, readIdentifiers } from '../application/identifiers.ts';
import { type ApplicationEnd, LineEnd, type Receiver } from '../application/line-end.ts';
import { type Caller, isSame, type Register, Registers } from '../application/registers.ts';
import { type Clock, isoTime } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { VOCABULARY } from '../dialect/vocabulary.ts';
import type { Message } from '../rpc/message.ts';
import type { Wire } from '../wire/wire.ts';
import { type Answer, errorAnswer, resultAnswer } from './answer.ts';
import { AutomaticCardholder } from './automatic-cardholder.ts';
import type { Cardholder } from './cardholder.ts';
import { CARDS } from './cards.ts';
import { CustomerDisplay, refusal } from './customer-display.ts';
import type { Known } from './known.ts';
import { MessageLog } from './message-log.ts';
import type { DownloadSource } from './network/download.ts';
import { LargeDownload } from './network/large-download.ts';
import { Networks } from './network/networks.ts';
import { courseOf } from './outcomes.ts';
import { Panel } from './panel.ts';
import { Payment } from './payment.ts';
import { Person } from './person.ts';
import { type Purchase, readPurchase, readReversal } from './purchase.ts';
import type { ReceiptForm } from './receipt.ts';
import type { RegisterState, ScreenAction, ScreenModel, ScreenState } from './screen-model.ts';
import type { ScriptPlayer } from './script-player.ts';
import { Texts } from './texts.ts';
import { MemoryStore, type TransactionStore } from './transaction-store.ts';

const DEFAULT_DELAY_MS = 1000;
const DEFAULT_VERSION = '18.9.0';
/** Bytes a second, as registers use it for the network proxy. */
const DEFAULT_LINK_SPEED = 100_000;
/** How long the display shows what a transaction came to. */
const OUTCOME_SHOWN_MS = 3000;
const MAX_ATTACHMENTS = 1000;
const DEFAULT_LANGUAGE = 'en';
/** What public registers read. */
const DEFAULT_RECEIPTS = 'text';
const TOTALS_RULES = rulesOf(VOCABULARY.Totals.params);

export interface TerminalOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** From a Purchase to its answer; with a person, what the issuer takes is a third of it. Default 1000. */
  readonly delayMs?: number;
  /** Default: as long as the process lives. Closed with the terminal. */
  readonly store?: TransactionStore;
  readonly texts?: Texts;
  /** MAJOR.MINOR.PATCH. */
  readonly version?: string;
  /** Bytes a second. */
  readonly linkSpeed?: number;
  /** How results carry receipts. Default: `text`. */
  readonly receipts?: ReceiptForm;
  /** What the test `large_file_download` gets; default: it is refused. */
  readonly download?: DownloadSource;
  /** Whether a person at a screen decides, else the amount does; a function is asked at the beginning of each transaction. */
  readonly isInteractive?: boolean | (() => boolean);
  /** Answers instead of the terminal, except what it leaves. */
  readonly script?: ScriptPlayer;
  /** Dies between deciding and answering, where the amount says so. Default: drops every attachment. */
  readonly die?: () => void;
}

/** A request. `params` are valid only until the handler first waits. */
interface Call {
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

/** Undefined: nobody waits for it any more. */
type Handled = Answer | Promise<Answer | undefined>;

/**
 * A simulated payment terminal: one card reader behind any number of attachments and connections.
 *
 *   free → busy (a transaction, or a text that is entered) → free … → closed
 *
 * One transaction at a time, known by its identifiers alone, whoever asks; it goes on when its register leaves. A change of
 * status is told to every register that is connected, for it is the terminal's; texts for the cashier go to the one that pays.
 */
export class Terminal implements Receiver {
  readonly #options: TerminalOptions;
  readonly #startedMs: number;
  readonly #store: TransactionStore;
  readonly #texts: Texts;
  readonly #panel: Panel;
  readonly #display: CustomerDisplay;
  readonly #messages: MessageLog;
  readonly #automatic: Cardholder;
  readonly #person: Person;
  /** And whom to tell when one is closed. */
  readonly #ends = new Map<ApplicationEnd, () => void>();
  readonly #registers = new Registers();
  readonly #networks: Networks;
  readonly #download: LargeDownload;
  #running: Running | undefined;
  /** The period of the totals is being ended. */
  #isClosingPeriod = false;
  #approvals: number;
  #isClosed = false;

  constructor(options: TerminalOptions) {
    const { clock, delayMs = DEFAULT_DELAY_MS } = options;
    this.#options = options;
    this.#startedMs = clock.wallMs();
    this.#store = options.store ?? new MemoryStore();
    this.#approvals = this.#store.approvals;
    this.#texts = options.texts ?? new Texts();
    this.#messages = new MessageLog(clock);
    const texts = this.#texts;
    const panel = new Panel(clock, texts.say(DEFAULT_LANGUAGE, 'welcome'));
    this.#panel = panel;
    this.#person = new Person({ clock, panel, processingMs: Math.floor(delayMs / 3) });
    this.#automatic = new AutomaticCardholder({ clock, panel, delayMs });
    this.#display = new CustomerDisplay({ clock, panel, texts, cardholder: () => this.#cardholder });
    const { log, linkSpeed = DEFAULT_LINK_SPEED, download: source } = options;
    this.#networks = new Networks({ clock, log, linkSpeed });
    this.#download = new LargeDownload({ clock, panel, source });
  }

  /** Speaks on a wire that carries lines, until it closes. */
  attach(wire: Wire, gone?: () => void): void {
    this.attachEnd(new LineEnd(wire, this), gone);
  }

  /** Takes an end that was made with this terminal as its receiver. `gone` is called when it is closed. */
  attachEnd(end: ApplicationEnd, gone: () => void = () => {}): void {
    this.#ends.set(end, gone);
    if (this.#isClosed || this.#ends.size > MAX_ATTACHMENTS) end.destroy();
  }

  /** What a screen shows and does. Messages are kept from the first call on. */
  get screen(): ScreenModel {
    this.#messages.open();
    const screenState = () => this.#screenState;
    const messages = () => this.#messages.messages;
    return {
      get state() {
        return screenState();
      },
      get messages() {
        return messages();
      },
      watch: (changed) => this.#panel.watch(changed),
      act: (action) => this.#act(action),
    };
  }

  /** Writes what waits, closes every attachment and lets go of the store. Safe to repeat. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#panel.close();
    this.#options.script?.stop();
    this.#running?.payment.stop();
    this.#display.leave();
    this.#networks.leave();
    await Promise.all([...this.#ends.keys()].map((end) => this.#finish(end)));
    await this.#store.close();
  }

  // What comes in.

  receive(message: Message, connection: string | undefined, end: ApplicationEnd): void {
    const caller = { end, connection };
    if (message.kind === 'request') this.#request(message, caller);
    else if (message.kind === 'notification' && message.method === 'Data') {
      this.#networks.data(caller, message.params);
    } else if (message.kind === 'notification') {
      const { method, params } = message;
      this.#log(caller, { direction: 'in', kind: 'notification', method, id: '' }, params);
      if (method === '_Connected' && this.#registers.connected(end, connection, params))
        this.#panel.changed();
      else if (method === '_Disconnected') this.#left(caller);
      else if (method === 'Abort') this.#abort({ method, params, caller });
    } else this.#networks.answered(message);
  }

  closed(end: ApplicationEnd): void {
    const gone = this.#ends.get(end);
    this.#ends.delete(end);
    this.#registers.closed(end);
    if (this.#running?.caller.end === end) this.#running.isWatched = false;
    this.#display.leave({ end });
    this.#networks.leave({ end });
    this.#panel.changed();
    gone?.();
  }

  #left(caller: Caller): void {
    this.#registers.disconnected(caller.end, caller.connection);
    if (this.#running !== undefined && isSame(this.#running.caller, caller)) this.#running.isWatched = false;
    this.#display.leave(caller);
    this.#networks.leave(caller);
    this.#panel.changed();
  }

  #request({ id, idText, method, params }: Extract<Message, { kind: 'request' }>, caller: Caller): void {
    const { end, connection } = caller;
    const { script } = this.#options;
    this.#log(caller, { direction: 'in', kind: 'request', method, id }, params);
    const answer = (one: Answer) => {
      this.#log(caller, { direction: 'out', kind: one.kind, method, id }, one.text);
      end.answer({ connection, idText }, one);
    };
    if (script !== undefined && !script.leaves(method)) {
      const notify = (name: string, values: object) => this.#notify(caller, name, values);
      script.request(method, params, { answer, notify, close: () => void this.#finish(end) });
      return;
    }
    const handler = this.#handlers.get(method);
    if (handler === undefined) {
      answer(errorAnswer('JSONRPC_METHOD_NOT_FOUND', 'the simulated terminal has no such method'));
      return;
    }
    const handled = handler({ method, params, caller });
    if (!(handled instanceof Promise)) {
      answer(handled);
      return;
    }
    handled.then(
      (one) => one !== undefined && answer(one),
      (fault) => {
        const why = describeFault(fault);
        this.#options.log.error('a request failed', { method, why });
        answer(errorAnswer('INTERNAL_ERROR', `the terminal cannot read or write what it remembers: ${why}`));
      },
    );
  }

  readonly #handlers = new Map<string, (call: Call) => Handled>([
    ['Purchase', (call) => this.#begin(call, readPurchase)],
    ['Refund', (call) => this.#begin(call, readPurchase)],
    ['Reversal', (call) => this.#begin(call, readReversal)],
    ['Check', (call) => this.#check(call)],
    ['Abort', (call) => this.#abort(call)],
    ['Totals', ({ params }) => this.#totals(params)],
    ['Status', () => resultAnswer(this.#status())],
    ['TerminalInfo', () => this.#info()],
    ['VersionInfo', () => this.#info()],
    ['Print', ({ params }) => this.#display.print(params)],
    ['Test', ({ params, caller }) => this.#display.test(params, () => this.#testDownload(caller))],
    ['NetworkStart', ({ caller }) => this.#networkStart(caller)],
    ['NetworkStop', ({ caller }) => this.#networkStop(caller)],
    ['Data', ({ params, caller }) => this.#data(params, caller)],
    ['NetworkDisconnected', ({ params, caller }) => this.#networkDisconnected(params, caller)],
    ['DisplayScreen', ({ params }) => this.#busy() ?? this.#display.show(params)],
    ['Suspend', ({ params }) => this.#busy() ?? this.#display.suspend(params)],
    ['TextInput', ({ params, caller }) => this.#busy() ?? this.#display.enterText(params, caller)],
  ]);

  // Transactions.

  async #begin(
    { method, params, caller }: Call,
    read: (method: string, params: Buffer) => Checked<Purchase>,
  ): Promise<Answer | undefined> {
    const checked = read(method, params);
    if (!checked.ok) return refusal(checked);
    const purchase = checked.value;
    const busy = this.#busy(purchase.language);
    if (busy !== undefined) {
      const isRunning = this.#running?.payment.purchase.key === purchase.key;
      const known: Known = isRunning ? RUNNING : await this.#store.find(purchase);
      const isAnother = known.state === 'done' && known.key !== purchase.key; // of the same receipt
      return isAnother || HOW_KNOWN[known.state] === undefined ? busy : duplicate(known.state);
    }
    const payment = this.#paymentFor(purchase, caller);
    this.#running = { payment, caller, register: this.#registers.find(caller), isWatched: true };
    try {
      const record = await this.#store.begin(purchase);
      if (record !== 'known') {
        const answer = await payment.run(record);
        if (answer !== undefined) this.#over();
        return answer;
      }
    } finally {
      this.#running = undefined;
    }
    const { state } = await this.#store.find(purchase);
    return duplicate(state);
  }

  /** Who will hold the card of what begins now. */
  get #cardholder(): Cardholder {
    return this.#isInteractive ? this.#person : this.#automatic;
  }

  get #isInteractive(): boolean {
    const { isInteractive = false } = this.#options;
    return typeof isInteractive === 'function' ? isInteractive() : isInteractive;
  }

  #paymentFor(purchase: Purchase, caller: Caller): Payment {
    const { clock, log, receipts = DEFAULT_RECEIPTS } = this.#options;
    const cardholder = this.#cardholder;
    return new Payment(purchase, {
      clock,
      log,
      receipts,
      panel: this.#panel,
      texts: this.#texts,
      cardholder,
      statusChanged: () => this.#tellStatus(),
      tellCashier: (message) => {
        if (this.#running?.isWatched) this.#notify(caller, 'PosMessage', { message });
      },
      nextTransaction: () => {
        this.#approvals += 1;
        const transactionId = `SIM-${this.#startedMs.toString(36)}-${this.#approvals}`;
        return { trace: this.#approvals, transactionId };
      },
      recorded: ({ amountMinor }) => {
        if (cardholder === this.#automatic && courseOf(amountMinor) === 'dies') this.#die();
      },
    });
  }

  /** Free again; the idle status comes before the answer. */
  #over(): void {
    const { lastOutcome, amount } = this.#panel.state;
    const lines = lastOutcome === undefined ? [] : [lastOutcome.text];
    this.#panel.showFor(OUTCOME_SHOWN_MS, 'message', lines, amount && { amount });
    const audience = this.#audience();
    this.#running = undefined;
    this.#tellStatus(audience);
  }

  async #check({ params }: Call): Promise<Answer> {
    const checked = readIdentifiers(params);
    if (!checked.ok) return refusal(checked);
    const identifiers = checked.value;
    if (this.#running !== undefined && mayMean(identifiers, this.#running.payment.purchase)) return active();
    const known = await this.#store.find(identifiers);
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
    if (known.state === 'none' && !(await this.#store.markAbsent(identifiers))) return active();
    return errorAnswer(
      'TRANSACTION_NOT_FOUND',
      'no transaction with these identifiers has reached the terminal',
    );
  }

  #abort({ params, caller }: Call): Answer {
    const order = readAbort(params);
    if (!order.ok) return refusal(order);
    const running = this.#running;
    const refused =
      running === undefined
        ? NOTHING_TO_ABORT
        : whyNotAborted(abortableOf(running), caller, order.value, this.#registers);
    if (refused !== undefined) return errorAnswer(refused.code, refused.details);
    if (!running?.payment.abort()) return errorAnswer('ABORT_REFUSED', 'the transaction is decided already');
    return resultAnswer({});
  }

  async #totals(params: Buffer): Promise<Answer> {
    const fields = readFields(params, TOTALS_RULES);
    if (!fields.ok) return refusal(fields);
    const closed = fields.value.close === 'true';
    const busy = closed ? this.#busy() : undefined;
    if (busy !== undefined) return busy;
    const { totals } = this.#store;
    const { period, lines, lastClosed } = totals;
    const report = { period, closed, totals: lines, ...(lastClosed && { last_closed: lastClosed }) };
    if (!closed) return resultAnswer(report);
    this.#isClosingPeriod = true;
    try {
      await this.#store.closePeriod();
    } finally {
      this.#isClosingPeriod = false;
    }
    return resultAnswer(report);
  }

  #die(): void {
    const { die, log } = this.#options;
    if (die !== undefined) {
      die();
      return;
    }
    log.warn('every attachment is dropped, as the amount says');
    for (const end of this.#ends.keys()) end.destroy();
  }

  #info(): Answer {
    const { version = DEFAULT_VERSION, linkSpeed = DEFAULT_LINK_SPEED } = this.#options;
    return resultAnswer({ version, link_speed: linkSpeed, sales_location_name: 'Simulator' });
  }

  // The network of a register.

  #networkStart(caller: Caller): Answer {
    if (this.#networks.offered(caller)) return resultAnswer({});
    return errorAnswer('BUSY', 'too many registers offer their network');
  }

  #networkStop(caller: Caller): Answer {
    this.#networks.withdrawn(caller);
    return resultAnswer({});
  }

  /** From a register that wants to know that it has arrived. */
  #data(params: Buffer, caller: Caller): Answer {
    this.#networks.data(caller, params);
    return resultAnswer({});
  }

  #networkDisconnected(params: Buffer, caller: Caller): Answer {
    this.#networks.disconnected(caller, params);
    return resultAnswer({});
  }

  #testDownload(caller: Caller): Promise<Answer> {
    return this.#download.run(this.#networks.find(caller));
  }

  // What is shown and told.

  /** Why nothing else can be begun. */
  #busy(language = DEFAULT_LANGUAGE): Answer | undefined {
    const since = this.#running?.payment.since;
    if (this.#isClosingPeriod) return errorAnswer('BUSY', 'the totals are being closed');
    if (since === undefined && !this.#display.isInUse) return undefined;
    const why = since === undefined ? 'a text is being entered' : `a transaction is running since ${since}`;
    return errorAnswer('BUSY', why, this.#texts.say(language, 'busy'));
  }

  #status(): object {
    const status = this.#running?.payment.status;
    return {
      timestamp: isoTime(this.#options.clock),
      ready_for_transaction: this.#busy() === undefined,
      psp_connection_available: true,
      ...(status !== undefined && { transaction_status: status }),
      pending_transaction_count: 0,
      chip_card_in: this.#panel.insertedCard !== undefined,
      battery_charging: false,
      plugged_in: true,
    };
  }

  /** Everybody whom the terminal's status concerns: who is connected, and who pays. */
  #audience(): Caller[] {
    const callers = new Map<unknown, Caller>(this.#registers.all.map((one) => [one.connection, one]));
    const { caller, isWatched = false } = this.#running ?? {};
    if (caller !== undefined && isWatched) callers.set(caller.connection ?? caller.end, caller);
    return [...callers.values()];
  }

  #tellStatus(audience = this.#audience()): void {
    const status = this.#status();
    this.#networks.isBusy = this.#running?.payment.status !== undefined;
    for (const caller of audience) this.#notify(caller, 'StatusEvent', status);
  }

  #notify(caller: Caller, method: string, params: object): void {
    this.#log(
      caller,
      { direction: 'out', kind: 'notification', method, id: '' },
      Buffer.from(JSON.stringify(params)),
    );
    caller.end.notify(caller.connection, method, params);
  }

  #log(
    { connection = '' }: Caller,
    message: Omit<Parameters<MessageLog['add']>[0], 'connection'>,
    text: Buffer,
  ): void {
    const { log } = this.#options;
    if (log.enabled('trace')) log.trace('message', { ...message, connection, text: text.toString() });
    if (this.#messages.add({ ...message, connection }, text)) this.#panel.changed();
  }

  get #screenState(): ScreenState {
    return {
      ...this.#panel.state,
      cards: CARDS.map(({ id, name, scheme, canTap, canInsert }) => ({
        id,
        name,
        scheme,
        canTap,
        canInsert,
      })),
      isInteractive: this.#isInteractive,
      registers: this.#registerStates(),
    };
  }

  #registerStates(): RegisterState[] {
    const running = this.#running;
    const peers = new Map(this.#registers.all.map(({ connection, peer }) => [connection, peer]));
    return this.#audience().map((caller) => ({
      connection: caller.connection ?? '',
      peer: peers.get(caller.connection) ?? caller.end.peer,
      ...(running !== undefined && isSame(running.caller, caller) && { activity: running.payment.text }),
    }));
  }

  #act(action: ScreenAction): void {
    const { stage } = this.#panel;
    if (action.do === 'tear-receipt') this.#panel.tearReceipt();
    else if (stage === 'suspended' || (stage === 'message' && action.do === 'key')) this.#panel.idle();
    if (this.#person.isAsked || (this.#isInteractive && this.#busy() === undefined)) this.#person.act(action);
  }

  /** Ends an attachment in good order, at the latest after a while. */
  async #finish(end: ApplicationEnd): Promise<void> {
    const limit = this.#options.clock.after(FINISH_LIMIT_MS, () => end.destroy());
    await end.finish();
    limit.cancel();
  }
}

const FINISH_LIMIT_MS = 2000;
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
