import type { Random } from '../world/random.ts';

/** How an application may be: as far as a bridge can find out what is true, and no further. */
export interface Character {
  /** Does not know the method Check. */
  readonly forgetsCheck: boolean;
  /** Check knows finished sales only, and calls a running one not found. */
  readonly knowsFinishedOnly: boolean;
  /** Carries out what it has called not found, unless it has said so twice, and some time apart. */
  readonly deniesTwice: boolean;
  /** Longest time that a cardholder takes. */
  readonly slownessMs: number;
  /** How often it says something that is no answer, or none. */
  readonly lies: number;
  /** How often it dies while it is at a sale. */
  readonly deaths: number;
  /** How often a card is declined. */
  readonly declines: number;
  /** How often a result names another amount than was asked for. */
  readonly otherAmounts: number;
  /** How often it says that a card was declined, and later that it was charged. */
  readonly contradictions: number;
}

export const HONEST: Character = {
  forgetsCheck: false,
  knowsFinishedOnly: false,
  deniesTwice: false,
  slownessMs: 0,
  lies: 0,
  deaths: 0,
  declines: 0,
  otherAmounts: 0,
  contradictions: 0,
};

export function drawCharacter(random: Random, hasJournal: boolean): Character {
  if (random.chance(0.2)) return { ...HONEST, slownessMs: 3000, declines: 0.2 };
  return {
    forgetsCheck: random.chance(0.07),
    knowsFinishedOnly: random.chance(0.15),
    // Without a journal its words reach the register as they are.
    deniesTwice: hasJournal && random.chance(0.5),
    slownessMs: random.oneOf([100, 3000, 20_000]),
    lies: random.oneOf([0.1, 0.3, 0.6]),
    deaths: random.oneOf([0, 0.05, 0.2]),
    declines: 0.25,
    otherAmounts: random.oneOf([0, 0, 0.1]),
    contradictions: random.oneOf([0, 0, 0, 0.1]),
  };
}

/** How an answer is written, or that there is none. */
export const MANNERS = [
  'Latin-1',
  'byte order mark',
  'NaN',
  'batch',
  'too large',
  'cut short',
  'under another id',
  'for another connection',
  'silent',
  'twice',
  'echo',
] as const;
export type Manner = 'honest' | (typeof MANNERS)[number];

/** Codes of errors that are no outcome, in direct answer to a transaction. */
export const NO_OUTCOMES = [
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
  'UNKNOWN',
] as const;

/** Codes that say nothing in answer to a Check. */
export const NOTHING_TO_CHECK = [
  ...NO_OUTCOMES.filter((code) => code !== 'PRINTER_FAILED' && code !== 'TRANSACTION_NOT_FOUND'),
  'BUSY',
  'CHANNEL_UNAVAILABLE',
  'JSONRPC_INVALID_PARAMS',
  'JSONRPC_METHOD_NOT_FOUND',
  // In nobody's list, and never said to a transaction itself.
  'NO_PAPER',
] as const;

/** Codes with which a card is refused; the last one is in nobody's list. */
export const NOT_CHARGED = [
  'DECLINED',
  'CARD_REMOVED',
  'INSUFFICIENT_FUNDS',
  'CANCELLED',
  'OUT_OF_ORDER',
] as const;

/** A line as it goes out. */
export function written(line: string, manner: Manner): Buffer {
  const head = line.slice(0, -1);
  switch (manner) {
    case 'Latin-1':
      return Buffer.concat([Buffer.from(`${head},"x":"`), Buffer.from([0xe4]), Buffer.from('"}\n')]);
    case 'byte order mark':
      return Buffer.from(`\ufeff${line}\n`);
    case 'NaN':
      return Buffer.from(`${head},"x":NaN}\n`);
    case 'batch':
      return Buffer.from(`[${line}]\n`);
    case 'too large':
      return Buffer.from(`${head},"x":"${'x'.repeat(1_100_000)}"}\n`);
    case 'cut short':
      return Buffer.from(`${line.slice(0, line.length / 2)}\n`);
    default:
      return Buffer.from(`${line}\n`);
  }
}
