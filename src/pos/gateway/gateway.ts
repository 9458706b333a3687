import { NOTHING_TO_ABORT, whyNotAborted } from '../../application/abort.ts';
import { type Identifiers, readAbort } from '../../application/identifiers.ts';
import { type ApplicationEnd, LineEnd, type Receiver } from '../../application/line-end.ts';
import { type Caller, isSame, Registers } from '../../application/registers.ts';
import { type Clock, isoTime } from '../../base/clock.ts';
import { describeFault } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { Statistics } from '../../base/statistics.ts';
import type { InboundNotification, InboundRequest } from '../../dialect/dialect.ts';
import type { WireEndpoint } from '../../endpoint/endpoint.ts';
import { createIds } from '../../rpc/ids.ts';
import type { Message } from '../../rpc/message.ts';
import type { OutcomeText } from '../../rpc/outcome.ts';
import type { Wire } from '../../wire/wire.ts';
import { Keeper, type KeeperOptions } from '../keeper.ts';
import { Terminals } from '../terminals.ts';
import { Working } from '../wait.ts';
import { CheckDesk } from './check-desk.ts';
import { type Call, refusal } from './gateway-answer.ts';
import { GatewaySale } from './gateway-sale.ts';
import type { GatewayStore } from './gateway-store.ts';
import { TerminalCalls } from './terminal-calls.ts';
import { Way } from './way.ts';

const MAX_ATTACHMENTS = 1000;
const FINISH_LIMIT_MS = 2000;
/** Requests of registers that may wait for the terminal at one time. */
const MAX_OPEN = 4096;

export interface GatewayOptions
  extends Omit<
    KeeperOptions,
    'connecting' | 'connected' | 'disconnected' | 'request' | 'notification' | 'statistics'
  > {
  /** What the terminal is called, for people. */
  readonly to: string;
  /** Where it is. */
  readonly place: WireEndpoint;
  /** Outcomes, for a terminal that cannot be asked for them; else undefined. */
  readonly store: GatewayStore | undefined;
}

/**
 * A real terminal as an application behind channels: one owner of its line, for any number of attachments and
 * connections.
 *
 *   free → busy (one sale; the others get BUSY) → free … → closed
 *
 * What registers ask is passed on as it is written, and answered as the terminal answers. What the terminal says by
 * itself goes to the register that pays, or paid last; its status goes to all.
 */
export class Gateway implements Receiver {
  readonly #options: GatewayOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #keeper: Keeper;
  readonly #way: Way;
  readonly #checks: CheckDesk;
  readonly #terminals: Terminals;
  readonly #registers = new Registers();
  readonly #ends = new Map<ApplicationEnd, () => void>();
  readonly #calls: TerminalCalls;
  readonly #working = new Working();
  #running: GatewaySale | undefined;
  /** The sale that was sent last: the terminal may still be at it when its answer was lost. */
  #last: GatewaySale | undefined;
  /** Whose network the terminal uses. */
  #network: Caller | undefined;
  #open = 0;
  #isMissed = false;
  #isClosed = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { clock, log, to } = options;
    this.#clock = clock;
    this.#log = log;
    this.#calls = new TerminalCalls(createIds('gateway', options.randomId()));
    this.#keeper = new Keeper({
      ...options,
      statistics: new Statistics(),
      connecting: () => {},
      connected: () => {
        log[this.#isMissed ? 'warn' : 'info']('the terminal is there', { to });
        this.#isMissed = false;
      },
      disconnected: ({ reason }) => {
        this.#calls.terminalGone();
        if (!this.#isMissed) log.warn('the terminal is not there', { to, why: reason.text });
        this.#isMissed = true;
      },
      request: (request) => this.#asked(request),
      notification: (notification) => this.#told(notification),
    });
    this.#way = new Way({ keeper: this.#keeper, clock, to });
    this.#terminals = new Terminals({ to: options.place, clock, params: '{}' });
    this.#checks = new CheckDesk({
      way: this.#way,
      terminals: this.#terminals,
      hasRecovery: options.dialect.transactions.recovery !== undefined,
      store: options.store,
      running: () => this.#running,
      over: (sale) => this.#over(sale),
    });
  }

  /** How things stand with the terminal. */
  get terminal(): Pick<Keeper, 'state' | 'failures'> {
    return this.#keeper;
  }

  /** Speaks on a wire that carries lines, until it closes; the line to the terminal is opened. */
  attach(wire: Wire, gone: () => void = () => {}): void {
    const end = new LineEnd(wire, this);
    this.#ends.set(end, gone);
    if (this.#isClosed || this.#ends.size > MAX_ATTACHMENTS) end.destroy();
    else this.#keeper.wake();
  }

  /** Resolves when no sale is under way. */
  settled(): Promise<void> {
    return this.#working.settled();
  }

  /** Says goodbye to the terminal, closes every attachment and lets go of the store. Safe to repeat. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#running?.withdraw();
    await this.#keeper.close();
    await this.#working.settled();
    await Promise.all([...this.#ends.keys()].map((end) => this.#finish(end)));
    await this.#options.store?.close();
    await this.#options.dialect.close?.();
  }

  // What registers say.

  receive(message: Message, connection: string | undefined, end: ApplicationEnd): void {
    const caller = { end, connection };
    if (message.kind === 'request') this.#request(message, caller);
    else if (message.kind === 'notification') this.#notified(message, caller);
    else this.#calls.answered(message, end);
  }

  closed(end: ApplicationEnd): void {
    const gone = this.#ends.get(end);
    this.#ends.delete(end);
    this.#registers.closed(end);
    // Nobody waits for it, and its bridge will find that nothing was sent.
    if (this.#running?.caller.end === end) this.#running.withdraw();
    this.#left((caller) => caller.end === end);
    gone?.();
  }

  #request(
    { method, idText, params }: Extract<Message, { kind: 'request' }>,
    { end, connection }: Caller,
  ): void {
    // The bytes are valid only during this call.
    const call: Call = { method, params: params.toString(), caller: { end, connection } };
    const answer = (given: OutcomeText) => end.answer({ connection, idText }, given);
    if (this.#open >= MAX_OPEN) {
      answer(refusal('BUSY', `${MAX_OPEN} requests are open already`));
      return;
    }
    this.#open += 1;
    void this.#answer(call)
      .catch((fault: unknown) => {
        this.#log.error('a request failed', { method, why: describeFault(fault), fault });
        return refusal('INTERNAL_ERROR', 'the gateway failed');
      })
      .then((given) => {
        this.#open -= 1;
        answer(given);
      });
  }

  #answer(call: Call): Promise<OutcomeText> {
    const { method, params, caller } = call;
    if (method.startsWith('_')) return Promise.resolve(refusal('JSONRPC_METHOD_NOT_FOUND', 'no such method'));
    if (this.#options.dialect.transactions.methods.includes(method)) return this.#sale(call);
    if (method === 'Check') return this.#checks.answer(call);
    if (method === 'Abort') return this.#abort(params, caller);
    if (method === 'NetworkStart') return this.#startNetwork(call);
    if (method === 'NetworkStop' && this.#isNetworkOf(caller)) this.#network = undefined;
    return this.#way.ask(method, params);
  }

  #notified({ method, params }: Extract<Message, { kind: 'notification' }>, caller: Caller): void {
    const { end, connection } = caller;
    if (method === '_Connected') this.#registers.connected(end, connection, params);
    else if (method === '_Disconnected') {
      this.#registers.disconnected(end, connection);
      this.#left((other) => isSame(other, caller));
    } else if (method === 'Abort') {
      // Nobody waits for an answer.
      void this.#abort(params.toString(), caller).catch((fault: unknown) => {
        this.#log.error('an Abort failed', { why: describeFault(fault), fault });
      });
    } else if (!method.startsWith('_') && (method !== 'Data' || this.#isNetworkOf(caller)))
      this.#keeper.current?.tell(method, params.toString());
  }

  // Transactions.

  async #sale({ method, params, caller }: Call): Promise<OutcomeText> {
    const known = identifiersIn(params);
    if (typeof known === 'string') return refusal('JSONRPC_INVALID_PARAMS', known);
    const { identifiers } = known;
    if (identifiers === undefined && this.#options.store !== undefined)
      return refusal('JSONRPC_INVALID_PARAMS', 'receipt_id is missing');
    const running = this.#running;
    if (running !== undefined) return occupied(running, identifiers);
    if (this.#isClosed) return refusal('CHANNEL_UNAVAILABLE', 'the gateway is being stopped');
    const sale = new GatewaySale({
      ...known,
      method,
      params,
      caller,
      register: this.#registers.find(caller),
      since: isoTime(this.#clock),
      way: this.#way,
      store: this.#options.store,
      terminals: this.#terminals,
      lost: (terminal) => identifiers && this.#checks.lost(identifiers, terminal),
      say: (message) =>
        caller.end.tell(caller.connection, 'PosMessage', JSON.stringify({ message }), () => {}),
    });
    this.#running = sale;
    try {
      return await this.#working.keep(sale.run());
    } finally {
      this.#over(sale);
    }
  }

  /** The terminal is free for the next one. */
  #over(sale: GatewaySale): void {
    if (this.#running !== sale) return;
    this.#running = undefined;
    this.#last = sale;
  }

  async #abort(params: string, caller: Caller): Promise<OutcomeText> {
    const order = readAbort(Buffer.from(params));
    if (!order.ok) return refusal('JSONRPC_INVALID_PARAMS', order.why);
    // A sale whose answer was lost may still be running in the terminal.
    const meant = this.#running ?? this.#last;
    const refused =
      meant === undefined ? NOTHING_TO_ABORT : whyNotAborted(meant, caller, order.value, this.#registers);
    if (refused !== undefined) return refusal(refused.code, refused.details);
    if (meant === this.#running && meant?.withdraw()) return { kind: 'result', text: Buffer.from('{}') };
    return this.#way.ask('Abort', params);
  }

  // What the terminal says.

  #asked(request: InboundRequest): void {
    const isNetwork = request.method.startsWith('Network');
    this.#calls.pass(request, isNetwork ? this.#network : this.#payer());
  }

  #told({ method, params }: InboundNotification): void {
    const text = params.toString();
    const isNetwork = method === 'Data' || method.startsWith('Network');
    const to = isNetwork ? this.#network : method === 'StatusEvent' ? undefined : this.#payer();
    const audience = isNetwork || to !== undefined ? [to] : this.#audience();
    for (const caller of audience) caller?.end.tell(caller.connection, method, text, () => {});
  }

  /** The register that pays, else the one that paid last, else the only one that there is. */
  #payer(): Caller | undefined {
    for (const sale of [this.#running, this.#last]) if (sale?.isWatched) return sale.caller;
    const [only, another] = this.#registers.all;
    return another === undefined ? only : undefined;
  }

  /** Everybody whom the terminal's status concerns. */
  #audience(): Caller[] {
    const callers = new Map<unknown, Caller>(this.#registers.all.map((one) => [one.connection, one]));
    const running = this.#running;
    if (running?.isWatched) callers.set(running.caller.connection ?? running.caller.end, running.caller);
    return [...callers.values()];
  }

  // The network of a register.

  async #startNetwork({ method, params, caller }: Call): Promise<OutcomeText> {
    if (this.#network !== undefined && !isSame(this.#network, caller))
      return refusal('BUSY', 'another register offers its network');
    this.#network = caller;
    const answer = await this.#way.ask(method, params);
    if (answer.kind === 'error' && this.#isNetworkOf(caller)) this.#network = undefined;
    return answer;
  }

  #isNetworkOf(caller: Caller): boolean {
    return this.#network !== undefined && isSame(this.#network, caller);
  }

  // Ends.

  #left(isGone: (caller: Caller) => boolean): void {
    for (const sale of [this.#running, this.#last]) sale?.left(isGone);
    this.#calls.left(isGone);
    if (this.#network === undefined || !isGone(this.#network)) return;
    this.#network = undefined;
    void this.#keeper.current?.ask('NetworkStop', '{}');
  }

  async #finish(end: ApplicationEnd): Promise<void> {
    const limit = this.#clock.after(FINISH_LIMIT_MS, () => end.destroy());
    await end.finish();
    limit.cancel();
  }
}

interface Known {
  readonly identifiers: Identifiers | undefined;
  readonly apiKey: string | undefined;
}

/** What identifies a sale, and the key that it came with; a sentence about params that identify nothing properly. */
function identifiersIn(params: string): Known | string {
  const bytes = Buffer.from(params);
  // An Abort carries the same members, none of them needed.
  const read = readAbort(bytes);
  return read.ok ? read.value : read.why;
}

function occupied(running: GatewaySale, identifiers: Identifiers | undefined): OutcomeText {
  const since = `since ${running.since}`;
  if (identifiers !== undefined && running.identifiers?.key === identifiers.key) {
    return refusal('DUPLICATE_TRANSACTION', `not charged again: this transaction is running ${since}`);
  }
  const { register, caller } = running;
  const who = register?.name ?? caller.connection ?? 'another register';
  return refusal('BUSY', `${who} has the terminal ${since}`);
}
