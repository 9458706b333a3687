import { BridgeError } from '../base/errors.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';

type UnixEndpoint = Extract<Endpoint, { kind: 'unix' }>;

/**
 * What Node wants to hear for a UNIX endpoint. Throws ENDPOINT_INVALID for what does not fit a socket address:
 * Node 20 would cut it silently.
 */
export function unixName(endpoint: UnixEndpoint): string {
  const bytes = Buffer.byteLength(endpoint.path);
  if (bytes > 0 && bytes <= MAX_NAME_BYTES) return endpoint.abstract ? `\0${endpoint.path}` : endpoint.path;
  const text = `${endpoint.text}: the name of a UNIX socket has 1 to ${MAX_NAME_BYTES} bytes, this one ${bytes}`;
  throw new BridgeError('ENDPOINT_INVALID', text);
}

/**
 * Whether this Node gives abstract names their own length. libuv before 1.48 (Node 20) fills them with NULs up
 * to 108 bytes, for connecting as for listening, and nothing in JavaScript can prevent it: there the name is
 * only understood by another Node 20, or by who fills it up too (socat: `unix-tightsocklen=0`; Python:
 * `name.ljust(108, '\0')`). Names of 107 bytes are the same for everybody.
 */
export const hasExactAbstractNames = isAtLeast(process.versions.uv, 1, 48);

/** For the end of a sentence about an abstract name that was not found. */
export const ABSTRACT_NAME_HINT =
  'Node 20 fills abstract names with NULs up to 108 bytes: use a path, or Node 22 and later';

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

/** A socket address holds 108: a path needs one for its end, an abstract name one for its beginning. */
const MAX_NAME_BYTES = 107;
