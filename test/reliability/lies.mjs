// How payment-application.mjs lies when it is given a seed: as far as a bridge can find out what is true, and no
// further. It never says an outcome that is not the true one, and never charges what it has denied to somebody who had
// reason to believe it.
import { createHash } from 'node:crypto';

/** How an answer is written. */
const GARBLED = ['Latin-1', 'byte order mark', 'NaN', 'batch', 'too large', 'cut short', 'under another id'];
/** Codes that are no outcome. */
const SAYS_NOTHING = [
  'ACCESS_DENIED',
  'DUPLICATE_TRANSACTION',
  'INTERNAL_ERROR',
  'INVALID_API_KEY',
  'JSONRPC_INTERNAL_ERROR',
  'NOT_READY',
  'OUTCOME_UNKNOWN',
  'PRINTER_FAILED',
  'SERVICE_UNAVAILABLE',
  'STORAGE_ERROR',
  'TIMEOUT',
  'TRANSACTION_ACTIVE',
  'TRANSACTION_NOT_FOUND',
];
/** To a Check these mean that it says nothing, too; and one that has forgotten how to answer a Check. */
const NOTHING_TO_CHECK = [
  'ACCESS_DENIED',
  'BUSY',
  'CHANNEL_UNAVAILABLE',
  'INTERNAL_ERROR',
  'INVALID_API_KEY',
  'JSONRPC_INVALID_PARAMS',
  'JSONRPC_METHOD_NOT_FOUND',
  'NOT_READY',
  'OUTCOME_UNKNOWN',
  'STORAGE_ERROR',
  'TIMEOUT',
  'UNKNOWN',
];
const NOT_CHARGED = ['CARD_REMOVED', 'DECLINED', 'INSUFFICIENT_FUNDS', 'OUT_OF_ORDER'];
const STEPS = ['read', 'begun', 'charged', 'answered'];
const MAX_CHECK_LIES = 4;

export class Lies {
  #seed;
  #forgetsCheck;
  /** By key: how many Checks have been lied to. */
  #checks = new Map();

  /** Without a seed it is honest. */
  constructor(seed, life) {
    this.#seed = seed;
    this.#forgetsCheck = seed !== undefined && this.#draw('life', life)(8) === 0;
  }

  /** What becomes of a Purchase: when it dies, how late it answers, what and how. */
  about(key) {
    if (this.#seed === undefined) return { delayMs: 0 };
    const below = this.#draw('about', key);
    const oneOf = (list) => list[below(list.length)];
    const declined = below(4) === 0 ? oneOf(NOT_CHARGED) : undefined;
    const diesAt = below(5) === 0 ? oneOf(STEPS) : undefined;
    const delayMs = below(3) === 0 ? below(2500) : below(100);
    const how = below(10);
    if (how < 2) return { declined, diesAt, delayMs, manner: oneOf(GARBLED) };
    if (how < 4) return { declined, diesAt, delayMs, code: oneOf(SAYS_NOTHING) };
    if (how < 6) return { declined, diesAt, delayMs, manner: oneOf(['silent', 'twice']) };
    return { declined, diesAt, delayMs, manner: 'honest' };
  }

  /** What is said to a Check. A purchase that runs is denied only to those who know that it may: its socket is open. */
  toCheck(key, runsOnOpenSocket) {
    if (this.#seed === undefined) return { manner: 'honest' };
    if (this.#forgetsCheck) return { code: 'JSONRPC_METHOD_NOT_FOUND' };
    const count = this.#checks.get(key) ?? 0;
    this.#checks.set(key, count + 1);
    const below = this.#draw('check', key, count);
    const oneOf = (list) => list[below(list.length)];
    if (count >= MAX_CHECK_LIES || below(2) === 0) return { manner: 'honest' };
    if (runsOnOpenSocket && below(2) === 0) return { code: 'TRANSACTION_NOT_FOUND' };
    if (below(2) === 0) return { code: oneOf(NOTHING_TO_CHECK) };
    return { manner: oneOf([...GARBLED, 'silent', 'twice']) };
  }

  /** Whole numbers below a limit, the same whenever the same is asked. */
  #draw(...what) {
    let turn = 0;
    return (limit) => {
      turn += 1;
      const text = [this.#seed, ...what, turn].join('|');
      return createHash('sha256').update(text).digest().readUInt32BE() % limit;
    };
  }
}

/** A line as it goes out. */
export function garbled(line, manner) {
  const text = line.trimEnd();
  if (manner === 'Latin-1') return Buffer.from(`${text.slice(0, -1)},"x":"\xe4"}\n`, 'latin1');
  if (manner === 'byte order mark') return `\ufeff${line}`;
  if (manner === 'NaN') return `${text.slice(0, -1)},"x":NaN}\n`;
  if (manner === 'batch') return `[${text}]\n`;
  if (manner === 'too large') return `${text.slice(0, -1)},"x":"${'x'.repeat(1_100_000)}"}\n`;
  if (manner === 'cut short') return `${text.slice(0, text.length / 2)}\n`;
  return line;
}
