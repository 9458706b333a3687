import type { RegisterMessage } from '../kit/register.ts';
import type { RecordLine } from './application.ts';

/** What registers were ever told of sales, compared with what was truly charged. */

export interface Statement {
  /** `receipt_id/sequence_id`. */
  readonly key: string;
  /** `not begun`: this request was refused; what became of other ones for the same sale is another question. */
  readonly says: 'charged' | 'not charged' | 'not begun';
  /** When the request was sent, milliseconds since 1970. */
  readonly askedMs: number;
  /** By whom to what, in what words. */
  readonly words: string;
}

/** A request of a register. */
export interface Question {
  readonly id: string;
  readonly method: 'Purchase' | 'Check';
  readonly key: string;
  readonly askedMs: number;
}

const REFUSED =
  /^(BUSY|CHANNEL_UNAVAILABLE|JOURNAL_UNAVAILABLE|JSONRPC_INVALID_PARAMS|JSONRPC_METHOD_NOT_FOUND)$/;
/** In answer to a Check these say nothing. Anything else is taken for "not charged": that is what registers do. */
const NOTHING_TO_CHECK =
  /^(TRANSACTION_ACTIVE|OUTCOME_UNKNOWN|BUSY|TIMEOUT|CHANNEL_\w+|JOURNAL_UNAVAILABLE|RESPONSE_TOO_LARGE|JSONRPC_\w+)$/;

/**
 * What a register takes from an answer; undefined: it has to ask on.
 *
 * @param isOnly no other Purchase for the sale has been sent so far: a refusal means that nothing was charged.
 */
export function readAnswer(
  { id, method, key, askedMs }: Question,
  { result, error }: RegisterMessage,
  isOnly: boolean,
): Statement | undefined {
  const code = String(error?.data['string_code']);
  const say = (says: Statement['says'], words = code) => ({ key, says, askedMs, words: `${id}: ${words}` });
  if (result !== undefined) return say('charged', 'result');
  if (code === 'DUPLICATE_TRANSACTION') {
    // It says what became of the first, which is this very sale.
    const words = `${error?.data['details']}; ${error?.data['display_message']}`;
    if (/not charged|nothing was charged|knows no sale/.test(words)) return say('not charged', words);
    return /charged|paid/.test(words) ? say('charged', words) : undefined;
  }
  if (method === 'Check') return NOTHING_TO_CHECK.test(code) ? undefined : say('not charged');
  return say(REFUSED.test(code) && !isOnly ? 'not begun' : 'not charged');
}

/** What `posbridge pos --json` said of sales. */
export function statementsOfPos(lines: readonly string[]): Statement[] {
  return lines.flatMap((line) => {
    const { event, outcome, receipt_id, sequence_id } = JSON.parse(line);
    if (event !== 'outcome' || outcome === 'unknown') return [];
    const says = outcome === 'approved' ? 'charged' : 'not charged';
    return [{ key: `${receipt_id}/${sequence_id}`, says, askedMs: 0, words: `pos: ${outcome}` } as const];
  });
}

export function countCharges(record: readonly RecordLine[], key: string): number {
  return record.filter((line) => line.key === key && line.what === 'charged').length;
}

/** The statements that are not true, and the sales that were charged twice. */
export function untruths(statements: readonly Statement[], record: readonly RecordLine[]): string[] {
  const keys = new Set(record.map(({ key }) => key));
  const doubled = [...keys].filter((key) => countCharges(record, key) > 1);
  return [
    ...statements.filter((statement) => !isTrue(statement, record)).map(describe),
    ...doubled.map((key) => `${key} was charged more than once`),
  ];
}

function isTrue({ key, says, askedMs }: Statement, record: readonly RecordLine[]): boolean {
  if (says !== 'not begun') return countCharges(record, key) === (says === 'charged' ? 1 : 0);
  return !record.some((line) => line.key === key && line.what === 'begun' && line.atMs < askedMs);
}

function describe({ key, says, words }: Statement): string {
  return `${key} is not "${says}", as was said: ${words}`;
}
