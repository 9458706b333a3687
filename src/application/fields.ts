import type { Member, MemberType } from '../dialect/vocabulary.ts';
import { MEMBER_TYPES } from '../dialect/vocabulary.ts';
import { integerText } from '../rpc/integer-text.ts';
import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';

/** `why` names the field and goes to the register. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: string };

export interface Rule {
  readonly isNeeded: boolean;
  /**
   * What the field's JSON text looks like, without needless escapes: numbers are never rounded before they are judged.
   */
  readonly form: RegExp;
  readonly words: string;
  /** A number counts as the integer that it is by value, and is that before it is judged. */
  readonly isByValue?: boolean;
}

export const OPTIONAL_TEXT: Rule = { isNeeded: false, form: /^"/, words: MEMBER_TYPES.text };

const FORMS: Readonly<Partial<Record<MemberType, Pick<Rule, 'form' | 'isByValue'>>>> = {
  identifier: { form: /^(".{1,128}"|-?\d+)$/s, isByValue: true },
  amount: { form: /^[1-9]\d{0,11}$/ },
  currency: { form: /^"[A-Z]{3}"$/ },
  text: OPTIONAL_TEXT,
  flag: { form: /^(true|false)$/ },
};

/** The rules for params that the vocabulary describes. */
export function rulesOf<N extends string>(members: Readonly<Record<N, Member>>): Record<N, Rule> {
  const entries = Object.entries<Member>(members).map(
    ([name, { type, isNeeded = false }]): [string, Rule] => {
      const known = FORMS[type];
      if (known === undefined) throw new TypeError(`there is no rule for ${name}, ${MEMBER_TYPES[type]}`);
      return [name, { ...known, isNeeded, words: MEMBER_TYPES[type] }];
    },
  );
  return Object.fromEntries(entries) as Record<N, Rule>;
}

/**
 * Checks params by rules, in the order of these. The fields come as text: a string's characters, else the JSON text.
 */
export function readFields<N extends string>(
  params: Buffer,
  rules: Readonly<Record<N, Rule>>,
): Checked<Partial<Record<N, string>>> {
  const names = Object.keys(rules) as N[];
  const scan = scanObject(params, names);
  if (!scan.ok) return { ok: false, why: `params: ${scan.why}` };
  const value: Partial<Record<N, string>> = {};
  for (const [index, name] of names.entries()) {
    const { isNeeded, form, words, isByValue = false } = rules[name];
    const written = scan.values[index];
    if (written === undefined || written.equals(NULL)) {
      if (isNeeded) return { ok: false, why: `${name} is missing` };
      continue;
    }
    const text = kindOf(written) === 'string' ? decodeString(written.toString()) : undefined;
    const literal =
      isByValue && kindOf(written) === 'number'
        ? integerText(written.toString('latin1'))
        : written.toString('latin1');
    if (literal === undefined || !form.test(text === undefined ? literal : JSON.stringify(text))) {
      return { ok: false, why: `${name} is not ${words}` };
    }
    value[name] = text ?? literal;
  }
  return { ok: true, value };
}

export const MAX_LINES = 200;
export const MAX_LINE_CHARACTERS = 200;

/** Text for the display or the paper: `lines`, an array of strings, or `text`, a string with line breaks. */
export function readLines(params: Buffer): Checked<string[]> {
  const scan = scanObject(params, ['lines', 'text']);
  if (!scan.ok) return { ok: false, why: `params: ${scan.why}` };
  const [lines, text] = scan.values.map((written) => (written?.equals(NULL) ? undefined : written));
  if (lines !== undefined && text !== undefined) {
    return { ok: false, why: 'lines and text are given, one of them is wanted' };
  }
  if (lines === undefined && text === undefined) return { ok: false, why: 'lines is missing, and text too' };
  const name = lines === undefined ? 'text' : 'lines';
  const value: unknown = JSON.parse((lines ?? text ?? NULL).toString());
  const all: unknown = name === 'text' && typeof value === 'string' ? value.split(/\r?\n/) : value;
  if (!isTextList(all)) {
    const words = name === 'text' ? 'a string' : `an array of strings`;
    return {
      ok: false,
      why: `${name} is not ${words} of at most ${MAX_LINES} lines, each of at most ${MAX_LINE_CHARACTERS} characters`,
    };
  }
  return { ok: true, value: all.map((line) => line.replace(CONTROLS, ' ')) };
}

const NULL = Buffer.from('null');
const CONTROLS = /\p{Cc}/gu;

function isTextList(value: unknown): value is string[] {
  if (!Array.isArray(value) || value.length > MAX_LINES) return false;
  return value.every((line) => typeof line === 'string' && line.length <= MAX_LINE_CHARACTERS);
}
