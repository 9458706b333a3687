import { JsonCursor } from './json-cursor.ts';
import { scanObject } from './scan.ts';

/** A JSON value whose numbers keep the text that they were written with. Objects have no prototype. */
export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

/** A number as its JSON text, so that no digit passes through a double. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string | number) {
    this.text = String(text);
  }
}

export type ReadTree =
  | { readonly ok: true; readonly value: JsonObject }
  | { readonly ok: false; readonly why: string };

/**
 * Reads a JSON object.
 *
 * Limits: nesting <= maxDepth, default 100
 * Errors: none thrown; `why` never quotes the text. A member given twice, at any depth, is refused: two readers
 *   could take different ones.
 */
export function readTree(text: Buffer, maxDepth = 100): ReadTree {
  const scan = scanObject(text, []);
  if (!scan.ok) return { ok: false, why: scan.why };
  if (scan.depth > maxDepth) return { ok: false, why: `nested deeper than ${maxDepth}` };
  const reader = new TreeReader(text.toString());
  const value = reader.value();
  return reader.hasDuplicate
    ? { ok: false, why: 'a member is given twice' }
    : { ok: true, value: value as JsonObject };
}

/** Members that are undefined are left out. */
export function writeTree(value: Json): string {
  if (value instanceof JsonNumber) return value.text;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(writeTree).join(',')}]`;
  const members = Object.entries(value).flatMap(([name, member]) =>
    member === undefined ? [] : [`${JSON.stringify(name)}:${writeTree(member)}`],
  );
  return `{${members.join(',')}}`;
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !isArray(value) && !(value instanceof JsonNumber);
}

// Members by path: undefined where any step is missing or of another type.

export function memberAt(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let at = value;
  for (const name of path) {
    if (!isObject(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}

export function textAt(value: Json | undefined, ...path: readonly string[]): string | undefined {
  const found = memberAt(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

export function objectAt(value: Json | undefined, ...path: readonly string[]): JsonObject | undefined {
  const found = memberAt(value, ...path);
  return isObject(found) ? found : undefined;
}

/** The array, or the single value that some write in place of an array of one. */
export function listAt(value: Json | undefined, ...path: readonly string[]): readonly Json[] {
  const found = memberAt(value, ...path);
  if (found === undefined || found === null) return [];
  return isArray(found) ? found : [found];
}

/** Builds the tree of a text that is known to be valid. */
class TreeReader {
  hasDuplicate = false;
  readonly #cursor: JsonCursor;

  constructor(text: string) {
    this.#cursor = new JsonCursor(text);
  }

  value(): Json {
    const first = this.#cursor.peek();
    if (first === '{') return this.#object();
    if (first === '[') return this.#array();
    return first === '"' ? (JSON.parse(this.#cursor.string()) as string) : this.#word();
  }

  #object(): JsonObject {
    const object: Record<string, Json> = Object.create(null);
    this.#cursor.each('}', () => {
      const name = JSON.parse(this.#cursor.name()) as string;
      if (name in object) this.hasDuplicate = true;
      object[name] = this.value();
    });
    return object;
  }

  #array(): Json[] {
    const array: Json[] = [];
    this.#cursor.each(']', () => array.push(this.value()));
    return array;
  }

  #word(): Json {
    const word = this.#cursor.word();
    if (word === 'null') return null;
    return word === 'true' || word === 'false' ? word === 'true' : new JsonNumber(word);
  }
}
