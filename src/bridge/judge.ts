import type { Logger } from '../base/log.ts';
import { integerText } from '../rpc/integer-text.ts';
import { type OutcomeText, readStatement, type Statement } from '../rpc/outcome.ts';
import { decodeString, kindOf } from '../rpc/scan.ts';
import { membersIn } from './members.ts';

export interface JudgeOptions {
  /** Codes beside the listed ones that mean "not charged". */
  readonly outcomeCodes: ReadonlySet<string>;
  /** In a request as in a result. */
  readonly names: SaleMembers;
  readonly log: Logger;
}

/** The members that name a sale, its amount and its currency; undefined where the protocol has no such member. */
export interface SaleMembers {
  readonly receipt: string;
  readonly amount: string | undefined;
  readonly currency: string | undefined;
}

/** What was asked for, by value: 17 and "17" are the same. What is undefined is not compared. */
export interface AskedFor {
  readonly receipt: string | undefined;
  readonly currency: string | undefined;
  readonly amount?: string | undefined;
}

export interface Said {
  readonly says: Statement;
  readonly code: string;
}

/** What a bridge makes of an application's words about a transaction. */
export class Judge {
  readonly #options: JudgeOptions;

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  get names(): JudgeOptions['names'] {
    return this.#options.names;
  }

  /** Of a direct answer. */
  answer(answer: OutcomeText): Said {
    return readStatement(answer, this.#options.outcomeCodes);
  }

  /**
   * Of an answer to a question of the bridge's own. A result that is about another sale than was asked for says
   * nothing.
   */
  check(answer: OutcomeText, asked: AskedFor): Said {
    const said = this.answer(answer);
    if (said.says !== 'charged') return said;
    const found = this.asked(answer.text);
    for (const name of ['receipt', 'currency', 'amount'] as const) {
      const [wanted, told] = [asked[name], found[name]];
      if (wanted === undefined || told === undefined || wanted === told) continue;
      this.#options.log.error('THE APPLICATION TELLS THE RESULT OF ANOTHER SALE; somebody has to look', {
        member: this.#options.names[name],
        asked: wanted,
        told,
      });
      return { says: 'unknown', code: '' };
    }
    return said;
  }

  /** Reads it from the params of a request, or from a result. */
  asked(members: Buffer): Required<AskedFor> {
    const { names } = this.#options;
    const found = membersIn(members, [names.receipt, names.currency, names.amount]);
    const [receipt, currency, amount] = found.map(namedValue);
    return { receipt, currency: currency?.toUpperCase(), amount };
  }
}

function namedValue(literal: Buffer | undefined): string | undefined {
  if (literal === undefined) return undefined;
  const text = literal.toString();
  switch (kindOf(literal)) {
    case 'string':
      return decodeString(text);
    case 'number':
      return integerText(text) ?? text;
    default:
      return undefined;
  }
}
