import { fstatSync } from 'node:fs';
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
  const time = settings.read('log-time', 'auto, on or off', (text) =>
    text === 'auto' || text === 'on' || text === 'off' ? text : undefined,
  );
  const timestamps = time === 'on' || (time !== 'off' && isFile(2));
  return { level: level ?? 'info', format: format ?? 'human', clock: systemClock, timestamps };
}

/**
 * Into a regular file nobody else writes the time; whatever reads a pipe or a socket usually does, and so does a
 * person.
 */
function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false; // closed
  }
}
