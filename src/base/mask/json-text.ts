import { maskCardText, maskDigits } from './digits.ts';
import { maskLiterals } from './literals.ts';
import { isIdentifier } from './loose-text.ts';
import { isCardPart, MASK, type MaskRule, maskRuleOf } from './rules.ts';
import { hiddenParts, isPart, MAX_PARTS } from './split.ts';

/**
 * Masks a text that is one JSON object, array or string, and leaves the rest of it byte for byte as it is.
 * Strings are masked as decoded, by `maskString`; what is hidden becomes a string, so the result is JSON again.
 * Undefined if the text is no such JSON.
 */
export function maskJsonText(text: string, maskString: (decoded: string) => string): string | undefined {
  return /^[ \t\r\n]*["{[]/.test(text) ? new JsonTextMask(text, maskString).run() : undefined;
}

/** What a member's value is, by its name and by the field that it is part of. */
export function memberRule(key: string, isInCard: boolean): MaskRule {
  const rule = maskRuleOf(key);
  const isOpen = rule === 'plain' || rule === 'encoded' || rule === 'shown';
  return isOpen && isInCard && isCardPart(key) ? 'card' : rule;
}

/** A decoded string in a field; `mask` where its name alone does not say what becomes of it. */
export function maskString(value: string, rule: MaskRule, mask: (text: string) => string): string {
  if (rule === 'shown' && isIdentifier(value)) return maskLiterals(value);
  if (rule === 'encoded' && (BASE64.test(value) || HEX.test(value))) return MASK;
  return mask(rule === 'card' ? maskCardText(value) : value);
}

const BASE64 = /^[A-Za-z0-9+/]{8,}={0,2}$/;
const HEX = /^(?:[0-9A-Fa-f]{2}[ :\r\n-]{0,2}){4,}$/;

/** A number as JSON writes it. One with an exponent or a fraction is judged by its value, too. */
export function maskNumberText(literal: string, rule: MaskRule): string {
  if (rule === 'shown') return maskLiterals(literal);
  const mask = rule === 'card' ? maskCardText : maskDigits;
  if (/[eE]/.test(literal) && Number.isSafeInteger(Number(literal))) {
    const plain = String(Number(literal));
    if (mask(plain) !== plain) return mask(plain);
  }
  const masked = mask(literal);
  if (masked !== literal || !/[.eE]/.test(literal)) return masked;
  const value = Number(literal);
  if (rule === 'card' && Math.abs(value) >= 1e21) return MASK;
  if (!Number.isInteger(value)) return literal;
  // The value alone is not enough: a long number loses its last digits there.
  const mantissa = literal.replace(/[eE].*$/, '').replace(/[-.]/g, '');
  if (mask(mantissa) !== mantissa) return mask(mantissa);
  const plain = String(value);
  const maskedPlain = mask(plain);
  return maskedPlain === plain ? literal : maskedPlain;
}

/** What may come next; `first-` marks the places where an object or array may also end. */
type Expected = 'value' | 'first-value' | 'key' | 'first-key' | 'colon' | 'more' | 'end';

interface Container {
  readonly isObject: boolean;
  /** Of the field that it is; an array's elements have the same. */
  readonly rule: MaskRule;
  /** The elements before this place that may be parts of one number. */
  parts: Part[];
}

interface Part {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

const SPACES = ' \t\r\n';
const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** One pass over one text; no recursion, whatever its depth. */
class JsonTextMask {
  readonly #text: string;
  readonly #maskString: (decoded: string) => string;
  readonly #open: Container[] = [];
  /** Of the value that comes next. */
  #rule: MaskRule = 'plain';
  /** Where a value begins that is hidden as a whole, and how many containers were open there. */
  #hidden: { readonly from: number; readonly depth: number } | undefined;
  #at = 0;
  #result = '';
  #copied = 0;

  constructor(text: string, maskString: (decoded: string) => string) {
    this.#text = text;
    this.#maskString = maskString;
  }

  run(): string | undefined {
    let expected: Expected | undefined = 'value';
    while (expected !== undefined) {
      while (this.#at < this.#text.length && SPACES.includes(this.#text.charAt(this.#at))) this.#at++;
      if (this.#at >= this.#text.length) break;
      expected = this.#step(expected, this.#text.charAt(this.#at));
    }
    return expected === 'end' ? this.#result + this.#text.slice(this.#copied) : undefined;
  }

  #step(expected: Expected, next: string): Expected | undefined {
    const container = this.#open.at(-1);
    switch (expected) {
      case 'first-value':
        return next === ']' ? this.#close() : this.#value(next);
      case 'value':
        return this.#value(next);
      case 'first-key':
        return next === '}' ? this.#close() : this.#key(container);
      case 'key':
        return this.#key(container);
      case 'colon':
        this.#at++;
        return next === ':' ? 'value' : undefined;
      case 'more':
        if (next === ',') return this.#next(container);
        return next === (container?.isObject ? '}' : ']') ? this.#close() : undefined;
      case 'end':
        return undefined;
    }
  }

  #next(container: Container | undefined): Expected {
    this.#at++;
    this.#rule = container?.isObject === false ? container.rule : 'plain';
    return container?.isObject ? 'key' : 'value';
  }

  #key(container: Container | undefined): Expected | undefined {
    const from = this.#at;
    const key = this.#string();
    if (key === undefined) return undefined;
    this.#replace(from, key, this.#maskString(key));
    this.#rule = memberRule(key, container?.rule === 'card');
    return 'colon';
  }

  #value(next: string): Expected | undefined {
    const from = this.#at;
    if (this.#hidden === undefined && (this.#rule === 'secret' || this.#rule === 'line')) {
      this.#hidden = { from, depth: this.#open.length };
    }
    if (next === '{' || next === '[') {
      this.#hideParts();
      this.#at++;
      this.#open.push({ isObject: next === '{', rule: this.#rule, parts: [] });
      return next === '{' ? 'first-key' : 'first-value';
    }
    if (next === '"') {
      const value = this.#string();
      if (value === undefined) return undefined;
      this.#scalar(from, value, maskString(value, this.#rule, this.#maskString));
    } else {
      LITERAL.lastIndex = from;
      if (!LITERAL.test(this.#text)) return undefined;
      this.#at = LITERAL.lastIndex;
      const literal = this.#text.slice(from, this.#at);
      this.#scalar(from, literal, maskNumberText(literal, this.#rule));
    }
    return this.#afterValue();
  }

  #close(): Expected {
    this.#hideParts();
    this.#at++;
    this.#open.pop();
    return this.#afterValue();
  }

  #scalar(from: number, value: string, masked: string): void {
    const container = this.#open.at(-1);
    if (container?.isObject === false && masked === value && isPart(value)) {
      container.parts.push({ from, to: this.#at, text: value });
      if (container.parts.length >= MAX_PARTS) this.#hideParts();
    } else {
      this.#hideParts();
      this.#replace(from, value, masked);
    }
  }

  /** Hides the elements of the innermost array that are parts of a card number. */
  #hideParts(): void {
    const container = this.#open.at(-1);
    if (container === undefined || container.parts.length === 0) return;
    const { parts, rule } = container;
    const hidden = hiddenParts(
      parts.map(({ text }) => text),
      rule,
    );
    for (const [index, { from, to, text }] of parts.entries())
      if (hidden[index]) this.#replace(from, text, MASK, to);
    container.parts = [];
  }

  #afterValue(): Expected {
    if (this.#hidden?.depth === this.#open.length) {
      const { from } = this.#hidden;
      this.#hidden = undefined;
      this.#replace(from, undefined, MASK);
    }
    return this.#open.length === 0 ? 'end' : 'more';
  }

  /** Reads a string and returns it decoded. */
  #string(): string | undefined {
    const text = this.#text;
    const from = this.#at;
    if (text[from] !== '"') return undefined;
    let at = from + 1;
    let isPlain = true;
    while (at < text.length && text[at] !== '"') {
      if (text.charCodeAt(at) < 0x20) return undefined;
      if (text[at] === '\\') {
        isPlain = false;
        ESCAPE.lastIndex = at;
        if (!ESCAPE.test(text)) return undefined;
        at = ESCAPE.lastIndex;
      } else at++;
    }
    if (at >= text.length) return undefined;
    this.#at = at + 1;
    return isPlain ? text.slice(from + 1, at) : String(JSON.parse(text.slice(from, at + 1)));
  }

  /** Puts a string in the place of what was read since `from`, unless it is the same or hidden anyway. */
  #replace(from: number, value: string | undefined, masked: string, to = this.#at): void {
    if (value === masked || this.#hidden !== undefined) return;
    this.#result += this.#text.slice(this.#copied, from) + JSON.stringify(masked);
    this.#copied = to;
  }
}
