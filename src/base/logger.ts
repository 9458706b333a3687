import { type Clock, isoTime } from './clock.ts';
import type { LogFields, Logger, LogLevel } from './log.ts';
import { LogLevels } from './log-levels.ts';
import type { LogSink } from './log-sink.ts';
import { maskText, maskValue } from './mask.ts';
import { cutText, escapeActive } from './printable.ts';

export type LogFormat = 'human' | 'json';

/** How a line looks. */
export interface LogRender {
  readonly format: LogFormat;
  readonly clock: Clock;
  /** Human lines begin with the time; JSON lines always carry it. Default: they do not. */
  readonly timestamps?: boolean;
}

export interface LoggerOptions extends LogRender {
  /** Levels that may change, or one that does not. */
  readonly level: LogLevels | LogLevel;
  readonly sink: LogSink;
}

/**
 * A log of one event a line, and the one place where lines are made: everything in them is masked here.
 *
 * Shape:  `level event key=value …`, or an object with `time`, `level`, `event` and the fields; an error in the
 *         field `x` becomes `x`, its message, and `x_code`, on a log of level debug or trace also `x_stack`
 * Limits: a text in a field is cut after 8192 characters, a line after 65 536
 */
export function createLogger(options: LoggerOptions): Logger {
  const { level } = options;
  return new LineLogger(options, typeof level === 'string' ? new LogLevels(level) : level, {});
}

/** What a sink writes when it had to lose lines, in the same form as every other line. */
export function describeLostLines(render: LogRender): (lines: number) => string {
  return (lines) => formatLine(render, 'warn', 'log lines lost', { lines });
}

const MAX_TEXT = 8192;
const MAX_LINE = 65_536;

class LineLogger implements Logger {
  readonly #options: LoggerOptions;
  readonly #levels: LogLevels;
  readonly #fields: LogFields;
  readonly #connection: string | undefined;

  constructor(options: LoggerOptions, levels: LogLevels, fields: LogFields) {
    this.#options = options;
    this.#levels = levels;
    this.#fields = fields;
    const { connection } = fields;
    this.#connection = typeof connection === 'string' ? connection : undefined;
  }

  error(event: string, fields?: LogFields): void {
    this.#write('error', event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#write('warn', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#write('info', event, fields);
  }

  debug(event: string, fields?: LogFields): void {
    this.#write('debug', event, fields);
  }

  trace(event: string, fields?: LogFields): void {
    this.#write('trace', event, fields);
  }

  enabled(level: LogLevel): boolean {
    return this.#levels.allows(level, this.#connection);
  }

  with(fields: LogFields): Logger {
    return new LineLogger(this.#options, this.#levels, { ...this.#fields, ...fields });
  }

  #write(level: LogLevel, event: string, fields: LogFields | undefined): void {
    if (!this.enabled(level)) return;
    const masked = maskValue(describeErrors({ ...this.#fields, ...fields }, this.enabled('debug')));
    const shown = isRecord(masked) ? masked : { fields: masked };
    this.#options.sink.write(formatLine(this.#options, level, maskText(event), shown));
  }
}

function describeErrors(fields: LogFields, withStack: boolean): LogFields {
  const entries = Object.entries(fields).flatMap(([key, value]): [string, unknown][] => {
    if (!(value instanceof Error)) return [[key, value]];
    const code: unknown = 'code' in value ? value.code : undefined;
    const stack = withStack ? value.stack : undefined;
    return [
      [key, value.message],
      [`${key}_code`, code],
      [`${key}_stack`, stack],
    ];
  });
  return Object.fromEntries(entries);
}

function isRecord(value: unknown): value is LogFields {
  return typeof value === 'object' && value !== null;
}

function formatLine(render: LogRender, level: LogLevel, event: string, fields: LogFields): string {
  const time = () => isoTime(render.clock);
  if (render.format === 'json') {
    const line = jsonOf({ time: time(), level, event, ...renameReserved(fields) });
    return line.length <= MAX_LINE ? line : jsonOf({ time: time(), level, event, cut: jsonOf(fields) });
  }
  const pairs = Object.entries(fields).map(([key, value]) => pair(key, value));
  const words = [level, EVENT.test(event) ? event : jsonOf(event), ...pairs.filter((text) => text !== '')];
  return cutText((render.timestamps ? [time(), ...words] : words).join(' '), MAX_LINE);
}

/** Fields cannot take the place of the members that every line has. */
function renameReserved(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [RESERVED.includes(key) ? `field_${key}` : key, value]),
  );
}

const RESERVED = ['time', 'level', 'event'];

function pair(key: string, value: unknown): string {
  if (value === undefined) return '';
  return `${bareOrQuoted(key)}=${typeof value === 'string' ? bareOrQuoted(value) : jsonOf(value)}`;
}

/** A text as it stands if that cannot be misread, else as a JSON string. */
function bareOrQuoted(text: string): string {
  return BARE.test(text) && text.length <= MAX_TEXT ? text : jsonOf(text);
}

const BARE = /^[^\s"=\\\p{C}\p{Z}]+$/u;
/** An event may have spaces. */
const EVENT = /^[^"=\\\p{C}\p{Zl}\p{Zp}]+$/u;

function jsonOf(value: unknown): string {
  return escapeActive(
    JSON.stringify(value, (_, part) => (typeof part === 'string' ? cutText(part, MAX_TEXT) : part)),
  );
}
