import type { Answer } from './answer.ts';
import type { Keeper } from './keeper.ts';
import { type Finding, judgeCheckAnswer, type Verdict } from './outcome.ts';
import { OutcomeSearch } from './outcome-search.ts';
import type { PosError } from './pos-error.ts';
import type { ResolvedPosOptions } from './pos-options.ts';
import { type Approved, readApproved } from './result.ts';
import { checkParams } from './sale-request.ts';
import { type AskedSale, elsewhere, misfit, unknown } from './sale-words.ts';
import type { TerminalConnection } from './terminal-connection.ts';
import type { TerminalRecord, Terminals } from './terminals.ts';
import type { Limit } from './wait.ts';

export interface InquiryOptions
  extends Pick<
    ResolvedPosOptions,
    'dialect' | 'apiKey' | 'outcomeWaitMs' | 'notFoundAfterMs' | 'outcomeCodes' | 'clock' | 'log'
  > {
  readonly keeper: Keeper;
  readonly terminals: Terminals;
}

/** For how long, and why, an outcome is asked for. */
export interface Search {
  readonly limit: Limit;
  readonly userSignal: AbortSignal | undefined;
  /** "Not found" proves nothing: an outcome may have stood in the store. */
  readonly isDoubtful?: boolean;
}

/** What the direct answer to a sale adds to what is known of it. */
export type AfterAnswer = Pick<AskedSale, 'terminal' | 'directCode'>;

/**
 * What the terminal says to Check about one sale. A result counts only if it names no other amount, currency or
 * receipt: it could be another sale's under the same identifiers.
 */
export class Inquiry {
  readonly #options: InquiryOptions;
  readonly #search: Search;
  readonly #outcome: OutcomeSearch;
  readonly #told = new Set<string>();
  #sale: AskedSale;
  #isUnderWay = false;
  /** The result that does not fit, when the terminal last gave one while the sale was under way. */
  #misfit: PosError | undefined;
  #other: TerminalRecord | undefined;

  /** `stop` it in the end. `asked`: the `count`th question about a sale that is not under way any more has gone out. */
  constructor(options: InquiryOptions, sale: AskedSale, search: Search, asked: (count: number) => void) {
    this.#options = options;
    this.#sale = sale;
    this.#search = search;
    const { keeper, clock, apiKey, notFoundAfterMs, terminals } = options;
    this.#outcome = new OutcomeSearch({
      keeper,
      clock,
      canAsk: this.#canAsk,
      params: checkParams(sale, { apiKey }),
      signal: search.limit.signal,
      isDoubtful: search.isDoubtful ?? false,
      notFoundAfterMs,
      judge: (answer) => this.#judge(answer),
      isElsewhere: async (connection) => {
        this.#other = await terminals.other(this.#sale.terminal, connection);
        return this.#other !== undefined;
      },
      asked,
    });
  }

  /**
   * The answer to a sale that `connection` has just sent, or the outcome, whichever is told first. A result that does
   * not fit ends nothing: the terminal may yet answer the sale itself. Rejects with OUTCOME_UNKNOWN.
   */
  async whileUnderWay(connection: TerminalConnection, answered: Promise<Answer>): Promise<Answer | Verdict> {
    this.#isUnderWay = true;
    const first = await this.#outcome.whileUnderWay(connection, answered);
    this.#isUnderWay = false;
    if (first === undefined) throw this.#misfit ?? this.#unknown();
    return first;
  }

  /** The outcome of a sale that is not under way any more on our side. Rejects with OUTCOME_UNKNOWN. */
  async untilFound(afterAnswer: AfterAnswer = {}): Promise<Verdict> {
    this.#sale = { ...this.#sale, ...afterAnswer };
    const verdict = await this.#outcome.untilFound();
    const { terminal } = this.#sale;
    if (verdict === undefined) {
      throw terminal === undefined || this.#other === undefined
        ? this.#unknown()
        : elsewhere(this.#sale, terminal, this.#other);
    }
    const fault = this.#misfitOf(verdict);
    if (fault !== undefined) throw fault;
    return verdict;
  }

  stop(): void {
    this.#outcome.stop();
  }

  #judge(answer: Answer): Finding {
    const { outcomeCodes } = this.#options;
    const finding = judgeCheckAnswer(answer, outcomeCodes, this.#sale.directCode);
    if (finding.is === 'nothing' && finding.code !== undefined) this.#hint(finding.code);
    if (!this.#isUnderWay) return finding;
    this.#misfit = finding.is === 'outcome' ? this.#misfitOf(finding.verdict) : undefined;
    return this.#misfit === undefined ? finding : { is: 'nothing' };
  }

  /** Says once what a code would need to be believed. */
  #hint(code: string): void {
    if (this.#told.size >= MAX_TOLD || this.#told.has(code)) return;
    this.#told.add(code);
    const hint = `if it means "not charged": --outcome ${code}`;
    this.#options.log.warn('the terminal answers Check with a code that nobody has declared', { code, hint });
  }

  #misfitOf({ outcome, answer }: Verdict): PosError | undefined {
    if (outcome !== 'approved') return undefined;
    const approved = readApproved(answer.text, this.#sale);
    return isBelieved(approved, this.#sale) ? undefined : misfit(this.#sale, approved);
  }

  get #canAsk(): boolean {
    return this.#options.dialect.transactions.recovery !== undefined;
  }

  #unknown(): PosError {
    const { limit, userSignal } = this.#search;
    if (!this.#canAsk && !userSignal?.aborted) return unknown(this.#sale, CANNOT_BE_ASKED);
    const why = limit.hasExpired
      ? `no answer within ${this.#options.outcomeWaitMs / 1000} s`
      : userSignal?.aborted
        ? 'the waiting was ended'
        : 'the client was closed';
    const next = this.#canAsk ? 'recover it' : 'look at what the terminal has printed';
    return unknown(this.#sale, `${why}; it may be charged: ${next}, do not repeat it`, userSignal?.reason);
  }
}

const MAX_TOLD = 16;
const CANNOT_BE_ASKED =
  'this terminal cannot be asked about earlier sales, and it may be charged: look at what it has printed, then settle the entry by hand';

/** After DUPLICATE_TRANSACTION the sale under these identifiers is this one only if it says so itself. */
function isBelieved({ money, otherReceiptId }: Approved, { directCode }: AskedSale): boolean {
  if (otherReceiptId !== undefined) return false;
  return directCode === 'DUPLICATE_TRANSACTION' ? money === 'same' : money !== 'other';
}
