import { isHarmless, maskEncoded } from './mask/encoded.ts';
import { maskJsonText, maskNumberText, maskString, memberRule } from './mask/json-text.ts';
import { maskLiterals } from './mask/literals.ts';
import { maskLooseText } from './mask/loose-text.ts';
import { MASK, type MaskRule, maskRuleOf } from './mask/rules.ts';
import { hiddenParts, isPart } from './mask/split.ts';

/**
 * Hides card numbers, track data, PINs, keys, passwords and MACs in any text: a log line, an error text, an
 * endpoint, an excerpt of a message, JSON whole or cut off. Nothing of the kind leaves the product but through
 * this function or `maskValue`.
 *
 * Shape:  secrets become `***`, card numbers `************1111`; JSON (an object, an array or a string) stays JSON
 * Limits: linear; strings inside strings are decoded 8 deep, below that read as running text
 * Errors: none; masking a masked text changes nothing
 */
export function maskText(text: string): string {
  if (isHarmless(text)) return maskLiterals(text);
  let masked = text;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const again = maskOnce(masked, 0);
    if (again === masked) return masked;
    masked = again;
  }
  return MASK;
}

/**
 * The same for decoded JSON, and for what else may stand in a log field: the result is JSON values only.
 * The argument is not changed.
 *
 * Limits: deeper than 100, or beyond 100 000 values, everything is `***`
 */
export function maskValue(value: unknown): unknown {
  return maskAny(value, { rule: 'plain', depth: 0, budget: { left: MAX_VALUES } });
}

/** The text of a field: what identifies a sale, amounts and times are shown as they are. */
export function maskField(name: string, text: string): string {
  const rule = maskRuleOf(name);
  return rule === 'secret' || rule === 'line' ? MASK : maskString(text, rule, maskText);
}

const MAX_ROUNDS = 8;
const MAX_DECODED = 8;
const MAX_DEPTH = 100;
const MAX_VALUES = 100_000;

function maskOnce(text: string, decoded: number): string {
  if (decoded >= MAX_DECODED) return maskLooseText(maskLiterals(text));
  const inside = (string: string) => maskOnce(maskLiterals(string), decoded + 1);
  return maskJsonText(text, inside) ?? maskLooseText(maskEncoded(maskLiterals(text), inside));
}

interface Place {
  readonly rule: MaskRule;
  readonly depth: number;
  /** Shared by all places of one value. */
  readonly budget: { left: number };
}

function maskAny(value: unknown, place: Place): unknown {
  if (value === undefined) return undefined;
  if (place.rule === 'secret' || place.rule === 'line') return MASK;
  switch (typeof value) {
    case 'string':
      return maskString(value, place.rule, maskText);
    case 'number':
    case 'bigint':
      return maskNumber(value, place.rule);
    case 'object':
      return value === null ? null : maskObject(value, place);
    case 'boolean':
      return value;
    default:
      return `<${typeof value}>`;
  }
}

function maskNumber(value: number | bigint, rule: MaskRule): unknown {
  const literal = String(value);
  const masked = maskNumberText(literal, rule);
  return masked === literal && typeof value === 'number' ? value : masked;
}

function maskObject(value: object, place: Place): unknown {
  if (value instanceof Error) return maskText(value.message);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (place.depth >= MAX_DEPTH) return MASK;
  const inside = { depth: place.depth + 1, budget: place.budget };
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value) {
      if (place.budget.left-- <= 0) return MASK;
      items.push(maskAny(item, { ...inside, rule: place.rule }));
    }
    hideParts(items, place.rule);
    return items;
  }
  const members: [string, unknown][] = [];
  for (const [key, member] of Object.entries(value)) {
    if (place.budget.left-- <= 0) return MASK;
    members.push([
      maskText(key),
      maskAny(member, { ...inside, rule: memberRule(key, place.rule === 'card') }),
    ]);
  }
  // Own properties throughout: a key `__proto__` is data like any other.
  return Object.fromEntries(members);
}

/** Hides the elements that together are a card number. */
function hideParts(items: unknown[], rule: MaskRule): void {
  let first = 0;
  for (let index = 0; index <= items.length; index++) {
    const item = items[index];
    if ((typeof item === 'string' || typeof item === 'number') && isPart(String(item))) continue;
    const hidden = hiddenParts(items.slice(first, index).map(String), rule);
    for (const [at, isHidden] of hidden.entries()) if (isHidden) items[first + at] = MASK;
    first = index + 1;
  }
}
