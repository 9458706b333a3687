import type { Machine } from '../world/machine.ts';
import type { End } from '../world/network.ts';
import { Process } from '../world/process.ts';
import { keyOf, type Ledger, type LedgerEntry } from './ledger.ts';
import {
  type Character,
  HONEST,
  MANNERS,
  type Manner,
  NO_OUTCOMES,
  NOT_CHARGED,
  NOTHING_TO_CHECK,
  written,
} from './lies.ts';
import { Outgoing } from './outgoing.ts';

/** The latest that it reads what has arrived: sooner than "not found" is said a second time. */
const LATEST_MS = 4000;
/** "Not found" is believed when it has been said twice, this long apart. */
const DENIED_AGAIN_MS = 5000;

interface Request {
  /** The whole, as it came. */
  readonly line: string;
  readonly connection?: string;
  readonly register?: string;
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly [name: string]: unknown };
}

/** Somebody who is connected. */
interface Guest {
  readonly output: Outgoing;
  rest: string;
  isOpen: boolean;
}

/**
 * A payment application: keeps its duties, or lies as its character has it, but never says an outcome that is not the
 * true one, and never charges what it has denied to somebody who had reason to believe it. Every life is a process; the
 * ledger survives.
 */
export class Application {
  readonly #machine: Machine;
  readonly #place: string;
  readonly #ledger: Ledger;
  character: Character;
  #process: Process | undefined;
  /** By key: who asked for what is being carried out. */
  readonly #running = new Map<string, Guest>();
  /** Of requests that are about no transaction: a result under the id of one that is would be that one's. */
  readonly #otherIds: (string | number)[] = [];

  constructor(machine: Machine, place: string, ledger: Ledger, character: Character) {
    this.#machine = machine;
    this.#place = place;
    this.#ledger = ledger;
    this.character = character;
  }

  get process(): Process | undefined {
    return this.#process?.isAlive ? this.#process : undefined;
  }

  start(): void {
    if (this.process !== undefined) return;
    const process = new Process(this.#machine, 'application');
    this.#process = process;
    this.#running.clear();
    // What its own death cut off before it was decided has been undone.
    for (const key of this.#ledger.keys) {
      const entry = this.#ledger.entry(key);
      if (entry.begunMs === undefined || entry.answer !== undefined) continue;
      entry.answer = errorOf('TRANSACTION_INTERRUPTED', 'the terminal was restarted');
    }
    process.tell('starts');
    this.#machine.world.network.listen(process, this.#place, (end) => this.#accept(end));
  }

  #accept(end: End): void {
    const guest: Guest = { output: new Outgoing(end), rest: '', isOpen: true };
    const readsLate =
      this.#random.chance(this.character.lies / 3) && this.#happens('reads a connection late');
    const lateMs = readsLate ? this.#random.below(LATEST_MS) : 0;
    const read = (bytes: Buffer) => {
      const lines = (guest.rest + bytes.toString('utf8')).split('\n');
      guest.rest = lines.pop() ?? '';
      for (const line of lines) this.#receive(guest, line);
    };
    const leave = () => {
      guest.isOpen = false;
      guest.output.close();
    };
    end.start({
      chunk: (bytes) => {
        if (readsLate) this.#process?.after(lateMs, () => read(bytes));
        else read(bytes);
      },
      end: () => {
        leave();
        end.destroy();
      },
      closed: leave,
    });
  }

  #receive(guest: Guest, line: string): void {
    let request: Request;
    try {
      request = { ...JSON.parse(line), line };
    } catch {
      return; // cut short
    }
    const { id, method, params = {}, register } = request;
    const key = keyOf(params, register);
    if (method === 'Abort') this.#abort(key);
    if (method === undefined || id === undefined) return;
    if (method !== 'Purchase' && method !== 'Check') this.#otherIds.push(id);
    this.#process?.tell(`hears ${method} ${key}`);
    if (method === 'Purchase') this.#purchase(guest, request, key);
    else if (method === 'Check') this.#check(guest, request, key);
    else this.#answerOther(guest, request);
  }

  /** Sometimes so late that nobody waits for it any more. */
  #answerOther(guest: Guest, request: Request): void {
    const random = this.#random;
    const lateMs = random.chance(this.character.lies) ? random.below(90_000) : 0;
    const isOver = lateMs > 60_000 && this.#happens('answers another request when it is over');
    this.#process?.after(lateMs > 60_000 && !isOver ? 0 : lateMs, () =>
      this.#reply(guest, request, { kind: 'result', text: '{}' }),
    );
  }

  #purchase(guest: Guest, request: Request, key: string): void {
    const process = this.#process;
    const entry = this.#ledger.entry(key);
    if (process === undefined) return;
    if (this.#running.has(key) || entry.answer !== undefined || entry.isDenied) {
      this.#reply(guest, request, errorOf('DUPLICATE_TRANSACTION', 'these identifiers were used before'));
      return;
    }
    const { random } = process;
    const { character } = this;
    this.#running.set(key, guest);
    const diesAt = random.chance(character.deaths)
      ? random.oneOf(['begun', 'decided', 'answered'])
      : undefined;
    const step = (name: string) => {
      if (diesAt !== name || !this.#machine.world.faults.happens('applications that died at a sale'))
        return true;
      process.kill(`SIGKILL when a sale is ${name}`);
      return false;
    };
    entry.begunMs = this.#machine.world.nowMs;
    if (!step('begun')) return;
    process.after(random.fraction() * random.fraction() * character.slownessMs, () => {
      this.#decide(key, request);
      this.#running.delete(key);
      if (!step('decided') || entry.answer === undefined) return;
      if (this.#contradicts(guest, request, entry)) return;
      if (random.chance(character.lies)) this.#lie(guest, request, entry.answer);
      else this.#reply(guest, request, entry.answer);
      step('answered');
    });
  }

  #decide(key: string, request: Request): void {
    const entry = this.#ledger.entry(key);
    const process = this.#process;
    if (entry.answer !== undefined || process === undefined) return; // aborted
    const { random } = process;
    if (random.chance(this.character.declines)) {
      entry.answer = errorOf(random.oneOf(NOT_CHARGED), 'not this card');
    } else {
      entry.charges += 1;
      const { amount, currency } = request.params ?? {};
      const { faults } = this.#machine.world;
      const isOther =
        random.chance(this.character.otherAmounts) && faults.happens('results with another amount');
      const charged = isOther ? 1 : amount;
      entry.answer = {
        kind: 'result',
        text: `{"amount":${charged},"currency":"${currency}","rate":1.50,"code":"${key}"}`,
      };
    }
    process.tell(`decides ${key}: ${entry.answer.code ?? 'charged'}`);
  }

  /**
   * Whether it denies a charge, and tells of it when it is too late. Nobody can know better, but for what is told from
   * then on.
   */
  #contradicts(guest: Guest, request: Request, entry: LedgerEntry): boolean {
    const random = this.#random;
    const { answer } = entry;
    if (answer?.kind !== 'result' || !random.chance(this.character.contradictions)) return false;
    if (!this.#happens('contradicts itself')) return false;
    entry.isContradicted = true;
    this.#reply(guest, request, errorOf('DECLINED', 'which is not true'));
    this.#process?.after(random.below(20_000), () => this.#reply(guest, request, answer));
    return true;
  }

  #lie(guest: Guest, request: Request, truth: Answer): void {
    const random = this.#random;
    if (random.chance(0.5)) {
      const code = random.oneOf(NO_OUTCOMES);
      const isSaid = this.#happens(`answers ${code}`);
      this.#reply(guest, request, isSaid ? errorOf(code, 'which says nothing') : truth);
      return;
    }
    const manner = random.oneOf(MANNERS);
    this.#reply(guest, request, truth, this.#happens(`answers ${manner}`) ? manner : 'honest');
  }

  #check(guest: Guest, request: Request, key: string): void {
    const random = this.#random;
    const { character } = this;
    const runner = this.#running.get(key);
    if (character.forgetsCheck) {
      this.#reply(guest, request, errorOf('JSONRPC_METHOD_NOT_FOUND', 'no such method'));
      return;
    }
    // It runs for somebody who is still connected: "not found" is not to be believed, and it is not held to it.
    const isExcused = runner !== undefined && (runner.isOpen || character.knowsFinishedOnly);
    const isForgotten = isExcused && (character.knowsFinishedOnly || random.chance(character.lies / 2));
    if (isForgotten && this.#happens('says of a running sale that it is not found')) {
      this.#reply(guest, request, NOT_FOUND);
      return;
    }
    if (!random.chance(character.lies)) {
      this.#reply(guest, request, this.#truth(key));
    } else if (random.chance(0.5)) {
      const code = random.oneOf(NOTHING_TO_CHECK);
      const isSaid = this.#happens(`answers a Check ${code}`);
      this.#reply(guest, request, isSaid ? errorOf(code, 'which says nothing') : this.#truth(key));
    } else {
      const manner = random.oneOf(MANNERS);
      const isSo = this.#happens(`answers a Check ${manner}`);
      this.#reply(guest, request, this.#truth(key), isSo ? manner : 'honest');
    }
  }

  #truth(key: string): Answer {
    const entry = this.#ledger.entry(key);
    if (entry.answer !== undefined) return entry.answer;
    if (this.#running.has(key)) return errorOf('TRANSACTION_ACTIVE', 'the card is being read');
    // The request may still lie unread in a socket: what was said once does not count.
    const { nowMs } = this.#machine.world;
    entry.firstDeniedMs ??= nowMs;
    entry.isDenied ||= !this.character.deniesTwice || nowMs - entry.firstDeniedMs >= DENIED_AGAIN_MS;
    return NOT_FOUND;
  }

  #abort(key: string): void {
    const entry = this.#ledger.entry(key);
    if (this.#running.has(key) && entry.answer === undefined) {
      entry.answer = errorOf('ABORTED', 'by the register');
      this.#process?.tell(`decides ${key}: ABORTED`);
    }
  }

  #reply(guest: Guest, request: Request, answer: Answer, manner: Manner = 'honest'): void {
    if (manner === 'silent') return;
    const id = manner === 'under another id' ? (this.#otherIds.at(-2) ?? 'nobody') : request.id;
    const connection = manner === 'for another connection' ? 'nobody.1' : request.connection;
    const line = lineOf(connection, id, answer);
    this.#process?.tell(`says ${line.slice(0, 200)} (${manner})`);
    guest.output.push(written(manner === 'echo' ? request.line : line, manner));
    if (manner === 'twice') guest.output.push(written(lineOf(connection, id, SECOND), 'honest'));
  }

  get #random() {
    const process = this.#process;
    if (process === undefined) throw new Error('there is no application');
    return process.random;
  }

  #happens(what: string): boolean {
    return this.character !== HONEST && this.#machine.world.faults.happens(`application ${what}`);
  }
}

interface Answer {
  readonly kind: 'result' | 'error';
  readonly text: string;
  readonly code?: string;
}

const NOT_FOUND = errorOf('TRANSACTION_NOT_FOUND', 'no such transaction');
/** First answer wins: this one is never true, and never believed. */
const SECOND = errorOf('DECLINED', 'a second answer');

function errorOf(code: string, details: string): Answer {
  const text = JSON.stringify({ code: 1, message: details, data: { string_code: code, details } });
  return { kind: 'error', text, code };
}

function lineOf(connection: string | undefined, id: unknown, { kind, text }: Answer): string {
  const named = connection === undefined ? '' : `"connection":${JSON.stringify(connection)},`;
  return `{${named}"jsonrpc":"2.0","id":${JSON.stringify(id)},"${kind}":${text}}`;
}
