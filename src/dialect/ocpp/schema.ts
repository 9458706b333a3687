import type { Action } from './actions.ts';
import type { CallFault } from './errors.ts';
import { SCHEMA_TEXTS } from './schema-texts.ts';

/** What remains of an official schema: objects are closed, and definitions stand where they are used. */
type Schema =
  | {
      readonly type: 'object';
      readonly members?: Readonly<Record<string, Schema>>;
      readonly required?: readonly string[];
    }
  | { readonly type: 'array'; readonly items: Schema; readonly minItems?: number }
  | {
      readonly type: 'string';
      readonly values?: readonly string[];
      readonly maxLength?: number;
      readonly format?: 'date-time' | 'uri';
    }
  | { readonly type: 'integer' | 'number'; readonly decimals?: number }
  | { readonly type: 'boolean' };

export type Checked =
  /** `repaired`: the value is not the one that was given, because leniency has changed it. */
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>>; readonly repaired: boolean }
  | ({ readonly ok: false } & CallFault);

/**
 * Checks a payload against the official schema of an action.
 *
 * `lenient` repairs what quirky firmware is known to get wrong, and nothing else: members that the schema does not have
 * are left out, a number or boolean where a string belongs becomes its text, a numeric string where a number belongs
 * becomes the number, one object where a list belongs becomes a list of it, and a time without a zone is taken for UTC.
 *
 * Errors: a fault names the place (`meterValue[0].timestamp`) and quotes no value
 */
export function checkPayload(
  action: Action,
  side: 'req' | 'conf',
  payload: unknown,
  how: 'strict' | 'lenient' = 'strict',
): Checked {
  const check = new Check(how === 'lenient');
  const value = check.value(schemaOf(action, side), payload, '');
  if (check.fault !== undefined) return { ok: false, ...check.fault };
  return { ok: true, value: value as Readonly<Record<string, unknown>>, repaired: check.isRepaired };
}

class Check {
  fault: CallFault | undefined;
  isRepaired = false;
  readonly #isLenient: boolean;

  constructor(isLenient: boolean) {
    this.#isLenient = isLenient;
  }

  value(schema: Schema, value: unknown, path: string): unknown {
    switch (schema.type) {
      case 'object':
        return this.#object(schema, value, path);
      case 'array':
        return this.#array(schema, value, path);
      case 'string':
        return this.#string(schema, value, path);
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#wrongType(path, 'true or false');
      default:
        return this.#number(schema, value, path);
    }
  }

  #object(schema: Extract<Schema, { type: 'object' }>, value: unknown, path: string): unknown {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.#wrongType(path, 'an object');
    }
    const { members = {}, required = [] } = schema;
    const given = value as Readonly<Record<string, unknown>>;
    let kept: Record<string, unknown> | undefined;
    for (const name of Object.keys(given)) {
      const member = Object.hasOwn(members, name) ? members[name] : undefined;
      const at = path === '' ? name : `${path}.${name}`;
      if (member === undefined) {
        if (!this.#isLenient)
          return this.#fail('PropertyConstraintViolation', path, 'has a member that does not belong there');
        kept ??= { ...given };
        delete kept[name];
        this.isRepaired = true;
        continue;
      }
      const checked = this.value(member, given[name], at);
      if (this.fault !== undefined) return undefined;
      if (checked !== given[name]) {
        kept ??= { ...given };
        kept[name] = checked;
      }
    }
    for (const name of required) {
      if (Object.hasOwn(given, name)) continue;
      return this.#fail('OccurenceConstraintViolation', path === '' ? name : `${path}.${name}`, 'is missing');
    }
    return kept ?? given;
  }

  #array(schema: Extract<Schema, { type: 'array' }>, value: unknown, path: string): unknown {
    if (!Array.isArray(value)) {
      if (!this.#isLenient || typeof value !== 'object' || value === null)
        return this.#wrongType(path, 'an array');
      this.isRepaired = true;
      return this.#array(schema, [value], path);
    }
    if (value.length < (schema.minItems ?? 0)) {
      return this.#fail('OccurenceConstraintViolation', path, 'has too few elements');
    }
    let kept: unknown[] | undefined;
    for (const [index, item] of value.entries()) {
      const checked = this.value(schema.items, item, `${path}[${index}]`);
      if (this.fault !== undefined) return undefined;
      if (checked === item) continue;
      kept ??= [...value];
      kept[index] = checked;
    }
    return kept ?? value;
  }

  #string(schema: Extract<Schema, { type: 'string' }>, value: unknown, path: string): unknown {
    let text = value;
    if (this.#isLenient && (typeof value === 'number' || typeof value === 'boolean')) {
      text = String(value);
      this.isRepaired = true;
    }
    if (typeof text !== 'string') return this.#wrongType(path, 'a string');
    if (schema.values !== undefined && !schema.values.includes(text)) {
      return this.#fail('PropertyConstraintViolation', path, 'is none of the values that are allowed');
    }
    if (schema.maxLength !== undefined && lengthOf(text) > schema.maxLength) {
      return this.#fail('PropertyConstraintViolation', path, `is longer than ${schema.maxLength} characters`);
    }
    if (schema.format === 'date-time' && !isDateTime(text)) {
      if (!this.#isLenient || !isDateTime(`${text}Z`)) {
        return this.#fail('FormationViolation', path, 'is no date and time of ISO 8601 with its zone');
      }
      this.isRepaired = true;
      return `${text}Z`;
    }
    if (schema.format === 'uri' && !/^[a-z][a-z0-9+.-]*:[^\s]*$/i.test(text)) {
      return this.#fail('FormationViolation', path, 'is no URI');
    }
    return text;
  }

  #number(schema: Extract<Schema, { type: 'integer' | 'number' }>, value: unknown, path: string): unknown {
    let number = value;
    if (this.#isLenient && typeof value === 'string' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value)) {
      number = Number(value);
      this.isRepaired = true;
    }
    const isInteger = schema.type === 'integer';
    if (typeof number !== 'number' || (isInteger && !Number.isInteger(number))) {
      return this.#wrongType(path, isInteger ? 'an integer' : 'a number');
    }
    if (!Number.isFinite(number) || (isInteger && !Number.isSafeInteger(number))) {
      return this.#fail('PropertyConstraintViolation', path, 'is too large');
    }
    // 0.1 has no exact double, so a remainder would refuse 16.1.
    if (schema.decimals === 1 && Math.abs(number * 10 - Math.round(number * 10)) > 1e-6) {
      return this.#fail('PropertyConstraintViolation', path, 'has more than one decimal');
    }
    return number;
  }

  #wrongType(path: string, wanted: string): undefined {
    return this.#fail('TypeConstraintViolation', path, `is not ${wanted}`);
  }

  #fail(code: CallFault['code'], path: string, why: string): undefined {
    this.fault = { code, description: `${path === '' ? 'the payload' : path} ${why}` };
    return undefined;
  }
}

/** ISO 8601 with seconds and a zone; a fraction may have any number of digits. */
function isDateTime(text: string): boolean {
  const parts = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$/.exec(text);
  if (parts === null) return false;
  const [, day = '', time = ''] = parts;
  // A leap second counts as the second before it.
  const instant = new Date(`${day}T${time.replace(/:60$/, ':59')}Z`);
  return !Number.isNaN(instant.getTime()) && instant.toISOString().startsWith(day);
}

/** Characters, as JSON Schema counts them: a pair of surrogates is one. */
function lengthOf(text: string): number {
  let length = text.length;
  for (const pair of text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)) length -= pair[0].length - 1;
  return length;
}

function schemaOf(action: Action, side: 'req' | 'conf'): Schema {
  const name = `${action}.${side}`;
  const known = schemas.get(name);
  if (known !== undefined) return known;
  const schema = JSON.parse(SCHEMA_TEXTS[name] ?? '') as Schema;
  schemas.set(name, schema);
  return schema;
}

const schemas = new Map<string, Schema>();
