import { decodeString, kindOf, scanObject } from '../rpc/scan.ts';

/** What identifies a transaction for ever. */
export interface Identity {
  /** The identifying values as text, so that "17" and 17 are the same. */
  readonly key: string;
  /** The same by name. */
  readonly values: Readonly<Record<string, string>>;
  /** The same members as a JSON object, each value in the peer's own text: the params of a recovery request. */
  readonly params: Buffer;
}

/**
 * Reads the identifying members of `params`. Undefined when one is missing or neither string nor number; `ambiguous`
 * when any member of `params` comes twice, since two readers could then see two transactions.
 *
 * @param caseless members whose values are the same in capital and small letters.
 */
export function identify(
  params: Buffer,
  names: readonly string[],
  caseless: readonly string[] = [],
): Identity | 'ambiguous' | undefined {
  const scan = scanObject(params, names);
  if (!scan.ok) return 'ambiguous';
  const values: [string, string][] = [];
  const members: string[] = [];
  for (const [index, name] of names.entries()) {
    const value = scan.values[index];
    if (value === undefined) return undefined;
    const kind = kindOf(value);
    if (kind !== 'string' && kind !== 'number') return undefined;
    const text = value.toString();
    values.push([name, kind === 'string' ? decodeString(text) : text]);
    members.push(`${JSON.stringify(name)}:${text}`);
  }
  return {
    key: JSON.stringify(
      values.map(([name, value]) => (caseless.includes(name) ? value.toLowerCase() : value)),
    ),
    values: Object.fromEntries(values),
    params: Buffer.from(`{${members.join(',')}}`),
  };
}
