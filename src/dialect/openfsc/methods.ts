/** Who sends a method. */
export type Sender = 'site' | 'server' | 'both';

/**
 * What an argument looks like:
 *   number    decimal digits, at most 2^53 - 1; leading zeros are put up with
 *   pump      the same, from 1 on
 *   decimal   digits, perhaps a point and more digits; kept as text
 *   uuid      8-4-4-4-12 hex digits, either case
 *   currency  three capital letters
 *   session   anything printable without a dot
 *   token     anything printable without a space
 *   text      the last one: everything that is left, spaces included
 */
export type ArgumentType = 'number' | 'pump' | 'decimal' | 'uuid' | 'currency' | 'session' | 'token' | 'text';

export interface ArgumentSpec {
  readonly name: string;
  readonly type: ArgumentType;
  readonly isOptional?: true;
  /** The last one may come so many times. */
  readonly repeats?: number;
}

export interface MethodSpec {
  readonly from: Sender;
  readonly kind: 'request' | 'notification' | 'response';
  readonly args: readonly ArgumentSpec[];
}

const pump: ArgumentSpec = { name: 'pump', type: 'pump' };
const updateTtl: ArgumentSpec = { name: 'updateTtl', type: 'number', isOptional: true };
const fscTransactionId: ArgumentSpec = { name: 'fscTransactionId', type: 'uuid' };
const siteTransactionId: ArgumentSpec = { name: 'siteTransactionId', type: 'token' };
const productId: ArgumentSpec = { name: 'productId', type: 'token' };
const currency: ArgumentSpec = { name: 'currency', type: 'currency' };
const paymentMethod: ArgumentSpec = { name: 'paymentMethod', type: 'token' };
const reason: ArgumentSpec = { name: 'reason', type: 'text', isOptional: true };
const decimal = (name: string): ArgumentSpec => ({ name, type: 'decimal' });
const token = (name: string): ArgumentSpec => ({ name, type: 'token' });
const optional = (spec: ArgumentSpec): ArgumentSpec => ({ ...spec, isOptional: true });

const request = (from: Sender, ...args: ArgumentSpec[]): MethodSpec => ({ from, kind: 'request', args });
const notification = (from: Sender, ...args: ArgumentSpec[]): MethodSpec => ({
  from,
  kind: 'notification',
  args,
});
const response = (from: Sender, ...args: ArgumentSpec[]): MethodSpec => ({ from, kind: 'response', args });

/** Most product ids of one UNLOCKPUMP. */
const MAX_PRODUCTS = 8;
const MAX_CAPABILITIES = 256;

/** Every method of OpenFSC 1.0 and its extensions, the discontinued ones too, with its arguments in order. */
export const METHODS = {
  OK: response('both'),
  ERR: response('both', { name: 'code', type: 'number' }, reason),
  BEAT: response('site', token('timestamp')),

  CAPABILITY: notification('both', {
    name: 'method',
    type: 'token',
    isOptional: true,
    repeats: MAX_CAPABILITIES,
  }),
  QUIT: notification('both', reason),
  PRICE: notification('site', productId, token('unit'), currency, decimal('pricePerUnit'), {
    name: 'description',
    type: 'text',
  }),
  PRODUCT: notification(
    'site',
    productId,
    token('category'),
    decimal('vatRate'),
    optional(token('unit')),
    optional({ name: 'name', type: 'text' }),
  ),
  PUMP: notification('site', pump, token('status')),
  TRANSACTION: notification(
    'site',
    pump,
    siteTransactionId,
    token('status'),
    productId,
    currency,
    decimal('priceWithVat'),
    decimal('priceWithoutVat'),
    decimal('vatRate'),
    decimal('vatAmount'),
    token('unit'),
    decimal('volume'),
    // Older sites leave it out.
    optional(decimal('pricePerUnit')),
  ),
  RECEIPTINFO: notification('site', fscTransactionId, token('key'), token('value')),
  PUSHING: notification('site', token('method')),
  SESSION: notification(
    'server',
    { name: 'sessionId', type: 'session' },
    { name: 'priority', type: 'number' },
    optional({ name: 'siteAccessKey', type: 'uuid' }),
  ),
  SESSIONMODE: notification('server', token('mode')),
  TRANSACTIONINFO: notification('server', fscTransactionId, token('key'), { name: 'value', type: 'text' }),

  CHARSET: request('site', token('name')),
  PLAINAUTH: request('site', { name: 'siteAccessKey', type: 'uuid' }, { name: 'secret', type: 'token' }),
  NEWSESSION: request(
    'site',
    { name: 'sessionId', type: 'session' },
    { name: 'priority', type: 'number', isOptional: true },
  ),
  SESSIONS: request('site'),
  LOCKEDPUMP: request('site', pump, fscTransactionId, token('reason')),

  HEARTBEAT: request('server', token('timestamp')),
  PRICES: request('server'),
  PRODUCTS: request('server'),
  PUMPS: request('server'),
  PUMPSTATUS: request('server', pump, updateTtl),
  TRANSACTIONS: request('server', optional(pump), updateTtl),
  UNLOCKPUMP: request('server', pump, currency, decimal('credit'), fscTransactionId, paymentMethod, {
    ...optional(productId),
    repeats: MAX_PRODUCTS,
  }),
  LOCKPUMP: request('server', pump),
  CLEAR: request('server', pump, siteTransactionId, fscTransactionId, paymentMethod),
  PAN: request('server', fscTransactionId, token('pan')),
  PUSH: request('server'),
} as const satisfies Readonly<Record<string, MethodSpec>>;

export type MethodName = keyof typeof METHODS;

export function isMethod(name: string): name is MethodName {
  return Object.hasOwn(METHODS, name);
}

/** Arguments by name. Optional ones that were left out are undefined; `list` holds what may come several times. */
export interface Arguments {
  readonly values: Readonly<Record<string, string>>;
  readonly list: readonly string[];
}

export type ReadArguments =
  | ({ readonly ok: true; readonly warnings: readonly string[] } & Arguments)
  | { readonly ok: false; readonly why: string };

/**
 * Reads what stands behind a method. Spaces may be repeated before every argument but the text at the end, of which
 * each character counts. Too many arguments are a warning, too few or malformed ones a refusal; neither quotes a value.
 */
export function readArguments(method: MethodName, rest: string): ReadArguments {
  const { args }: MethodSpec = METHODS[method];
  const values: Record<string, string> = {};
  const list: string[] = [];
  const warnings: string[] = [];
  let left = rest;
  for (const { name, type, isOptional, repeats = 1 } of args) {
    for (let count = 0; count < repeats; count += 1) {
      const [value, behind] = type === 'text' ? [left, ''] : nextWord(left);
      if (value === '') {
        if (isOptional || count > 0) break;
        return { ok: false, why: `${name} is missing` };
      }
      if (!FORMS[type](value)) return { ok: false, why: `${name} is not ${WORDS[type]}` };
      if ((type === 'number' || type === 'pump') && /^0\d/.test(value))
        warnings.push(`${name} has leading zeros`);
      if (repeats > 1) list.push(value);
      else values[name] = value;
      left = behind;
    }
  }
  if (/[^ ]/.test(left)) warnings.push('more arguments than the method has');
  return { ok: true, values, list, warnings };
}

/** The next word and what stands behind it and one space. */
function nextWord(text: string): [string, string] {
  const from = /[^ ]/.exec(text)?.index ?? text.length;
  const end = text.indexOf(' ', from);
  return end === -1 ? [text.slice(from), ''] : [text.slice(from, end), text.slice(end + 1)];
}

/** Whether a value may be written as an argument of this type: the grammar to the letter, where reading is tolerant. */
export function fitsArgument(type: ArgumentType, value: string): boolean {
  return value !== '' && (STRICT_FORMS[type] ?? FORMS[type])(value);
}

const FORMS: Readonly<Record<ArgumentType, (value: string) => boolean>> = {
  number: (value) => /^\d{1,32}$/.test(value) && Number.isSafeInteger(Number(value)),
  pump: (value) => /^\d{1,32}$/.test(value) && Number.isSafeInteger(Number(value)) && Number(value) > 0,
  decimal: (value) => /^\d+(?:\.\d+)?$/.test(value),
  uuid: (value) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value),
  currency: (value) => /^[A-Z]{3}$/.test(value),
  session: (value) => /^[\x21-\x2d\x2f-\x7e]+$/.test(value),
  token: (value) => !/[\s\p{Cc}]/u.test(value),
  text: (value) => !/[\r\n]/.test(value),
};

const STRICT_FORMS: Readonly<Partial<Record<ArgumentType, (value: string) => boolean>>> = {
  decimal: (value) => /^\d+\.\d+$/.test(value),
  token: (value) => /^[\x21-\x7e]+$/.test(value),
};

/** What a type is called in an error. */
export const WORDS: Readonly<Record<ArgumentType, string>> = {
  number: 'a whole number',
  pump: 'a whole number from 1 on',
  decimal: 'a decimal number such as 12.30',
  uuid: 'a uuid',
  currency: 'a currency such as EUR',
  session: 'a session id',
  token: 'one word of printable ASCII characters',
  text: 'one line',
};

/** RFC 3339, with `Z` or an offset. Milliseconds since 1970; undefined when it is none. */
export function readTimestamp(text: string): number | undefined {
  const parts = TIMESTAMP.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second] = parts.map(Number);
  // The runtime takes the 31st of every month, and rolls it over.
  const days = new Date(Date.UTC(year ?? 0, month ?? 0, 0)).getUTCDate();
  if ((day ?? 0) > days || (hour ?? 0) > 23 || (minute ?? 0) > 59) return undefined;
  // A leap second is the next one's beginning.
  const isLeap = second === 60;
  const time = Date.parse(isLeap ? text.replace(/:60/, ':59') : text.toUpperCase());
  return Number.isNaN(time) ? undefined : time + (isLeap ? 1000 : 0);
}

const TIMESTAMP =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
