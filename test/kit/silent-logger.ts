import type { Logger } from '../../src/base/log.ts';

/** Says nothing. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  trace() {},
  enabled: () => false,
  with: () => silentLogger,
};
