import { isArray, isObject, type Json, JsonNumber, type JsonObject, readTree } from '../../rpc/json-tree.ts';
import { type Element, isElementName, type ScaDocument } from './document.ts';

/**
 * Fields as JSON and back. A field is a member whose value is its text. A field that holds other fields is an object
 * where their names differ, and an array of one-member objects where a name comes twice or where it is a list
 * (`LINE_ITEMS`), so that the order of unlike fields in it is kept.
 */

/** Elements whose children are a list, however many there are. */
const LISTS: ReadonlySet<string> = new Set(['LINE_ITEMS', 'RECORDS']);

/** Members of a JSON object, as text without its braces. */
export function membersOf(fields: readonly Element[]): string {
  return fields.map(memberOf).join(',');
}

function memberOf({ name, text, children }: Element): string {
  return `${JSON.stringify(name)}:${children.length === 0 ? JSON.stringify(text) : nested(name, children)}`;
}

function nested(name: string, children: readonly Element[]): string {
  if (!LISTS.has(name) && repeatedName(children) === undefined) return `{${membersOf(children)}}`;
  return `[${children.map((child) => `{${memberOf(child)}}`).join(',')}]`;
}

/** Returns a name that comes twice among these fields. */
export function repeatedName(fields: readonly Element[]): string | undefined {
  const seen = new Set<string>();
  for (const { name } of fields) {
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}

export type ReadFields =
  | { readonly ok: true; readonly fields: Element[] }
  | { readonly ok: false; readonly why: string };

/**
 * Reads members of a JSON object as fields. Numbers keep their own text, `true` and `false` become `TRUE` and `FALSE`,
 * `null` is as good as absent, an array of texts becomes a list with `|` between them.
 *
 * @param isField which members are fields, by name; default: all.
 * @returns `why` names a member and quotes no value.
 */
export function readFields(object: Buffer, isField?: (name: string) => boolean): ReadFields {
  const read = readTree(object, MAX_DEPTH);
  return read.ok ? fieldsIn(read.value, isField) : read;
}

/** The same for an object that has been read. */
export function fieldsIn(object: JsonObject, isField: (name: string) => boolean = () => true): ReadFields {
  const fields: Element[] = [];
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined || value === null || !isField(name)) continue;
    const element = elementOf(name, value);
    if (typeof element === 'string') return { ok: false, why: element };
    fields.push(element);
  }
  return { ok: true, fields };
}

const MAX_DEPTH = 16;

function elementOf(name: string, value: Json): Element | string {
  if (!isElementName(name)) return 'a member has a name that is no field of SCA';
  if (isArray(value)) return listOf(name, value);
  if (isObject(value)) return parentOf(name, Object.entries(value));
  return { name, text: scalarText(value), children: [] };
}

function listOf(name: string, values: readonly Json[]): Element | string {
  if (values.every((value) => !isArray(value) && !isObject(value)))
    return { name, text: values.map(scalarText).join('|'), children: [] };
  const entries: [string, Json | undefined][] = [];
  for (const value of values) {
    const members = isObject(value) ? Object.entries(value) : [];
    const [member] = members;
    if (member === undefined || members.length > 1)
      return `${name} is an array of something else than objects with one member each`;
    entries.push(member);
  }
  return parentOf(name, entries);
}

function parentOf(name: string, entries: readonly (readonly [string, Json | undefined])[]): Element | string {
  const children: Element[] = [];
  for (const [childName, value] of entries) {
    if (value === null || value === undefined) continue;
    const child = elementOf(childName, value);
    if (typeof child === 'string') return child;
    children.push(child);
  }
  return { name, text: '', children };
}

function scalarText(value: Json): string {
  if (value instanceof JsonNumber) return value.text;
  return typeof value === 'boolean' ? String(value).toUpperCase() : String(value ?? '');
}

/** A whole document for the log. */
export function documentJson({ root, fields }: ScaDocument): string {
  return `{${JSON.stringify(root)}:{${membersOf(fields)}}}`;
}
