import { systemClock } from '../base/clock.ts';
import { LOG_LEVELS, type LogLevel } from '../base/log.ts';
import type { LogRender } from '../base/logger.ts';
import type { Settings } from './settings.ts';

/** How the log is to be written. */
export function readLogOptions(settings: Settings): LogRender & { readonly level: LogLevel } {
  const level = settings.read('log-level', `one of ${LOG_LEVELS.join(', ')}`, (text) =>
    (LOG_LEVELS as readonly string[]).includes(text) ? (text as LogLevel) : undefined,
  );
  const format = settings.read('log-format', 'human or json', (text) =>
    text === 'human' || text === 'json' ? text : undefined,
  );
  return { level: level ?? 'info', format: format ?? 'human', clock: systemClock };
}
