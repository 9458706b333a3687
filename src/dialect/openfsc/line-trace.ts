import type { Logger } from '../../base/log.ts';
import { isMethod, type MethodName, readArguments } from './methods.ts';
import type { Site } from './sites.ts';

const SECRET: ReadonlySet<MethodName> = new Set(['PLAINAUTH', 'TRANSACTIONINFO', 'PAN']);
const LONG_NUMBER = /\d{12,}/g;

/** Shows lines on a log of level trace, and nothing of one that carries a secret, or may be a broken one that does. */
export class LineTrace {
  readonly #log: Logger;
  readonly #sites: readonly Pick<Site, 'secret'>[];

  constructor(log: Logger, sites: readonly Pick<Site, 'secret'>[]) {
    this.#log = log;
    this.#sites = sites;
  }

  show(event: string, session: string, tag: string, method: string, rest: string): void {
    if (!this.#log.enabled('trace')) return;
    const isPlain = isMethod(method) && !SECRET.has(method) && readArguments(method, rest).ok;
    this.#log.trace(event, {
      session,
      tag,
      method: isMethod(method) ? method : 'unknown',
      rest: isPlain ? this.withoutSecrets(rest) : '***',
    });
  }

  /** A server may say anything, also what it was told in a login. */
  withoutSecrets(text: string): string {
    const safe = text.replace(LONG_NUMBER, '***');
    return this.#sites.reduce((said, { secret }) => said.replaceAll(secret, '***'), safe);
  }
}
