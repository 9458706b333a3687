/**
 * Error codes that say something about the way, nothing about the money; so does everything that begins with `JSONRPC_`.
 * TRANSACTION_ACTIVE and TRANSACTION_NOT_FOUND have meanings of their own.
 */
export const NO_OUTCOME_CODES: ReadonlySet<string> = new Set([
  'BUSY',
  'CHANNEL_CLOSED',
  'CHANNEL_UNAVAILABLE',
  'CONNECTION_CLOSED',
  'DUPLICATE_TRANSACTION',
  'INTERNAL_ERROR',
  'JOURNAL_UNAVAILABLE',
  'KEEPALIVE',
  'OUTCOME_UNKNOWN',
  'RESPONSE_TOO_LARGE',
  'TIMEOUT',
  'UNKNOWN',
]);
