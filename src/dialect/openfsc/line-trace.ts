import type { Logger } from '../../base/log.ts';
import { CARRIES_SECRETS } from './line.ts';
import { isMethod, readArguments } from './methods.ts';

/**
 * Shows lines on a log of level trace, and nothing of one that carries a secret, or may be a broken one that does. The
 * arguments have their names, so that the log shows identifiers as they are.
 */
export class LineTrace {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  show(event: string, session: string, tag: string, method: string, rest: string): void {
    if (!this.#log.enabled('trace')) return;
    const isKnown = isMethod(method);
    const read = isKnown && !CARRIES_SECRETS.has(method) ? readArguments(method, rest) : undefined;
    this.#log.trace(event, {
      session,
      tag,
      method: isKnown ? method : 'unknown',
      args: read?.ok ? { ...read.values, ...(read.list.length > 0 && { list: read.list }) } : '***',
    });
  }
}
