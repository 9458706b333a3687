import type { Endpoint, EndpointUse } from './endpoint.ts';
import { placeholdersIn } from './placeholder.ts';
import { EXAMPLES, invalid, readEndpoint, type Scheme, schemeOf } from './syntax.ts';

/**
 * Reads an endpoint text. Errors: ENDPOINT_INVALID, whose text is one line that quotes the endpoint (masked),
 * says what is wrong and gives an example.
 */
export function parseEndpoint(text: string, use: EndpointUse): Endpoint {
  const scheme = schemeOf(text);
  const allowed: readonly Scheme[] = SCHEMES[use];
  if (scheme !== undefined && !allowed.includes(scheme)) throw misused(text, `${scheme}: is`, use);
  if (scheme === undefined) {
    throw invalid(text, text === '' ? 'nothing is given' : 'no such kind of endpoint', examplesOf(use));
  }
  const endpoint = readEndpoint(text);
  if (use === 'listen') checkListener(endpoint);
  else if (endpoint.kind === 'unix' && endpoint.mode !== undefined) throw misused(text, 'mode= is', use);
  else if (endpoint.kind === 'tcp' && endpoint.port === 0) throw misused(text, 'port 0 is', use);
  else if (endpoint.kind === 'ws' && endpoint.port === 0) throw misused(text, 'port 0 is', use);
  return endpoint;
}

const SCHEMES: Readonly<Record<EndpointUse, readonly Scheme[]>> = {
  wire: ['fd', 'unix', 'tcp', 'serial', 'ws', 'wss'],
  channel: ['fd', 'fifo', 'unix', 'tcp', 'simulator', 'null'],
  listen: ['unix', 'tcp', 'ws'],
};

const USES: Readonly<Record<EndpointUse, string>> = {
  wire: 'a wire',
  channel: 'a channel',
  listen: 'listening',
};

function examplesOf(use: EndpointUse): string {
  return SCHEMES[use].map((scheme) => EXAMPLES[scheme]).join(', ');
}

function misused(text: string, what: string, use: EndpointUse): Error {
  return invalid(text, `${what} not for ${USES[use]}`, examplesOf(use));
}

/** A listener is there before its peers, and its address is not looked up by anybody. */
function checkListener(endpoint: Endpoint): void {
  const early = placeholdersIn(endpoint.text).find((word) => word !== 'pid');
  if (early !== undefined) {
    throw invalid(endpoint.text, `a listener has no {${early}}`, 'unix:/run/pos.{pid}.sock');
  }
  if (endpoint.kind === 'ws' && endpoint.path.includes('?')) {
    throw invalid(endpoint.text, 'a listener has no query', EXAMPLES.ws);
  }
}
