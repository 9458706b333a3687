import { type Clock, isoTime } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { type JsonObject, objectAt, textAt } from '../../rpc/json-tree.ts';
import type { PeerAnswer } from '../dialect.ts';
import { meaningOf } from './conditions.ts';
import { answerError } from './sale-answers.ts';
import type { SaleEnd } from './sale-end.ts';
import type { Reply, ServiceLine } from './service-line.ts';

const LOGIN_LIMIT_MS = 30_000;

export interface LoginsOptions {
  readonly end: SaleEnd;
  readonly line: ServiceLine;
  readonly clock: Clock;
  readonly log: Logger;
  /** Displays, inputs and events of the terminal reach us. */
  readonly isListening: boolean;
}

/**
 * Logs in at the terminal where it has to be, and never while a transaction may be running there: a Login resets some.
 */
export class Logins {
  readonly #options: LoginsOptions;

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  /**
   * Before a transaction: where the vendor wants it and it has not been done. Otherwise why the transaction is not
   * begun.
   */
  async before(): Promise<'ready' | PeerAnswer> {
    const { vendor, memory } = this.#options.end;
    return vendor.needsLogin && !memory.isLoggedIn ? this.again() : 'ready';
  }

  /** The terminal has forgotten us. */
  async again(): Promise<'ready' | PeerAnswer> {
    const { end, line, log } = this.#options;
    const reply = await line.ask('Login', await end.counter.next(), this.#body(), {
      limitMs: LOGIN_LIMIT_MS,
    });
    const failed = faultOf(reply);
    if (failed === undefined) {
      end.memory.isLoggedIn = true;
      if (reply.kind === 'response') end.memory.system = objectAt(reply.body, 'POISystemData');
      return 'ready';
    }
    log.warn('the Login has failed', { why: failed.why });
    // Nothing has begun, so that the transaction may come again.
    return answerError(failed.isBusy ? 'BUSY' : 'CHANNEL_UNAVAILABLE', `Login: ${failed.why}`);
  }

  #body(): JsonObject {
    const { end, clock, isListening } = this.#options;
    const { version, certificationCode, language } = end.software;
    return {
      DateTime: isoTime(clock),
      SaleSoftware: {
        [end.vendor.maker]: 'posbridge',
        ApplicationName: 'posbridge',
        SoftwareVersion: version,
        CertificationCode: certificationCode,
      },
      SaleTerminalData: {
        TerminalEnvironment: 'Attended',
        // No CashierInput and no PrinterReceipt: the terminal asks and prints by itself.
        SaleCapabilities: isListening ? ['CashierStatus', 'CashierError', 'CashierDisplay'] : [],
      },
      OperatorLanguage: language,
      POISerialNumber: textAt(end.memory.system, 'POITerminalData', 'POISerialNumber'),
    };
  }
}

/** A terminal without Login needs none. */
function faultOf(reply: Reply): { readonly why: string; readonly isBusy: boolean } | undefined {
  if (reply.kind === 'lost') return { why: reply.reason.text, isBusy: false };
  if (reply.kind === 'rejected') return { why: reply.why, isBusy: false };
  const condition = textAt(reply.body, 'Response', 'ErrorCondition') ?? 'none';
  const isDone = textAt(reply.body, 'Response', 'Result') !== 'Failure' || condition === 'UnavailableService';
  if (isDone) return undefined;
  const additional = textAt(reply.body, 'Response', 'AdditionalResponse') ?? '';
  return { why: `${condition} ${additional}`.trim(), isBusy: meaningOf(condition, '').code === 'BUSY' };
}
