import {
  CANCELLED_CODES,
  meaningOfAnswer,
  meaningOfCheck,
  readStatement,
  type Statement,
} from '../rpc/outcome.ts';
import type { Answer } from './answer.ts';
import type { Outcome } from './sale.ts';

/** An answer that tells the truth about a sale. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly answer: Answer;
}

/**
 * What the direct answer to a Purchase or Refund says: the outcome, or that the terminal has to be asked. `code` then,
 * where it counts for what a `Check` means: a code of no declared meaning, or DUPLICATE_TRANSACTION.
 */
export type Judgement =
  | { readonly is: 'outcome'; readonly verdict: Verdict }
  | { readonly is: 'open'; readonly code?: string };

/** What an answer to `Check` says. `code`: one of no declared meaning. */
export type Finding =
  | { readonly is: 'outcome' | 'not-found'; readonly verdict: Verdict }
  | { readonly is: 'active' }
  | { readonly is: 'nothing'; readonly code?: string };

export function judgeSaleAnswer(answer: Answer, outcomeCodes: ReadonlySet<string>): Judgement {
  if (answer.lost !== undefined) return { is: 'open' };
  const statement = statementOf(answer, outcomeCodes);
  const { says, code } = statement;
  if (meaningOfAnswer(says) !== 'ask') return { is: 'outcome', verdict: verdictOf(statement, answer) };
  return says === 'other' || says === 'duplicate' ? { is: 'open', code } : { is: 'open' };
}

/** @param directCode what `judgeSaleAnswer` found in the answer to the sale itself. */
export function judgeCheckAnswer(
  answer: Answer,
  outcomeCodes: ReadonlySet<string>,
  directCode?: string,
): Finding {
  if (answer.lost !== undefined) return { is: 'nothing' };
  const statement = statementOf(answer, outcomeCodes);
  switch (meaningOfCheck(statement, directCode)) {
    case 'charged':
    case 'not-charged':
      return { is: 'outcome', verdict: verdictOf(statement, answer) };
    case 'not-found':
      return { is: 'not-found', verdict: verdictOf(statement, answer) };
    case 'active':
      return { is: 'active' };
    case 'nothing':
      return statement.says === 'other' ? { is: 'nothing', code: statement.code } : { is: 'nothing' };
  }
}

/** How a stored answer ended its sale. */
export function outcomeOfStored(answer: Pick<Answer, 'kind' | 'text'>): Outcome {
  return outcomeOf(statementOf(answer));
}

type Stated = { readonly says: Statement; readonly code: string };

function statementOf(
  { kind, text }: Pick<Answer, 'kind' | 'text'>,
  outcomeCodes?: ReadonlySet<string>,
): Stated {
  return readStatement({ kind, text: Buffer.from(text) }, outcomeCodes);
}

function verdictOf(statement: Stated, answer: Answer): Verdict {
  return { outcome: outcomeOf(statement), answer };
}

/** How an answer ends a sale, once it is known to end it. */
function outcomeOf({ says, code }: Stated): Outcome {
  if (says === 'charged') return 'approved';
  if (says === 'refused') return 'not-started';
  if (says === 'not-found') return 'not-reached';
  return CANCELLED_CODES.has(code) ? 'cancelled' : 'declined';
}
