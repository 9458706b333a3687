import { type Element, isElementName } from './document.ts';

/**
 * Fields as JSON and back. A field is a member whose value is its text. A field that holds other fields is an object where their
 * names differ, and an array of one-member objects where a name comes twice or where it is a list (`LINE_ITEMS`), so that the
 * order of unlike fields in it is kept.
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
 * Reads members of a JSON object as fields. Numbers keep their own text, `true` and `false` become `TRUE` and `FALSE`, `null` is
 * as good as absent, an array of texts becomes a list with `|` between them.
 *
 * @param object a valid JSON object.
 * @param isField which members are fields, by name; default: all.
 * @returns `why` names a member and quotes no value.
 */
export function readFields(object: Buffer, isField: (name: string) => boolean = () => true): ReadFields {
  const members = parseExactly(object.toString()) as Readonly<Record<string, unknown>>;
  const fields: Element[] = [];
  for (const [name, value] of Object.entries(members)) {
    if (value === null || !isField(name)) continue;
    const element = elementOf(name, value, 0);
    if (typeof element === 'string') return { ok: false, why: element };
    fields.push(element);
  }
  return { ok: true, fields };
}

/** JSON with every number as its own text: none goes through a double. */
export function parseExactly(json: string): unknown {
  return JSON.parse(
    json.replace(STRING_OR_NUMBER, (token) => (token.startsWith('"') ? token : `"${token}"`)),
  );
}

/** Strings are matched as a whole, so that no digits in them are taken for a number. */
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
const MAX_DEPTH = 8;

function elementOf(name: string, value: unknown, depth: number): Element | string {
  if (!isElementName(name)) return 'a member has a name that is no field of SCA';
  if (depth > MAX_DEPTH) return `${name} is nested too deeply`;
  if (Array.isArray(value)) return listOf(name, value, depth);
  if (typeof value === 'object' && value !== null) return parentOf(name, Object.entries(value), depth);
  return { name, text: scalarText(value), children: [] };
}

function listOf(name: string, values: readonly unknown[], depth: number): Element | string {
  if (values.every((value) => typeof value !== 'object'))
    return { name, text: values.map(scalarText).join('|'), children: [] };
  const entries: [string, unknown][] = [];
  for (const value of values) {
    const members = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    const [member] = members;
    if (member === undefined || members.length > 1)
      return `${name} is an array of something else than objects with one member each`;
    entries.push(member);
  }
  return parentOf(name, entries, depth);
}

function parentOf(
  name: string,
  entries: readonly (readonly [string, unknown])[],
  depth: number,
): Element | string {
  const children: Element[] = [];
  for (const [childName, value] of entries) {
    if (value === null) continue;
    const child = elementOf(childName, value, depth + 1);
    if (typeof child === 'string') return child;
    children.push(child);
  }
  return { name, text: '', children };
}

function scalarText(value: unknown): string {
  if (value === true) return 'TRUE';
  if (value === false) return 'FALSE';
  return String(value ?? '');
}
