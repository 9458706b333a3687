import type { Endpoint } from './endpoint.ts';
import { parseEndpoint } from './parse.ts';
import { EXAMPLES, invalid } from './syntax.ts';

/** Where connections are accepted, and whose they are. */
export interface ListenPlace {
  readonly endpoint: Endpoint;
  /** The register behind every connection, in which `{peer}` may stand; undefined: nobody's in particular. */
  readonly register?: string;
}

export const REGISTER_FORM =
  'a name of 1 to 64 letters, digits, dots, dashes, underscores or colons, in which {peer} may stand';

/** The name of a register, or of one for each peer; undefined for what is none. */
export function registerIn(text: string): string | undefined {
  return /^[A-Za-z0-9._:-]{1,64}$/.test(text.replaceAll('{peer}', 'p')) ? text : undefined;
}

/** Reads a listener's endpoint, which may end in `?register=NAME`. Errors: ENDPOINT_INVALID. */
export function parseListener(text: string): ListenPlace {
  const at = text.indexOf('?');
  const options = at === -1 ? [] : text.slice(at + 1).split('&');
  const [named, ...more] = options.filter((option) => option.startsWith(REGISTER));
  if (named === undefined) return { endpoint: parseEndpoint(text, 'listen') };
  const register = more.length === 0 ? registerIn(named.slice(REGISTER.length)) : undefined;
  if (register === undefined) {
    throw invalid(text, `${REGISTER} wants ${REGISTER_FORM}, once`, `${EXAMPLES.tcp}?register=till-1`);
  }
  const others = options.filter((option) => option !== named);
  const bare = text.slice(0, at) + (others.length === 0 ? '' : `?${others.join('&')}`);
  return { endpoint: parseEndpoint(bare, 'listen'), register };
}

const REGISTER = 'register=';
