import { isNeverStored } from '../base/mask/rules.ts';
import { dropMembers } from '../rpc/drop-members.ts';
import { integerText } from '../rpc/integer-text.ts';
import { decodeString, scanObject } from '../rpc/scan.ts';

/** What identifies a transaction for ever. */
export interface Identity {
  /** All identifying values by value: "17", 17 and 17.0 are the same, a missing one is `null`. */
  readonly key: string;
  /** The value that every transaction has. */
  readonly first: string;
  /** The other values as one text; undefined where none was given. */
  readonly rest: string | undefined;
  /** The values that were given, by name, as text. */
  readonly values: Readonly<Record<string, string>>;
  /** The same members as a JSON object, each value in the peer's own text: the params of a recovery request. */
  readonly params: Buffer;
}

/**
 * `ambiguous`: a member of `params` comes twice, and two readers could see two transactions; `missing`: the first
 * identifying member is not there; `invalid`: one is neither a string nor an integer, or holds track data, which no
 * store may keep; `unowned`: nobody knows whose the identifiers are.
 */
export type IdentityFault = 'ambiguous' | 'missing' | 'invalid' | 'unowned';

/**
 * Reads the identifying members of `params`. The first of `names` is needed; `null` is as good as not there.
 *
 * @param caseless members whose values are the same in capital and small letters.
 */
export function identify(
  params: Buffer,
  names: readonly string[],
  caseless: readonly string[] = [],
): Identity | IdentityFault {
  const scan = scanObject(params, names);
  if (!scan.ok) return 'ambiguous';
  const values: [string, string][] = [];
  const keys: (string | null)[] = [];
  const members: string[] = [];
  for (const [index, name] of names.entries()) {
    const text = scan.values[index]?.toString();
    if (text === undefined || text === 'null') {
      keys.push(null);
      continue;
    }
    const value = valueIn(text);
    if (value === undefined) return 'invalid';
    values.push([name, value]);
    keys.push(caseless.includes(name) ? value.toLowerCase() : value);
    members.push(`${JSON.stringify(name)}:${text}`);
  }
  const [first, ...others] = keys;
  if (first === undefined || first === null) return 'missing';
  return {
    key: JSON.stringify(keys),
    first,
    rest: others.every((value) => value === null) ? undefined : JSON.stringify(others),
    values: Object.fromEntries(values),
    params: Buffer.from(`{${members.join(',')}}`),
  };
}

/**
 * A string is itself; a number is its integer value in decimal digits. Undefined for everything else, and for track
 * data.
 */
function valueIn(text: string): string | undefined {
  if (!text.startsWith('"')) return integerText(text);
  const value = decodeString(text);
  return TRACK_DATA.test(value) ? undefined : value;
}

/** A card number, then the separator and the expiry of track 1 or 2 (ISO/IEC 7813). */
const TRACK_DATA = /\d{12,19}(?:=|\^[^^]{2,26}\^)\d{4}/;

/**
 * What has to be the same in a repeated request, as one text: the method, what is paid, and with whose key. Other
 * members (a timestamp, a language) may differ. Never anything of a card.
 *
 * @param params a valid JSON object.
 * @param isCompared which members count, by name.
 */
export function comparedText(method: string, params: Buffer, isCompared: (name: string) => boolean): string {
  const names = Object.keys(JSON.parse(params.toString()) as object)
    .filter((name) => isCompared(name) && !isNeverStored(name))
    .toSorted();
  const { values } = scanObject(params, names);
  const members = names.flatMap((name, index) => {
    const text = values[index]?.toString() ?? 'null';
    return text === 'null' ? [] : [[name, comparedValue(text)]];
  });
  return JSON.stringify([method, ...members]);
}

/** "1230", 1230 and 1230.0 are the same, and a text may be escaped in many ways. */
function comparedValue(text: string): string {
  if (text.startsWith('"')) return decodeString(text);
  return dropMembers(text, isNeverStored).replace(STRING_OR_NUMBER, (token) => integerText(token) ?? token);
}

/** Strings are matched as a whole, so that no digits in them are taken for a number. */
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
