import {
  type Identifiers,
  mayMean,
  readIdentifiers,
  type TransactionKey,
} from '../../application/identifiers.ts';
import type { OutcomeText } from '../../rpc/outcome.ts';
import { judgeCheckAnswer } from '../outcome.ts';
import { describeTerminal, type TerminalRecord, type Terminals } from '../terminals.ts';
import { type Call, passedOn, refusal } from './gateway-answer.ts';
import type { GatewaySale } from './gateway-sale.ts';
import type { GatewayStore } from './gateway-store.ts';
import { answerOf, unsent, type Way } from './way.ts';

export interface CheckDeskOptions {
  readonly way: Way;
  /** Whether the terminal can be asked about earlier sales. */
  readonly hasRecovery: boolean;
  /** Where it cannot. */
  readonly store: GatewayStore | undefined;
  readonly running: () => GatewaySale | undefined;
  /** The terminal says that this sale has ended. */
  readonly over: (sale: GatewaySale) => void;
  readonly terminals: Terminals;
}

/** Sales without an outcome whose terminal is remembered. */
const MAX_REMEMBERED = 1024;

/** Answers Check: by the terminal where it can be asked, else by what the store knows. */
export class CheckDesk {
  readonly #options: CheckDeskOptions;
  /** Which terminal has a sale whose answer was lost. */
  readonly #places = new Map<TransactionKey, TerminalRecord>();

  constructor(options: CheckDeskOptions) {
    this.#options = options;
  }

  async answer({ method, params }: Call): Promise<OutcomeText> {
    const { store, hasRecovery, running } = this.#options;
    const read = readIdentifiers(Buffer.from(params));
    if (!read.ok) return refusal('JSONRPC_INVALID_PARAMS', read.why);
    const sale = running();
    const isRunning = sale?.identifiers !== undefined && mayMean(read.value, sale.identifiers);
    if (isRunning && (sale.connection === undefined || !hasRecovery)) return active();
    if (isRunning) return this.#askUnderWay(sale, params);
    if (hasRecovery) return this.#askThatTerminal(read.value, method, params);
    return store === undefined
      ? refusal('OUTCOME_UNKNOWN', 'this terminal cannot be asked')
      : store.check(read.value);
  }

  /** The answer to a sale was lost: only this terminal can tell what became of it. */
  lost({ key }: Identifiers, terminal: TerminalRecord): void {
    const [oldest] = this.#places.keys();
    if (oldest !== undefined && this.#places.size >= MAX_REMEMBERED) this.#places.delete(oldest);
    this.#places.set(key, terminal);
  }

  /** Asks, but not another terminal that has come in the place of the one that has the sale. */
  async #askThatTerminal(identifiers: Identifiers, method: string, params: string): Promise<OutcomeText> {
    const { way, terminals } = this.#options;
    const connection = await way.connection();
    if ('kind' in connection) return connection;
    const other = await terminals.other(this.#places.get(identifiers.key), connection);
    if (other !== undefined) {
      return refusal('OUTCOME_UNKNOWN', `it went to another terminal than ${describeTerminal(other)}`);
    }
    const asked = connection.ask(method, params);
    return typeof asked === 'string' ? unsent(asked) : answerOf(await asked);
  }

  /**
   * Asks about the sale that is under way, in case its answer was lost on a way that nobody saw. "Not found" means
   * nothing while the connection that carries it lives. An outcome frees the terminal for others; whether to believe it
   * is up to who has asked, and the sale itself is answered by nothing but its own answer.
   */
  async #askUnderWay(sale: GatewaySale, params: string): Promise<OutcomeText> {
    const asked = sale.connection?.ask('Check', params) ?? 'closed';
    if (typeof asked === 'string') return asked === 'closed' ? active() : unsent(asked);
    const answer = await asked;
    const finding = judgeCheckAnswer(answer, NO_CODES);
    if (finding.is === 'not-found') return active();
    if (finding.is === 'outcome') this.#options.over(sale);
    return answer.lost === undefined ? passedOn(answer) : answerOf(answer);
  }
}

const NO_CODES: ReadonlySet<string> = new Set();

function active(): OutcomeText {
  return refusal('TRANSACTION_ACTIVE', 'the transaction is still running');
}
