/** Everything that can be wrong with a request: its code, the status of HTTP, and what it is called. */
export const PROBLEMS = {
  INVALID_REQUEST: [400, 'The request is not valid'],
  IDEMPOTENCY_KEY_MISSING: [400, 'A sale wants a key of its own'],
  TOKEN_MISSING: [401, 'A token is needed'],
  TOKEN_UNKNOWN: [401, 'This token is not known'],
  NOT_ALLOWED: [403, 'This token may not do that'],
  FOREIGN_PAGE: [403, 'This web page may not ask'],
  NOT_FOUND: [404, 'There is no such thing'],
  METHOD_NOT_ALLOWED: [405, 'This cannot be done here'],
  BUSY: [409, 'The terminal is busy'],
  NOT_SETTLEABLE: [409, 'The sale cannot be settled now'],
  TOO_LARGE: [413, 'The request is too large'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'The body is not JSON'],
  IDEMPOTENCY_KEY_REUSED: [422, 'This key belongs to another request'],
  RATE_LIMITED: [429, 'Too many requests'],
  INTERNAL_ERROR: [500, 'Something went wrong inside'],
  ABORT_REFUSED: [502, 'The terminal does not abort'],
  NOT_CONNECTED: [503, 'The terminal cannot be reached'],
  STOPPING: [503, 'The service is being stopped'],
  STORE_FAILED: [503, 'The sale cannot be recorded'],
  TOO_MANY_STREAMS: [503, 'Too many event streams are open'],
} as const satisfies Readonly<Record<string, readonly [status: number, title: string]>>;

export type ProblemCode = keyof typeof PROBLEMS;

/** A request that is not carried out. `detail`: what was wrong, and what to do, for people. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly detail: string;
  /** Further members of the answer. */
  readonly more: Readonly<Record<string, unknown>>;
  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ProblemCode,
    detail: string,
    more: Readonly<Record<string, unknown>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(`${code}: ${detail}`);
    this.name = new.target.name;
    this.code = code;
    this.detail = detail;
    this.more = more;
    this.headers = headers;
  }

  get status(): number {
    return PROBLEMS[this.code][0];
  }

  /** As RFC 9457 wants it. */
  get body(): Readonly<Record<string, unknown>> {
    const { code, status, detail, more } = this;
    return { type: `urn:posbridge:problem:${code}`, title: PROBLEMS[code][1], status, detail, code, ...more };
  }
}
