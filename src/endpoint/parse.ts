import { maskText } from '../base/mask.ts';
import type { Endpoint, EndpointUse } from './endpoint.ts';
import { placeholdersIn } from './placeholder.ts';
import { dialectIn, EXAMPLES, invalid, readEndpoint, type Scheme, schemeOf, WIRE_SCHEMES } from './syntax.ts';

/**
 * Reads an endpoint text. Errors: ENDPOINT_INVALID, whose text is one line that quotes the endpoint (masked),
 * says what is wrong and gives an example.
 */
export function parseEndpoint(text: string, use: EndpointUse): Endpoint {
  const dialect = dialectIn(text);
  if (dialect !== undefined) {
    if (use !== 'channel' && use !== 'terminal') throw misused(text, `${dialect}+ is`, use);
    const endpoint = readEndpoint(text);
    if (endpoint.kind === 'terminal') checkConnected(endpoint.place, text, use);
    return endpoint;
  }
  const scheme = schemeOf(text);
  const allowed: readonly Scheme[] = SCHEMES[use];
  if (scheme !== undefined && !allowed.includes(scheme)) throw misused(text, `${scheme}: is`, use);
  if (scheme === undefined) {
    throw invalid(text, text === '' ? 'nothing is given' : 'no such kind of endpoint', guess(text, use));
  }
  const endpoint = readEndpoint(text);
  if (use === 'listen') checkListener(endpoint);
  else checkConnected(endpoint, text, use);
  return endpoint;
}

/** What only a listener can say. */
function checkConnected(endpoint: Endpoint, text: string, use: EndpointUse): void {
  if (endpoint.kind === 'unix' && endpoint.mode !== undefined) throw misused(text, 'mode= is', use);
  if ('port' in endpoint && endpoint.port === 0) throw misused(text, 'port 0 is', use);
}

const SCHEMES: Readonly<Record<EndpointUse, readonly Scheme[]>> = {
  // Over HTTP nobody can be waited for: who asks posts, who answers listens.
  wire: WIRE_SCHEMES.filter((scheme) => !scheme.startsWith('http')),
  channel: ['fd', 'fifo', 'unix', 'tcp', 'nats', 'simulator', 'null'],
  listen: ['unix', 'tcp', 'ws', 'wss', 'http', 'https', 'fd'],
  terminal: WIRE_SCHEMES,
  journal: ['nats'],
};

const USES: Readonly<Record<EndpointUse, string>> = {
  wire: 'a wire',
  channel: 'a channel',
  listen: 'listening',
  terminal: 'a terminal',
  journal: 'a journal',
};

function examplesOf(use: EndpointUse): string {
  return SCHEMES[use].map((scheme) => EXAMPLES[scheme]).join(', ');
}

/** What may have been meant, else an example of each kind. */
function guess(text: string, use: EndpointUse): string {
  const isPlain = maskText(text) === text;
  if (isPlain && HOST_AND_PORT.test(text)) return `tcp:${text}`;
  return isPlain && SOCKET_PATH.test(text) ? `unix:${text}` : examplesOf(use);
}

const HOST_AND_PORT = /^(?:[a-z][a-z0-9.-]*|\d+(?:\.\d+){3}|\[[\da-f:]+\]):\d{1,5}$/i;
const SOCKET_PATH = /^\.{0,2}\/[\w./-]{1,100}$/;

function misused(text: string, what: string, use: EndpointUse): Error {
  return invalid(text, `${what} not for ${USES[use]}`, examplesOf(use));
}

/** A listener is there before its peers, and its address is not looked up by anybody. */
function checkListener(endpoint: Endpoint): void {
  const early = placeholdersIn(endpoint.text).find((word) => word !== 'pid');
  if (early !== undefined) {
    throw invalid(endpoint.text, `a listener has no {${early}}`, EXAMPLES.unix);
  }
  if (endpoint.kind === 'fd' && endpoint.read !== endpoint.write) {
    throw invalid(endpoint.text, 'two descriptors are not for listening, a socket is one', EXAMPLES.fd);
  }
  if ('url' in endpoint && endpoint.path.includes('?')) {
    throw invalid(endpoint.text, 'a listener has no query', EXAMPLES[endpoint.kind]);
  }
  if (endpoint.kind === 'http' && !endpoint.secure && !isLoopback(endpoint.host)) {
    const why = 'http: is for this machine alone, since everybody on the way could read along';
    throw invalid(endpoint.text, why, `${EXAMPLES.http}, ${EXAMPLES.https}`);
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
