import { type ArgumentSpec, fitsArgument, METHODS, WORDS } from './methods.ts';
import { sumFaults } from './sums.ts';

/** What applications tell as JSON objects, and a line each carries to the server. */
export type ElementName = 'PRICE' | 'PRODUCT' | 'PUMP' | 'TRANSACTION';

/** One of them, ready to be written. */
export interface Element {
  readonly name: ElementName;
  readonly args: readonly string[];
  /** What it is about: with the same key a later one replaces it. */
  readonly key: string;
  readonly pump: number | undefined;
  /** What is odd about it; none of it keeps it from being sent. Quotes no value. */
  readonly warnings: readonly string[];
}

export type ReadElement =
  | { readonly ok: true; readonly element: Element }
  | { readonly ok: false; readonly why: string };

/**
 * Reads an application's JSON object: the members have the names of the arguments; `pump` is a number, all others are
 * strings, amounts too, because a number would lose digits.
 */
export function readElement(name: ElementName, value: unknown): ReadElement {
  if (typeof value !== 'object' || value === null) return { ok: false, why: 'it is no object' };
  const object = value as Readonly<Record<string, unknown>>;
  const specs: readonly ArgumentSpec[] = METHODS[name].args;
  const args: string[] = [];
  let missing: string | undefined;
  for (const { name: member, type, isOptional } of specs) {
    const given = Object.hasOwn(object, member) ? object[member] : undefined;
    if (given === undefined || given === null) {
      // The site sends all twelve, whatever older ones did.
      if (!isOptional || name === 'TRANSACTION') return { ok: false, why: `${member} is missing` };
      missing ??= member;
      continue;
    }
    if (missing !== undefined) return { ok: false, why: `${member} needs ${missing}` };
    const text = textOf(given, type);
    if (text === undefined) {
      return { ok: false, why: `${member} is no ${type === 'pump' ? 'number' : 'string'}` };
    }
    if (!fitsArgument(type, text)) return { ok: false, why: `${member} is not ${WORDS[type]}` };
    args.push(text);
  }
  if (args.join(' ').length > MAX_CHARACTERS) return { ok: false, why: 'it is too long' };
  return checked(name, args);
}

function textOf(given: unknown, type: ArgumentSpec['type']): string | undefined {
  if (type === 'pump') return typeof given === 'number' ? String(given) : undefined;
  if (typeof given !== 'string') return undefined;
  return type === 'text' ? given.replace(/\p{Cc}+/gu, ' ') : given;
}

/** What the types cannot say: words of a list, and what must not be sent. */
function checked(name: ElementName, args: string[]): ReadElement {
  const warnings: string[] = [];
  const [first = '', second = '', third = ''] = args;
  switch (name) {
    case 'PUMP':
      if (second === 'in-transaction') args[1] = 'in-use';
      else if (!PUMP_STATUSES.has(second)) {
        return { ok: false, why: `status is not one of ${[...PUMP_STATUSES].join(', ')}` };
      }
      break;
    case 'TRANSACTION':
      if (third !== 'open' && third !== 'deferred')
        return { ok: false, why: 'status is not open or deferred' };
      if (isZero(args[5]) || isZero(args[10])) warnings.push('a transaction of nothing');
      warnings.push(...transactionFaults(args));
      break;
    case 'PRODUCT':
      args[1] = RENAMED.get(second) ?? second;
      if (!CATEGORIES.has(args[1])) warnings.push('an unknown product category');
      break;
    case 'PRICE':
      break;
  }
  const pump = name === 'PUMP' || name === 'TRANSACTION' ? Number(first) : undefined;
  const key = name === 'TRANSACTION' ? `${name} ${first} ${second}` : `${name} ${first}`;
  return { ok: true, element: { name, args, key, pump, warnings } };
}

function transactionFaults([
  ,
  ,
  ,
  ,
  ,
  gross = '',
  net = '',
  ,
  vat = '',
  ,
  volume = '',
  pricePerUnit = '',
]: readonly string[]): string[] {
  return sumFaults({ gross, net, vat, volume, pricePerUnit });
}

function isZero(decimal: string | undefined): boolean {
  return decimal !== undefined && /^[0.]+$/.test(decimal);
}

export const PUMP_STATUSES: ReadonlySet<string> = new Set([
  'free',
  'in-use',
  'ready-to-pay',
  'locked',
  'out-of-order',
]);

/** Of one element: a line holds it in any charset. */
const MAX_CHARACTERS = 2000;

/** Deprecated categories and what is sent in their place. */
const RENAMED: ReadonlyMap<string, string> = new Map([
  ['careDiesel', 'dieselHvo'],
  ['syntheticDiesel', 'dieselSynthetic'],
]);

/** Product categories in use. */
export const CATEGORIES: ReadonlySet<string> = new Set(
  `adBlue cng diesel dieselB0 dieselB7 dieselB15 dieselB20 dieselBMix dieselGtl dieselHvo dieselPremium dieselRed
dieselSynthetic e85 h2 heatingOil lng lpg ron95e5 ron95e10 ron98 ron98e5 ron100 truckAdBlue truckDiesel
truckDieselPremium truckLpg`.split(/\s+/),
);
