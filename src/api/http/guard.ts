import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { isOwnName, isOwnOrigin, type PageAddress } from '../../wire/own-page.ts';
import { ANYBODY, type Caller } from '../caller.ts';
import { Problem } from '../problem.ts';
import type { Tokens } from '../token-file.ts';
import type { Operation } from './operations.ts';

export interface GuardOptions {
  /** Undefined: none are needed, for only this machine can connect. */
  readonly tokens: Tokens | undefined;
  /** Web pages of others that may ask. */
  readonly allowOrigins: readonly string[];
  /** Requests a second of one token, or one address; Infinity: as many as come. */
  readonly ratePerS: number;
  readonly clock: Clock;
}

/** Where a request has come in. */
export interface Door {
  /** Undefined: a UNIX socket, which no web page can reach. */
  readonly address: PageAddress | undefined;
}

/** Those that were heard of last; a stranger cannot fill the memory with addresses. */
const MAX_BUCKETS = 2048;

/** Of an answer to whom no more is to be said. */
export const NO_HEADERS: Readonly<Record<string, string>> = {};

/** Who may ask what. */
export class Guard {
  readonly #options: GuardOptions;
  readonly #buckets = new Map<string, TokenBucket>();
  /** Names that were found to be ours, by the connection that they came on. */
  readonly #ownNames = new WeakMap<Socket, string>();

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /**
   * The headers that let the page read the answer, if a page of others asks that may. Throws FOREIGN_PAGE for any other
   * page, reading included: without a token nothing else keeps it out.
   */
  admitPage(request: IncomingMessage, { address }: Door): Readonly<Record<string, string>> {
    const { tokens, allowOrigins } = this.#options;
    // A proxy is asked with a whole address, which may name another host than `Host`.
    if (!request.url?.startsWith('/')) throw new Problem('NOT_FOUND', 'there is nothing here');
    if (address === undefined) return NO_HEADERS;
    if (tokens === undefined && !this.#isOwnName(request, address)) {
      throw new Problem('FOREIGN_PAGE', 'the service is not served under this name');
    }
    const { origin } = request.headers;
    if (origin === undefined) {
      if (FOREIGN_SITES.has(String(request.headers['sec-fetch-site']))) throw foreign();
      return NO_HEADERS;
    }
    if (isOwnOrigin(request, address.isSecure)) return NO_HEADERS;
    if (!allowOrigins.includes(origin)) throw foreign();
    return {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Expose-Headers': 'Location, Retry-After',
      Vary: 'Origin',
    };
  }

  /** Who asks, if they may. Throws a Problem. */
  admitCaller(request: IncomingMessage, { scopes }: Pick<Operation, 'scopes'>): Caller {
    const { tokens } = this.#options;
    if (tokens === undefined || scopes === undefined) {
      this.#count('address', request.socket.remoteAddress);
      return ANYBODY;
    }
    const token = tokenIn(request);
    const caller = token === undefined ? undefined : tokens.callerOf(token);
    if (caller === undefined) {
      this.#count('address', request.socket.remoteAddress);
      const code = token === undefined ? 'TOKEN_MISSING' : 'TOKEN_UNKNOWN';
      throw new Problem(
        code,
        'send a header "Authorization: Bearer TOKEN"',
        {},
        { 'WWW-Authenticate': 'Bearer' },
      );
    }
    this.#count('token', caller.name);
    if (scopes.some((scope) => caller.scopes.has(scope))) return caller;
    throw new Problem('NOT_ALLOWED', `this needs a token with the scope ${scopes.join(' or ')}`);
  }

  /** A connection is nearly always asked for the same name. */
  #isOwnName(request: IncomingMessage, address: PageAddress): boolean {
    const { socket } = request;
    const { host } = request.headers;
    if (host !== undefined && this.#ownNames.get(socket) === host) return true;
    const isOwn = isOwnName(request, address);
    if (isOwn && host !== undefined) this.#ownNames.set(socket, host);
    return isOwn;
  }

  /** Throws RATE_LIMITED. */
  #count(kind: 'address' | 'token', name: string | undefined): void {
    const { ratePerS, clock } = this.#options;
    if (ratePerS === Number.POSITIVE_INFINITY) return;
    const whom = `${kind} ${name}`;
    const bucket = this.#buckets.get(whom) ?? new TokenBucket({ ratePerS, burst: 2 * ratePerS, clock });
    this.#buckets.delete(whom);
    this.#buckets.set(whom, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MAX_BUCKETS && oldest !== undefined) this.#buckets.delete(oldest);
    if (bucket.take(1)) return;
    const waitS = String(Math.ceil(bucket.msUntil(1) / 1000));
    throw new Problem(
      'RATE_LIMITED',
      `more than ${ratePerS} requests a second`,
      {},
      { 'Retry-After': waitS },
    );
  }
}

/** What a browser says of a page of others that sends no Origin, as for an image. */
const FOREIGN_SITES: ReadonlySet<string> = new Set(['cross-site', 'same-site']);

function foreign(): Problem {
  return new Problem('FOREIGN_PAGE', 'pages of this origin may not ask; let them in with --allow-origin');
}

function tokenIn({ headers }: IncomingMessage): string | undefined {
  return /^bearer +([\w-]{1,256}) *$/i.exec(headers.authorization ?? '')?.[1];
}
