/** Codes of our own, local faults; each has a line in docs/errors.md. */
export type BridgeErrorCode =
  | 'USAGE'
  | 'ENDPOINT_INVALID'
  | 'FD_NOT_INHERITED'
  | 'WIRE_OPEN_FAILED'
  | 'WIRE_FAULT'
  | 'LISTEN_FAILED'
  | 'CHANNEL_OPEN_FAILED'
  | 'NATS_UNAVAILABLE'
  | 'LOCK_UNAVAILABLE'
  | 'JOURNAL_OPEN_FAILED'
  | 'JOURNAL_FAULT'
  | 'STATE_OPEN_FAILED'
  | 'NOT_CONNECTED'
  | 'CONNECTION_CLOSED'
  | 'KEEPALIVE'
  | 'TIMEOUT'
  | 'ABORTED'
  | 'OUTCOME_UNKNOWN'
  | 'TRANSACTION_ACTIVE'
  | 'DUPLICATE_TRANSACTION'
  | 'STORE_FAILED';

/** A fault on this machine. `text` is one line: what happened, where, what to do. */
export class BridgeError extends Error {
  readonly code: BridgeErrorCode;
  readonly text: string;

  constructor(code: BridgeErrorCode, text: string, options?: ErrorOptions) {
    super(`${code}: ${text}`, options);
    this.name = new.target.name;
    this.code = code;
    this.text = text;
  }
}

/** What an operating system error says, for the end of a sentence: "connection refused (ECONNREFUSED)". */
export function describeFault(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault);
  if (fault instanceof BridgeError) return fault.text;
  const code = (fault as NodeJS.ErrnoException).code;
  const words = code === undefined ? undefined : FAULT_WORDS[code];
  if (words !== undefined) return `${words} (${code})`;
  return fault.message === '' ? (code ?? fault.name) : fault.message;
}

const FAULT_WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'no such local address',
  EAGAIN: 'temporarily not available',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EEXIST: 'exists already',
  EHOSTUNREACH: 'host unreachable',
  EINVAL: 'invalid argument',
  EISDIR: 'is a directory',
  EMFILE: 'too many open files',
  ENETUNREACH: 'network unreachable',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTFOUND: 'no such host',
  ENOTSOCK: 'not a socket',
  ENXIO: 'nobody has it open for reading',
  EPERM: 'not permitted',
  EPIPE: 'nobody reads any more',
  EROFS: 'read-only file system',
  ETIMEDOUT: 'timed out',
};
