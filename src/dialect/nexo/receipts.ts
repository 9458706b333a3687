import { isArray, type Json, type JsonObject, listAt, memberAt, textAt } from '../../rpc/json-tree.ts';

type Receipts = {
  readonly merchant_receipt?: readonly string[];
  readonly customer_receipt?: readonly string[];
};

/** `PaymentReceipt`: the receipts of a result that have lines or a text. */
export function writeReceipts(result: JsonObject): readonly JsonObject[] {
  return [
    ...receiptOf('CashierReceipt', memberAt(result, 'merchant_receipt')),
    ...receiptOf('CustomerReceipt', memberAt(result, 'customer_receipt')),
  ];
}

function receiptOf(qualifier: string, receipt: Json | undefined): JsonObject[] {
  const lines = linesOf(receipt);
  if (lines === undefined) return [];
  const OutputText = lines.map((Text) => ({ Text }));
  const OutputContent = { OutputFormat: 'Text', OutputText };
  return [{ DocumentQualifier: qualifier, RequiredSignatureFlag: false, OutputContent }];
}

function linesOf(receipt: Json | undefined): readonly string[] | undefined {
  const text = textAt(receipt, 'text');
  if (text !== undefined) return text.split('\n');
  return isArray(receipt) ? receipt.filter((line) => typeof line === 'string') : undefined;
}

/** The receipts that are plain text; the others (XHTML, bar codes) are left to the caller. */
export function readReceipts(receipts: readonly Json[]): {
  readonly read: Receipts;
  readonly others: readonly Json[];
} {
  const read: { merchant_receipt?: string[]; customer_receipt?: string[] } = {};
  const others: Json[] = [];
  for (const receipt of receipts) {
    const name = QUALIFIERS.get(textAt(receipt, 'DocumentQualifier') ?? '');
    const content = memberAt(receipt, 'OutputContent');
    if (name === undefined || textAt(content, 'OutputFormat') !== 'Text') others.push(receipt);
    else read[name] = [...(read[name] ?? []), ...listAt(content, 'OutputText').map(lineOf)];
  }
  return { read, others };
}

const QUALIFIERS: ReadonlyMap<string, keyof Receipts> = new Map([
  ['CashierReceipt', 'merchant_receipt'],
  ['CustomerReceipt', 'customer_receipt'],
  ['SaleReceipt', 'customer_receipt'],
]);

/** A line of text, or the pairs that Adyen writes into one: `name=TOTAL&value=EUR 1.23&key=total`. */
function lineOf(output: Json): string {
  const text = textAt(output, 'Text') ?? '';
  if (!/^(?:key|name)=/.test(text)) return text;
  const pairs = new URLSearchParams(text);
  return [pairs.get('name'), pairs.get('value')].filter((part) => part).join(' ');
}
