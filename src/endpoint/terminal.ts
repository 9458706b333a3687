import type { TerminalEndpoint, WireEndpoint } from './endpoint.ts';
import { EXAMPLES, invalid, readEndpoint } from './syntax.ts';

/** A terminal's endpoint, taken apart. */
export interface TerminalPlace {
  /** Where the wire is opened, with the options that are the wire's own. */
  readonly wire: WireEndpoint;
  /** Options of the dialect, without percent-encoding. */
  readonly options: ReadonlyMap<string, string>;
}

/**
 * Tells the dialect's options from the wire's: those in `names` are the dialect's, all others the wire's, which refuses
 * what it does not know. Errors: ENDPOINT_INVALID.
 *
 * @param names the options that the dialect has.
 */
export function splitTerminal(
  { text, dialect, place, query }: TerminalEndpoint,
  names: readonly string[],
): TerminalPlace {
  const options = new Map<string, string>();
  const left: string[] = [];
  for (const part of query === '' ? [] : query.split('&')) {
    const at = part.indexOf('=');
    const name = at === -1 ? part : part.slice(0, at);
    if (!names.includes(name)) {
      left.push(part);
      continue;
    }
    const example = `${dialect}+${EXAMPLES[place.kind]}?${name}=VALUE`;
    if (options.has(name)) throw invalid(text, `${name} is given twice`, example);
    const value = at === -1 ? undefined : decoded(part.slice(at + 1));
    if (value === undefined || value === '')
      throw invalid(text, `${name} has no value that can be read`, example);
    options.set(name, value);
  }
  const [unknown] = left;
  if (unknown === undefined) return { wire: place, options };
  if (place.kind !== 'serial' && !('url' in place)) {
    const known = names.length === 0 ? 'none' : names.join(', ');
    const why = `${dialect} has no such option; those that it has: ${known}`;
    throw invalid(text, why, `${dialect}+${EXAMPLES[place.kind]}`);
  }
  return { wire: readEndpoint(`${place.text}?${left.join('&')}`) as WireEndpoint, options };
}

/** Undefined for a percent that begins no character. */
function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
