import { type ApplicationEnd, LineEnd, type Receiver } from '../application/line-end.ts';
import { type Caller, Registers } from '../application/registers.ts';
import type { Clock } from '../base/clock.ts';
import { describeFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Refusal } from '../dialect/simulator.ts';
import { errorText } from '../rpc/error-object.ts';
import type { Message } from '../rpc/message.ts';
import type { Wire } from '../wire/wire.ts';
import { type Answer, errorAnswer, resultAnswer } from './answer.ts';
import { AutomaticCardholder } from './automatic-cardholder.ts';
import { CustomerDisplay } from './customer-display.ts';
import { MessageLog } from './message-log.ts';
import type { DownloadSource } from './network/download.ts';
import { LargeDownload } from './network/large-download.ts';
import { Networks } from './network/networks.ts';
import { Panel } from './panel.ts';
import { Person } from './person.ts';
import { readPurchase, readReversal } from './purchase.ts';
import type { ReceiptForm } from './receipt.ts';
import type { LinkState, ScreenModel } from './screen-model.ts';
import type { ScriptPlayer } from './script-player.ts';
import { TerminalScreen } from './terminal-screen.ts';
import { DEFAULT_LANGUAGE, Texts } from './texts.ts';
import { type Call, TransactionDesk } from './transaction-desk.ts';
import { MemoryStore, type TransactionStore } from './transaction-store.ts';
import { Voice } from './voice.ts';

const DEFAULT_DELAY_MS = 1000;
const DEFAULT_VERSION = '18.9.0';
/** Bytes a second, as registers use it for the network proxy. */
const DEFAULT_LINK_SPEED = 100_000;
const MAX_ATTACHMENTS = 1000;
/** What public registers read. */
const DEFAULT_RECEIPTS = 'text';

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
  /**
   * Whether a person at a screen decides, else the amount does; a function is asked at the beginning of each
   * transaction.
   */
  readonly isInteractive?: boolean | (() => boolean);
  /** Answers instead of the terminal, except what it leaves. */
  readonly script?: ScriptPlayer;
  /** Dies between deciding and answering, where the amount says so. Default: drops every attachment. */
  readonly die?: () => void;
}

/** Undefined: nobody waits for it any more. */
type Handled = Answer | Promise<Answer | undefined>;

/**
 * A simulated payment terminal: one card reader behind any number of attachments and connections.
 *
 *   free → busy (a transaction, or a text that is entered) → free … → closed
 *
 * Takes what comes in to the part that it concerns; the transactions are the desk's.
 */
export class Terminal implements Receiver {
  readonly #options: TerminalOptions;
  readonly #store: TransactionStore;
  readonly #panel: Panel;
  readonly #display: CustomerDisplay;
  readonly #messages: MessageLog;
  /** And whom to tell when one is closed. */
  readonly #ends = new Map<ApplicationEnd, () => void>();
  readonly #registers = new Registers();
  readonly #networks: Networks;
  readonly #download: LargeDownload;
  readonly #voice: Voice;
  readonly #desk: TransactionDesk;
  readonly #screen: TerminalScreen;
  #link: (() => LinkState) | undefined;
  #isClosed = false;

  constructor(options: TerminalOptions) {
    const { clock, delayMs = DEFAULT_DELAY_MS } = options;
    this.#options = options;
    this.#store = options.store ?? new MemoryStore();
    this.#messages = new MessageLog(clock);
    const texts = options.texts ?? new Texts();
    const panel = new Panel(clock, texts.say(DEFAULT_LANGUAGE, 'welcome'));
    this.#panel = panel;
    const person = new Person({ clock, panel, processingMs: Math.floor(delayMs / 3) });
    const automatic = new AutomaticCardholder({ clock, panel, delayMs });
    const cardholder = () => (this.#isInteractive ? person : automatic);
    this.#display = new CustomerDisplay({ clock, panel, texts, cardholder });
    const { log, linkSpeed = DEFAULT_LINK_SPEED, download: source } = options;
    this.#networks = new Networks({ clock, log, linkSpeed });
    this.#download = new LargeDownload({ clock, panel, source });
    this.#voice = new Voice({ log, messages: this.#messages, shown: () => panel.changed() });
    this.#desk = new TransactionDesk({
      clock,
      log,
      store: this.#store,
      texts,
      receipts: options.receipts ?? DEFAULT_RECEIPTS,
      panel,
      display: this.#display,
      registers: this.#registers,
      networks: this.#networks,
      voice: this.#voice,
      cardholder,
      die: () => this.#die(),
    });
    this.#screen = new TerminalScreen({
      panel,
      messages: this.#messages,
      registers: this.#registers,
      desk: this.#desk,
      person,
      isInteractive: () => this.#isInteractive,
      link: () => this.#link?.(),
    });
  }

  /** Shows its line to a broker from now on. Returns what is to be called whenever that has changed. */
  showLink(link: () => LinkState): () => void {
    this.#link = link;
    this.#panel.changed();
    return () => this.#panel.changed();
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

  /** Shows what a bridge has refused in this terminal's name. */
  refused({ connection, method, params, code, details }: Refusal): void {
    const id = `refused ${connection} ${params}`;
    const caller = { connection };
    this.#voice.record(caller, { direction: 'in', kind: 'request', method, id }, params);
    const error = errorText(code, details);
    this.#voice.record(caller, { direction: 'out', kind: 'error', method, id }, error);
  }

  /** What a screen shows and does. Messages are kept from the first call on. */
  get screen(): ScreenModel {
    this.#messages.open();
    return this.#screen;
  }

  /** Writes what waits, closes every attachment and lets go of the store. Safe to repeat. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#panel.close();
    this.#options.script?.stop();
    this.#desk.stop();
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
      this.#voice.record(caller, { direction: 'in', kind: 'notification', method, id: '' }, params);
      if (method === '_Connected' && this.#registers.connected(end, connection, params))
        this.#panel.changed();
      else if (method === '_Disconnected') this.#left(caller);
      else if (method === 'Abort') this.#desk.abort(params, caller);
    } else this.#networks.answered(message);
  }

  closed(end: ApplicationEnd): void {
    const gone = this.#ends.get(end);
    this.#ends.delete(end);
    this.#registers.closed(end);
    this.#desk.endClosed(end);
    this.#display.leave({ end });
    this.#networks.leave({ end });
    this.#panel.changed();
    gone?.();
  }

  #left(caller: Caller): void {
    this.#registers.disconnected(caller.end, caller.connection);
    this.#desk.left(caller);
    this.#display.leave(caller);
    this.#networks.leave(caller);
    this.#panel.changed();
  }

  #request({ id, idText, method, params }: Extract<Message, { kind: 'request' }>, caller: Caller): void {
    const { end, connection } = caller;
    const { script } = this.#options;
    this.#voice.record(caller, { direction: 'in', kind: 'request', method, id }, params);
    const answer = (one: Answer) => {
      this.#voice.record(caller, { direction: 'out', kind: one.kind, method, id }, one.text);
      end.answer({ connection, idText }, one);
    };
    if (script !== undefined && !script.leaves(method)) {
      const notify = (name: string, values: object) => this.#voice.notify(caller, name, values);
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
    ['Purchase', (call) => this.#desk.begin(call, readPurchase)],
    ['Refund', (call) => this.#desk.begin(call, readPurchase)],
    ['Reversal', (call) => this.#desk.begin(call, readReversal)],
    ['Check', ({ params }) => this.#desk.check(params)],
    ['Abort', ({ params, caller }) => this.#desk.abort(params, caller)],
    ['Totals', ({ params }) => this.#desk.totals(params)],
    ['Status', () => resultAnswer(this.#desk.status())],
    ['TerminalInfo', () => this.#info()],
    ['VersionInfo', () => this.#info()],
    ['Print', ({ params }) => this.#display.print(params)],
    ['Test', ({ params, caller }) => this.#display.test(params, () => this.#testDownload(caller))],
    ['NetworkStart', ({ caller }) => this.#networkStart(caller)],
    ['NetworkStop', ({ caller }) => this.#networkStop(caller)],
    ['Data', ({ params, caller }) => this.#data(params, caller)],
    ['NetworkDisconnected', ({ params, caller }) => this.#networkDisconnected(params, caller)],
    ['DisplayScreen', ({ params }) => this.#desk.busy() ?? this.#display.show(params)],
    ['Suspend', ({ params }) => this.#desk.busy() ?? this.#display.suspend(params)],
    ['TextInput', ({ params, caller }) => this.#desk.busy() ?? this.#display.enterText(params, caller)],
  ]);

  // What the terminal is.

  get #isInteractive(): boolean {
    const { isInteractive = false } = this.#options;
    return typeof isInteractive === 'function' ? isInteractive() : isInteractive;
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

  /** Ends an attachment in good order, at the latest after a while. */
  async #finish(end: ApplicationEnd): Promise<void> {
    const limit = this.#options.clock.after(FINISH_LIMIT_MS, () => end.destroy());
    await end.finish();
    limit.cancel();
  }
}

const FINISH_LIMIT_MS = 2000;
