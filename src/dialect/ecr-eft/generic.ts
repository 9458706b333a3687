import { CATALOGUE } from './catalogue.ts';
import { type FieldJson, fieldOfJson, jsonOfField } from './field-json.ts';
import type { EcrMessage } from './frame.ts';

/** What a message without a counterpart in our vocabulary is called on the channels. */
export const METHOD_PREFIX = 'ecr-eft.';

/** Known fields by their names; `fields` has the others, or all of them where none is known. */
export type GenericParams = Readonly<Record<string, FieldJson | number | readonly FieldJson[]>>;

export function paramsOf({ type, fields }: Pick<EcrMessage, 'type' | 'fields'>): GenericParams {
  const names = CATALOGUE.get(type)?.fields ?? [];
  const named = names.flatMap((name, index) => {
    const field = fields[index];
    return field === undefined ? [] : [[name, namedValue(name, field)] as const];
  });
  const others = fields.slice(names.length).map(jsonOfField);
  return { ...Object.fromEntries(named), ...(others.length > 0 && { fields: others }) };
}

/**
 * The fields that such params stand for, or why they stand for none. A named field that is missing ends the named ones.
 */
export function fieldsOf(
  type: string,
  params: Readonly<Record<string, unknown>>,
): readonly Buffer[] | string {
  const names = CATALOGUE.get(type)?.fields ?? [];
  const fields: Buffer[] = [];
  const missing = names.findIndex((name) => params[name] === undefined || params[name] === null);
  const given = missing === -1 ? names : names.slice(0, missing);
  const stray = names.slice(given.length).find((name) => params[name] !== undefined && params[name] !== null);
  if (stray !== undefined) return `${stray} needs ${names[missing]} before it`;
  for (const name of given) {
    const field = fieldOfJson(params[name]);
    if (field === undefined) return `${name} ${FIELD_FORM}`;
    fields.push(field);
  }
  const others = params['fields'] ?? [];
  if (!Array.isArray(others)) return 'fields is no array';
  if (others.length > 0 && missing !== -1) return `fields stand behind ${names.join(', ')}`;
  for (const value of others) {
    const field = fieldOfJson(value);
    if (field === undefined) return `each of fields ${FIELD_FORM}`;
    fields.push(field);
  }
  return fields;
}

const FIELD_FORM =
  'must be a whole number, printable ASCII text, {"list":[…]} or {"hex":"…"}, without the bytes 02, 03 and 1C';

/** A result is a number where it can be one; what is written otherwise stays as it is. */
function namedValue(name: string, field: Buffer): FieldJson | number {
  const text = field.toString('latin1');
  return NUMBERS.has(name) && /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : jsonOfField(field);
}

const NUMBERS: ReadonlySet<string> = new Set(['result', 'status']);
