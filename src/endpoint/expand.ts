import { isIPv6 } from 'node:net';
import { maskText } from '../base/mask.ts';
import type { Endpoint } from './endpoint.ts';
import {
  BRACES,
  isPlaceholder,
  type Placeholder,
  type PlaceholderValues,
  placeholdersIn,
} from './placeholder.ts';
import { EXAMPLES, invalid, readEndpoint } from './syntax.ts';
import { encodeToken } from './token.ts';

/** The placeholders of an endpoint, each once, in order. */
export function placeholdersOf(endpoint: Endpoint): Placeholder[] {
  return placeholdersIn(endpoint.text);
}

/**
 * Fills in the placeholders, in the text as well as in the parts. In a path a value is percent-encoded until it
 * is one harmless file name; a host takes only what is a host.
 *
 * Errors: ENDPOINT_INVALID for a placeholder that has no value, and for what does not make a good endpoint
 */
export function expandEndpoint(endpoint: Endpoint, values: PlaceholderValues): Endpoint {
  const { text } = endpoint;
  if (placeholdersOf(endpoint).length === 0) return endpoint;
  const pathAt = endOfHost(endpoint);
  const filled = text.replace(BRACES, (braces, word: string, at: number) => {
    const value = isPlaceholder(word) ? values[word] : undefined;
    if (value === undefined || value === '')
      throw invalid(text, `there is no value for ${braces} here`, exampleOf(endpoint));
    if (at >= pathAt) return endpoint.kind === 'nats' ? encodeToken(value) : encodeFileName(value);
    if (isHostPart(value)) return isIPv6(value) ? `[${value}]` : value;
    throw invalid(text, `the value for ${braces} is no host`, exampleOf(endpoint));
  });
  return readEndpoint(filled);
}

/** Fills in the placeholders of a path, each value as one harmless file name. */
export function expandPath(text: string, values: PlaceholderValues): string {
  return text.replace(BRACES, (braces, word: string) => {
    const value = isPlaceholder(word) ? values[word] : undefined;
    return value === undefined || value === '' ? braces : encodeFileName(value);
  });
}

/** How applications and people are told about an endpoint: filled in as far as it is, and masked. */
export function displayEndpoint(endpoint: Endpoint): string {
  return maskText(endpoint.text);
}

/** Where the part of an endpoint's text ends that takes only what is a host. */
function endOfHost(endpoint: Endpoint): number {
  if (endpoint.kind === 'tcp') return endpoint.text.length;
  if ('url' in endpoint) return endOfAuthority(endpoint.text);
  if (endpoint.kind === 'nats') return endOfAuthority(endpoint.text);
  if (endpoint.kind !== 'terminal') return 0;
  const end = endOfHost(endpoint.place);
  return end === 0 ? 0 : endpoint.dialect.length + 1 + end;
}

function exampleOf(endpoint: Endpoint): string {
  return endpoint.kind === 'terminal'
    ? `${endpoint.dialect}+${EXAMPLES[endpoint.place.kind]}`
    : EXAMPLES[endpoint.kind];
}

function endOfAuthority(text: string): number {
  const start = text.indexOf('//') + 2;
  const length = text.slice(start).search(/[/?]/);
  return length === -1 ? text.length : start + length;
}

function isHostPart(value: string): boolean {
  return /^[\w.-]+$/.test(value) || isIPv6(value);
}

/** `/`, `?`, `{` and the like, control characters, non-ASCII and `%` itself become `%XX`, as do `.` and `..`. */
export function encodeFileName(value: string): string {
  if (value === '.' || value === '..') return value.replaceAll('.', '%2E');
  let encoded = '';
  for (const byte of Buffer.from(value)) {
    const character = String.fromCharCode(byte);
    const isPlain = byte < 0x80 && /[\w.:~+,-]/.test(character);
    encoded += isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
