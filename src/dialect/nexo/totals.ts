import { JsonNumber, type JsonObject, listAt, memberAt, textAt } from '../../rpc/json-tree.ts';
import { MAX_SUM_DIGITS, readAmount, writeAmount } from './amount.ts';
import { minorAt } from './purchase.ts';

export type WrittenTotals =
  | { readonly ok: true; readonly body: JsonObject }
  | { readonly ok: false; readonly why: string };

/** A result of Totals, or what its `last_closed` says, as `POIReconciliationID` and `TransactionTotals`. */
export function writeTotals(period: JsonObject): WrittenTotals {
  const brands = new Map<string, JsonObject & { readonly PaymentTotals: JsonObject[] }>();
  for (const line of listAt(period, 'totals')) {
    const type = TYPES.get(textAt(line, 'method') ?? '');
    const currency = textAt(line, 'currency') ?? '';
    const brand = textAt(line, 'card_scheme') ?? '';
    const amount = minorAt(line as JsonObject, 'amount');
    const count = minorAt(line as JsonObject, 'count');
    const sum = amount === undefined ? undefined : writeAmount(amount, currency, MAX_SUM_DIGITS);
    if (type === undefined || sum === undefined || count === undefined) {
      return { ok: false, why: 'nexo has no way to say a line of the totals' };
    }
    const key = JSON.stringify([brand, currency]);
    const known = brands.get(key) ?? {
      PaymentInstrumentType: 'Card',
      ...(brand !== '' && { CardBrand: brand }),
      PaymentCurrency: currency,
      PaymentTotals: [],
    };
    brands.set(key, known);
    known.PaymentTotals.push({
      TransactionType: type,
      TransactionCount: new JsonNumber(count),
      TransactionAmount: sum,
    });
  }
  const id = memberAt(period, 'period');
  return {
    ok: true,
    body: {
      POIReconciliationID: id instanceof JsonNumber ? id.text : typeof id === 'string' ? id : '0',
      ...(brands.size > 0 && { TransactionTotals: [...brands.values()] }),
    },
  };
}

/** The vocabulary does not tell which kind of transaction a Reversal has undone: mostly a purchase. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['Purchase', 'Debit'],
  ['Refund', 'Credit'],
  ['Reversal', 'ReverseDebit'],
]);

/**
 * A response to GetTotals or Reconciliation as a result of Totals. A sum that cannot be read is left out of its line,
 * never rounded; the whole response stays in `nexo`.
 */
export function readTotals(response: JsonObject, closed: boolean): JsonObject {
  const id = textAt(response, 'POIReconciliationID') ?? '';
  const { Response, ...others } = response;
  return {
    ...(/^\d{1,15}$/.test(id) && { period: new JsonNumber(Number(id)) }),
    closed,
    totals: listAt(response, 'TransactionTotals').flatMap((brand) =>
      listAt(brand, 'PaymentTotals').map((line) => {
        const currency = textAt(brand, 'PaymentCurrency') ?? '';
        const sum = readAmount(memberAt(line, 'TransactionAmount'), currency, MAX_SUM_DIGITS);
        const type = textAt(line, 'TransactionType') ?? '';
        return {
          method: METHODS.get(type) ?? type,
          card_scheme: textAt(brand, 'CardBrand'),
          currency,
          count: memberAt(line, 'TransactionCount'),
          ...(sum.ok && { amount: new JsonNumber(sum.minor) }),
        };
      }),
    ),
    nexo: others,
  };
}

const METHODS: ReadonlyMap<string, string> = new Map([
  ...[...TYPES].map(([method, type]) => [type, method] as const),
  ['ReverseCredit', 'Reversal'],
]);
