import { type Clock, isoTime, type Timer } from '../base/clock.ts';
import type { Message } from '../rpc/message.ts';
import type { Wire } from '../wire/wire.ts';
import { LineEnd, type Reply } from './line-end.ts';
import { approval, type Purchase, readKey, readPurchase, type TransactionKey } from './purchase.ts';
import { textFor } from './texts.ts';

const DEFAULT_DELAY_MS = 1000;
/** How many outcomes, and how many identifiers that were never seen, are remembered. */
const MAX_REMEMBERED = 10_000;
const VERSION = '18.9.0';
/** Bytes a second, as registers use it for the network proxy. */
const LINK_SPEED = 100_000;
const STAGES = ['WAIT_CARD_IN', 'PROCESSING', 'WAIT_CARD_OUT'] as const;

export interface SimulatorOptions {
  readonly clock: Clock;
  /** From a Purchase to its answer; default 1000. */
  readonly delayMs?: number;
}

type Request = Extract<Message, { kind: 'request' }>;

/** Where a message came from. */
interface Caller {
  readonly end: LineEnd;
  readonly connection: string | undefined;
}

interface Outcome {
  readonly kind: 'result' | 'error';
  readonly text: Buffer;
}

/** The transaction that is running. */
interface Transaction {
  readonly key: TransactionKey;
  readonly method: string;
  readonly purchase: Purchase;
  readonly caller: Caller;
  readonly reply: Reply;
  readonly since: string;
  stage: number;
  timer: Timer | undefined;
  /** Its register is still there to be told how it goes. */
  isWatched: boolean;
}

/**
 * A simulated payment terminal: one card reader behind any number of attachments and connections.
 *
 * idle → WAIT_CARD_IN → PROCESSING → WAIT_CARD_OUT → idle. One transaction at a time, known by its identifiers alone,
 * whoever asks; it goes on when its register leaves. Outcomes are remembered as long as the process lives, the last
 * 10 000 of them. Amounts that end in 01 are declined.
 */
export class Simulator {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #startedMs: number;
  readonly #outcomes = new Map<TransactionKey, Outcome>();
  /** Answered TRANSACTION_NOT_FOUND: registers took that as proof, so these are never charged any more. */
  readonly #absent = new Map<TransactionKey, true>();
  #running: Transaction | undefined;
  #trace = 0;

  constructor(options: SimulatorOptions) {
    this.#clock = options.clock;
    this.#delayMs = options.delayMs ?? DEFAULT_DELAY_MS;
    this.#startedMs = options.clock.wallMs();
  }

  /** Speaks on a wire that carries lines, until it closes. */
  attach(wire: Wire): void {
    const end = new LineEnd(wire, (message, connection) => this.#receive(message, { end, connection }));
  }

  #receive(message: Message, caller: Caller): void {
    if (message.kind === 'request') {
      const reply = { connection: caller.connection, idText: message.idText };
      const outcome = this.#answer(message, caller, reply);
      if (outcome !== undefined) caller.end.answer(reply, outcome.kind, outcome.text);
    } else if (message.kind === 'notification' && message.method === '_Disconnected') {
      const running = this.#running;
      if (running !== undefined && isSame(running.caller, caller)) running.isWatched = false;
    }
  }

  /** The answer, or undefined when it comes later. */
  #answer(request: Request, caller: Caller, reply: Reply): Outcome | undefined {
    switch (request.method) {
      case 'Purchase':
      case 'Refund':
        return this.#begin(request, caller, reply);
      case 'Check':
        return this.#check(request);
      case 'Abort':
        return this.#abort(caller);
      case 'Status':
        return result(this.#status());
      case 'TerminalInfo':
      case 'VersionInfo':
        return result({ version: VERSION, link_speed: LINK_SPEED, sales_location_name: 'Simulator' });
      case 'Print':
      case 'DisplayScreen':
        return result({});
      default:
        return error('JSONRPC_METHOD_NOT_FOUND', 'the simulated terminal has no such method');
    }
  }

  #begin({ method, params }: Request, caller: Caller, reply: Reply): Outcome | undefined {
    const checked = readPurchase(params);
    if (!checked.ok) return error('JSONRPC_INVALID_PARAMS', checked.why);
    const purchase = checked.value;
    const { key, language } = purchase;
    const running = this.#running;
    if (running?.key === key) return duplicate('is running');
    if (this.#outcomes.has(key)) return duplicate('is finished: ask for its outcome with Check');
    if (this.#absent.has(key)) return duplicate('was asked for with Check and reported as not found');
    if (running !== undefined) {
      return error('BUSY', `a transaction is running since ${running.since}`, textFor(language, 'busy'));
    }
    const start = { since: this.#timestamp(), stage: 0, timer: undefined, isWatched: true };
    this.#running = { key, method, purchase, caller, reply, ...start };
    this.#tellStatus(this.#running);
    this.#advanceLater(this.#running);
    return undefined;
  }

  /** Every stage takes the same time, the last one what is left. */
  #advanceLater(transaction: Transaction): void {
    const isLast = transaction.stage === STAGES.length - 1;
    const partMs = Math.floor(this.#delayMs / STAGES.length);
    const delayMs = isLast ? this.#delayMs - partMs * (STAGES.length - 1) : partMs;
    transaction.timer = this.#clock.after(delayMs, () => {
      if (isLast) return this.#finish(transaction, this.#decide(transaction));
      transaction.stage += 1;
      this.#tellStatus(transaction);
      this.#advanceLater(transaction);
    });
  }

  #decide({ method, purchase }: Transaction): Outcome {
    if (purchase.amountMinor % 100 === 1) {
      return error('DECLINED', 'the issuer declined the transaction', textFor(purchase.language, 'declined'));
    }
    this.#trace += 1;
    const transactionId = `SIM-${this.#startedMs.toString(36)}-${this.#trace}`;
    return result(
      approval({ method, purchase, trace: this.#trace, transactionId, timestamp: this.#timestamp() }),
    );
  }

  #finish(transaction: Transaction, outcome: Outcome): void {
    this.#running = undefined;
    remember(this.#outcomes, transaction.key, outcome);
    this.#tellStatus(transaction);
    transaction.caller.end.answer(transaction.reply, outcome.kind, outcome.text);
  }

  #check({ params }: Request): Outcome {
    const checked = readKey(params);
    if (!checked.ok) return error('JSONRPC_INVALID_PARAMS', checked.why);
    const key = checked.value;
    if (this.#running?.key === key) return error('TRANSACTION_ACTIVE', 'the transaction is still running');
    const outcome = this.#outcomes.get(key);
    if (outcome !== undefined) return outcome;
    remember(this.#absent, key, true);
    return error('TRANSACTION_NOT_FOUND', 'no transaction with these identifiers has reached the terminal');
  }

  #abort(caller: Caller): Outcome {
    const transaction = this.#running;
    if (transaction === undefined) return error('NOTHING_TO_ABORT', 'no transaction is running');
    if (!isSame(transaction.caller, caller)) {
      return error('ABORT_REFUSED', 'the transaction that is running belongs to another register');
    }
    transaction.timer?.cancel();
    const display = textFor(transaction.purchase.language, 'aborted');
    this.#finish(transaction, error('ABORTED', 'the register cancelled the transaction', display));
    return result({});
  }

  #tellStatus({ isWatched, caller }: Transaction): void {
    if (isWatched) caller.end.notify(caller.connection, 'StatusEvent', this.#status());
  }

  #status(): object {
    const running = this.#running;
    return {
      timestamp: this.#timestamp(),
      ready_for_transaction: running === undefined,
      psp_connection_available: true,
      ...(running !== undefined && { transaction_status: STAGES[running.stage] }),
      pending_transaction_count: 0,
      chip_card_in: running !== undefined && running.stage > 0,
      battery_charging: false,
      plugged_in: true,
    };
  }

  #timestamp(): string {
    return isoTime(this.#clock);
  }
}

/** The program behind `simulator:`, ready to be attached. `options` are the endpoint's, which has checked them. */
export function createSimulator(
  { delay }: Readonly<Record<string, string>>,
  clock: Clock,
): (wire: Wire) => void {
  const simulator = new Simulator({ clock, ...(delay !== undefined && { delayMs: Number(delay) }) });
  return (wire) => simulator.attach(wire);
}

/** A connection's name is unique while it lives; without one the attachment stands for it. */
function isSame(one: Caller, other: Caller): boolean {
  return one.connection === other.connection && (one.connection !== undefined || one.end === other.end);
}

function result(value: object): Outcome {
  return { kind: 'result', text: Buffer.from(JSON.stringify(value)) };
}

function error(code: string, details: string, display?: string): Outcome {
  const data = {
    string_code: code,
    details,
    ...(display !== undefined && { display_message: display }),
  };
  return {
    kind: 'error',
    text: Buffer.from(JSON.stringify({ code: ERROR_NUMBERS[code] ?? 1, message: details, data })),
  };
}

const ERROR_NUMBERS: Readonly<Record<string, number>> = {
  JSONRPC_METHOD_NOT_FOUND: -32601,
  JSONRPC_INVALID_PARAMS: -32602,
};

function duplicate(how: string): Outcome {
  return error('DUPLICATE_TRANSACTION', `not charged again: a transaction with these identifiers ${how}`);
}

/** Keeps the newest entries: a Map knows the order in which they came. */
function remember<V>(entries: Map<TransactionKey, V>, key: TransactionKey, value: V): void {
  entries.delete(key);
  entries.set(key, value);
  if (entries.size <= MAX_REMEMBERED) return;
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}
