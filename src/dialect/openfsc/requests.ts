import { type Element, type ElementName, readElement } from './elements.ts';
import type { Arguments, MethodName } from './methods.ts';

/** A request of the server that an application answers. */
export interface ServerRequest {
  /** What it is called on the channels. */
  readonly channelMethod: string;
  /** Members of `params`, beside the site's key. */
  params(args: Arguments): Readonly<Record<string, unknown>>;
  /** The lines before the OK: one for each element of `member`, or a single one of the result itself. */
  readonly answer?: { readonly name: ElementName; readonly member?: string };
  /** The server wants to be told of changes for so long. */
  readonly updates?: 'PUMP' | 'TRANSACTION';
}

const none = () => ({});
const pumpAnd = ({ values }: Arguments, more: Readonly<Record<string, unknown>> = {}) => ({
  pump: Number(values['pump']),
  ...more,
});

/** An optional number, left out where the server has left it out. */
function optionalNumber(name: string, { values }: Arguments): Readonly<Record<string, number>> {
  return values[name] === undefined ? {} : { [name]: Number(values[name]) };
}

export const SERVER_REQUESTS: Readonly<Partial<Record<MethodName, ServerRequest>>> = {
  PRICES: {
    channelMethod: 'openfsc.prices',
    params: none,
    answer: { name: 'PRICE', member: 'prices' },
  },
  PRODUCTS: {
    channelMethod: 'openfsc.products',
    params: none,
    answer: { name: 'PRODUCT', member: 'products' },
  },
  TRANSACTIONS: {
    channelMethod: 'openfsc.transactions',
    params: (args) => ({ ...optionalNumber('pump', args), ...optionalNumber('updateTtl', args) }),
    answer: { name: 'TRANSACTION', member: 'transactions' },
    updates: 'TRANSACTION',
  },
  PUMPS: {
    channelMethod: 'openfsc.pumps',
    params: none,
    answer: { name: 'PUMP', member: 'pumps' },
  },
  PUMPSTATUS: {
    channelMethod: 'openfsc.pumpStatus',
    params: (args) => pumpAnd(args, optionalNumber('updateTtl', args)),
    answer: { name: 'PUMP' },
    updates: 'PUMP',
  },
  UNLOCKPUMP: {
    channelMethod: 'openfsc.unlockPump',
    params: (args) => pumpAnd(args, { ...pick(args, UNLOCK_MEMBERS), productIds: args.list }),
  },
  LOCKPUMP: { channelMethod: 'openfsc.lockPump', params: (args) => pumpAnd(args) },
  CLEAR: {
    channelMethod: 'openfsc.clear',
    params: (args) => pumpAnd(args, pick(args, CLEAR_MEMBERS)),
  },
};

const UNLOCK_MEMBERS = ['currency', 'credit', 'fscTransactionId', 'paymentMethod'];
const CLEAR_MEMBERS = ['siteTransactionId', 'fscTransactionId', 'paymentMethod'];

function pick({ values }: Arguments, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, values[name] ?? '']));
}

export type ReadAnswer =
  | { readonly ok: true; readonly elements: readonly Element[] }
  | { readonly ok: false; readonly why: string };

/** What an application's result says, as the lines that go before the OK. `why` names a member and quotes no value. */
export function readAnswer({ answer }: ServerRequest, result: Buffer): ReadAnswer {
  if (answer === undefined) return { ok: true, elements: [] };
  const { name, member } = answer;
  const object = JSON.parse(result.toString()) as Readonly<Record<string, unknown>>;
  const list = member === undefined ? [object] : object[member];
  if (!Array.isArray(list)) return { ok: false, why: `${member} is no array` };
  const elements: Element[] = [];
  for (const [index, value] of list.entries()) {
    const read = readElement(name, value);
    if (!read.ok)
      return { ok: false, why: member === undefined ? read.why : `${member}[${index}]: ${read.why}` };
    elements.push(read.element);
  }
  return { ok: true, elements };
}
