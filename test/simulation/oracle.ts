import type { Ledger } from './peers/ledger.ts';
import type { Message } from './peers/raw-register.ts';

/** What registers were ever told of sales, compared with what was truly charged. */
export interface Statement {
  readonly key: string;
  /** `not begun`: this request was refused; what became of other ones for the same sale is another question. */
  readonly says: 'charged' | 'not charged' | 'not begun';
  /** When the request was sent. */
  readonly askedMs: number;
  readonly words: string;
}

const REFUSED =
  /^(BUSY|CHANNEL_UNAVAILABLE|JOURNAL_UNAVAILABLE|JSONRPC_INVALID_PARAMS|JSONRPC_METHOD_NOT_FOUND)$/;
/** In answer to a Check these say nothing. Anything else is taken for "not charged": that is what registers do. */
const NOTHING_TO_CHECK =
  /^(TRANSACTION_ACTIVE|OUTCOME_UNKNOWN|BUSY|TIMEOUT|CHANNEL_\w+|JOURNAL_UNAVAILABLE|RESPONSE_TOO_LARGE|JSONRPC_\w+)$/;
/** Without a journal a Check gets the application's own words, and its register has to know these as well. */
const APPLICATION_SAYS_NOTHING =
  /^(ACCESS_DENIED|DUPLICATE_TRANSACTION|INTERNAL_ERROR|INVALID_API_KEY|NO_PAPER|NOT_READY|SERVICE_UNAVAILABLE|STORAGE_ERROR|UNKNOWN)$/;

/**
 * What a register takes from an answer; undefined: it has to ask on.
 *
 * @param isOnly no other Purchase for the sale has been sent so far: a refusal means that nothing was charged
 */
export function readAnswer(
  question: {
    readonly method: string;
    readonly key: string;
    readonly askedMs: number;
    readonly isOnly: boolean;
    readonly hasJournal: boolean;
  },
  { result, error }: Message,
): Statement | undefined {
  const { method, key, askedMs, isOnly, hasJournal } = question;
  const code = String(error?.data?.['string_code']);
  const say = (says: Statement['says'], words = code) => ({
    key,
    says,
    askedMs,
    words: `${method}: ${words}`,
  });
  if (result !== undefined) return say('charged', 'a result');
  if (code === 'DUPLICATE_TRANSACTION') {
    const words = `${error?.data?.['details']}; ${error?.data?.['display_message']}`;
    if (/not charged|nothing was charged|knows no sale/.test(words)) return say('not charged', words);
    return /charged|paid/.test(words) ? say('charged', words) : undefined;
  }
  if (method === 'Check') {
    const isNothing = NOTHING_TO_CHECK.test(code) || (!hasJournal && APPLICATION_SAYS_NOTHING.test(code));
    return isNothing ? undefined : say('not charged');
  }
  if (!REFUSED.test(code) || isOnly) return say('not charged');
  // Without a journal nobody remembers what an earlier process has begun.
  return hasJournal ? say('not begun') : undefined;
}

/** What was told and is not true, and what was charged twice. */
export function untruths(statements: readonly Statement[], ledger: Ledger): string[] {
  const wrong = statements.filter((statement) => !isTrue(statement, ledger));
  return [
    ...wrong.map(({ key, says, words }) => `${key} is not "${says}", as was said: ${words}`),
    ...ledger.keys.filter((key) => ledger.charges(key) > 1).map((key) => `${key} was charged more than once`),
  ];
}

function isTrue({ key, says, askedMs }: Statement, ledger: Ledger): boolean {
  if (says === 'charged') return ledger.charges(key) === 1;
  const { begunMs, isContradicted } = ledger.entry(key);
  if (says === 'not charged') return isContradicted || ledger.charges(key) === 0;
  return begunMs === undefined || begunMs >= askedMs;
}
