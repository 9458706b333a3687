import { createHash, randomBytes } from 'node:crypto';
import { maskField } from '../base/mask.ts';
import type { InboundRequest, TransactionRules } from '../dialect/dialect.ts';
import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';
import { comparedText, type Identity, type IdentityFault, identify } from './identity.ts';
import { membersIn } from './members.ts';

export interface TransactionReaderOptions {
  readonly rules: TransactionRules;
  /** Members of `params` that identify a transaction. */
  readonly identity: readonly string[];
  /** What a recovery request carries where the peer's own request does not: JSON by name. */
  readonly carried: Readonly<Record<string, string>>;
  /**
   * Whose identities these are: unique among those of the same scope. Undefined: the dialect tells them apart by the
   * peer's identity, and this peer has none; no transaction can be told from another peer's.
   */
  readonly scope: string | undefined;
}

/**
 * Reads requests by a dialect's rules: which transaction it is, how much, what must be the same when it is repeated.
 */
export class TransactionReader {
  readonly #options: TransactionReaderOptions;

  constructor(options: TransactionReaderOptions) {
    this.#options = options;
  }

  isTransaction(method: string): boolean {
    return this.#options.rules.methods.includes(method);
  }

  /** Which transaction a request that moves money is about. */
  identityOf({ method, params }: InboundRequest): Identity | IdentityFault {
    const { rules, identity, scope } = this.#options;
    if (scope === undefined) return 'unowned';
    return identify(params, rules.identityOf?.[method] ?? identity, rules.caseless);
  }

  /** Which one a recovery request asks about; undefined where it names none clearly. */
  askedBy({ params }: InboundRequest): Identity | undefined {
    if (this.#options.scope === undefined) return undefined;
    const identity = identify(params, this.#options.identity);
    return typeof identity === 'string' ? undefined : identity;
  }

  /** What a request must have, for people. */
  get identityRule(): string {
    if (this.#options.scope === undefined)
      return 'transactions are told apart by who the peer is: it has no identity';
    const [first = '', ...others] = this.#options.identity;
    const optional = others.length === 0 ? '' : ` and may have ${others.join(' and ')}`;
    return `params must have ${first}${optional}, once each, a string or an integer`;
  }

  /**
   * Members that a recovery request carries beside the identifiers, from the peer's own request, else as they were
   * given to us.
   */
  carriedBy(params: Buffer): string[] {
    const { rules, carried } = this.#options;
    const names = rules.carried ?? [];
    const { values } = scanObject(params, names);
    return names.flatMap((name, index) => {
      const literal = values[index]?.toString() ?? carried[name];
      return literal === undefined ? [] : [`${JSON.stringify(name)}:${literal}`];
    });
  }

  /** What stands for a transaction in a lock file. */
  nameOf({ key }: Identity): string {
    const text = JSON.stringify([this.#options.scope, key]);
    return createHash('sha256').update(text).digest('hex');
  }

  /** What has to be the same in a repeated request. */
  comparedOf({ method, params }: InboundRequest): string {
    const { amount, currency, isCompared, refusesRepeats } = this.#options.rules;
    if (refusesRepeats === true) return randomBytes(16).toString('hex'); // equal to no other
    return comparedText(
      method,
      params,
      (name) => name === amount || name === currency || isCompared?.(name) === true,
    );
  }

  /** How much, for the record: whatever a register writes there. */
  moneyOf(params: Buffer): { readonly amount?: string; readonly currency?: string } {
    const { amount: amountName, currency: currencyName } = this.#options.rules;
    const [amount, currency] = membersIn(params, [amountName, currencyName]).map(textOf);
    return {
      ...(amountName !== undefined && amount !== undefined && { amount: maskField(amountName, amount) }),
      ...(currencyName !== undefined &&
        currency !== undefined && { currency: maskField(currencyName, currency) }),
    };
  }
}

function textOf(value: Buffer | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = value.toString();
  return kindOf(value) === 'string' ? decodeString(text) : text.slice(0, 256);
}
