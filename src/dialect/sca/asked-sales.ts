import { createHash } from 'node:crypto';
import { errorText } from '../../rpc/error-object.ts';
import { JsonNumber, memberAt, objectAt, readTree, textAt } from '../../rpc/json-tree.ts';
import { readAmount, writeAmount } from './amount.ts';
import { type Element, field, type ScaDocument, textOf } from './document.ts';
import { fieldsIn } from './json-fields.ts';
import { type Answer, paymentAnswer } from './outcome.ts';

/** A sale that is asked of a terminal, as LAST_TRAN may show it. */
export interface AskedSale {
  /** What SCA calls it: CAPTURE or CREDIT. */
  readonly command: string;
  readonly posRecon: string;
  readonly invoice: string;
  readonly amount: number;
  readonly currency: string;
  readonly fields: readonly Element[];
}

export type ReadSale = { readonly sale: AskedSale } | { readonly refusal: Answer };

const COMMANDS: Readonly<Record<string, string>> = {
  Purchase: 'CAPTURE',
  Refund: 'CREDIT',
  Reversal: 'VOID',
};
/** What stands in `sca` of a request and is ours to say. */
const OURS: ReadonlySet<string> = new Set([
  'TRANS_AMOUNT',
  'INVOICE',
  'POS_RECON',
  'COUNTER',
  'MAC',
  'MAC_LABEL',
]);
const MAX_INVOICE = 40;
/** Of an INVOICE, which is then no other sale's. */
const SUFFIX = 6;

/** Reads a sale of the vocabulary. `currency` is what the terminal's amounts are in, where that is known. */
export function readSale(
  method: string,
  params: Buffer,
  { currency, mark }: { readonly currency: string | undefined; readonly mark?: string | undefined },
): ReadSale {
  const refused = (why: string): ReadSale => ({ refusal: errorAnswer('JSONRPC_INVALID_PARAMS', why) });
  const read = readTree(params);
  if (!read.ok) return refused(read.why);
  const asked = textAt(read.value, 'currency') ?? '';
  if (currency !== undefined && asked !== currency)
    return refused(`the terminal takes ${currency}, and SCA names no currency`);
  const amount = memberAt(read.value, 'amount');
  const written = amount instanceof JsonNumber ? writeAmount(amount.text, asked) : undefined;
  const back = written === undefined ? undefined : readAmount('amount', written, asked);
  if (written === undefined || back?.ok !== true) return refused('amount is none that SCA can write');
  const names = identityIn(params, mark);
  if (names === undefined) return refused('receipt_id is missing');
  const own = fieldsIn(objectAt(read.value, 'sca') ?? {});
  if (!own.ok) return refused(own.why);
  return {
    sale: {
      ...names,
      command: COMMANDS[method] ?? method,
      amount: back.minor,
      currency: asked,
      fields: [field('TRANS_AMOUNT', written), ...own.fields.filter(({ name }) => !OURS.has(name))],
    },
  };
}

/**
 * What a transaction is called on the terminal: the same for the same identifiers, after a restart too. `mark` tells
 * this register from others that count alike.
 *
 * @param start of the members' names: `original_` for what a reversal undoes.
 */
export function identityIn(
  params: Buffer,
  mark?: string,
  start = '',
): Pick<AskedSale, 'posRecon' | 'invoice'> | undefined {
  const read = readTree(params);
  if (!read.ok) return undefined;
  const receipt = identifier(memberAt(read.value, `${start}receipt_id`));
  if (receipt === undefined) return undefined;
  const sequence = identifier(memberAt(read.value, `${start}sequence_id`));
  const named = [receipt, sequence ?? null, ...(mark === undefined ? [] : [mark])];
  const hash = createHash('sha256').update(JSON.stringify(named)).digest('hex');
  const invoice = mark === undefined ? receipt : `${receipt}-${hash.slice(-SUFFIX).toUpperCase()}`;
  const isShort = invoice.length <= MAX_INVOICE && /^[\x21-\x7e]+$/.test(invoice);
  return { posRecon: `pb${hash.slice(0, 26)}`, invoice: isShort ? invoice : hash.slice(0, MAX_INVOICE) };
}

function identifier(value: unknown): string | undefined {
  if (value instanceof JsonNumber) return value.text;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export type Match = 'this sale' | 'another sale' | 'cannot tell';

/**
 * Whether what LAST_TRAN shows is this sale: POS_RECON says so, else INVOICE and, where it is known, the amount, unless
 * another sale of this INVOICE may be shown.
 */
export function matchOf(
  response: ScaDocument,
  names: Pick<AskedSale, 'posRecon' | 'invoice'>,
  known: { readonly sale: AskedSale; readonly before: readonly ScaDocument[] | undefined } | undefined,
): Match {
  const posRecon = textOf(response, 'POS_RECON')?.trim();
  if (posRecon === names.posRecon) return 'this sale';
  if (posRecon !== undefined && posRecon !== '') return 'another sale';
  const invoice = textOf(response, 'INVOICE')?.trim();
  if (invoice === undefined || invoice === '') return 'cannot tell';
  if (invoice !== names.invoice) return 'another sale';
  const shown = textOf(response, 'TRANS_AMOUNT')?.trim();
  if (known?.before === undefined || shown === undefined) return 'cannot tell';
  const read = readAmount('TRANS_AMOUNT', shown, known.sale.currency);
  if (!read.ok || read.minor !== known.sale.amount) return 'another sale';
  const alike = known.before.filter((one) => textOf(one, 'INVOICE')?.trim() === invoice);
  return alike.every((one) => comparedNames(one, response) === 'other') ? 'this sale' : 'cannot tell';
}

/** What the terminal and the host call a sale. */
const THEIR_NAMES = ['CTROUTD', 'TRANS_SEQ_NUM', 'AUTH_CODE'];

/** Whether two documents are about one sale, by the names that both have. */
export function comparedNames(
  one: ScaDocument,
  other: ScaDocument,
  names: readonly string[] = THEIR_NAMES,
): 'same' | 'other' | 'cannot tell' {
  let isSame = false;
  for (const name of names) {
    const [own, theirs] = [textOf(one, name)?.trim(), textOf(other, name)?.trim()];
    if (own === undefined || own === '' || theirs === undefined || theirs === '') continue;
    if (own !== theirs) return 'other';
    isSame = true;
  }
  return isSame ? 'same' : 'cannot tell';
}

/** The outcome that a response to LAST_TRAN tells of the sale that it shows. */
export function shownAnswer(response: ScaDocument, sale: AskedSale | undefined, currency: string): Answer {
  return paymentAnswer(response, { currency, amount: undefined, ...sale });
}

export function errorAnswer(code: string, why: string): Answer {
  return { kind: 'error', text: errorText(code, why) };
}
