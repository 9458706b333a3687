export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;

/** Details of one event. Values are JSON; everything is masked before it is written. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  error(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
  trace(event: string, fields?: LogFields): void;
  /** Whether a level is written: ask before building costly fields. */
  enabled(level: LogLevel): boolean;
  /** The same log with more fields on every line. */
  with(fields: LogFields): Logger;
}

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
