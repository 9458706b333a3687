/** What a `Failure` says by its `ErrorCondition`. */
export type ErrorCondition =
  | 'Aborted'
  | 'Busy'
  | 'Cancel'
  | 'DeviceOut'
  | 'InProgress'
  | 'InsertedCard'
  | 'InvalidCard'
  | 'LoggedOut'
  | 'MessageFormat'
  | 'NotAllowed'
  | 'NotFound'
  | 'PaymentRestriction'
  | 'Refusal'
  | 'UnavailableDevice'
  | 'UnavailableService'
  | 'UnreachableHost'
  | 'WrongPIN';

/** What a condition becomes for whoever asked a nexo terminal to pay. */
export interface Meaning {
  readonly code: string;
  /**
   * `final`: nothing was charged, and nothing will be; `refused`: nothing was begun; `ask`: only a TransactionStatus
   * tells; `login`: a Login is needed first.
   */
  readonly says: 'final' | 'refused' | 'ask' | 'login';
}

/** After a Payment, Refund or Reversal. A condition that is not listed says `ask`. */
const MEANINGS: Readonly<Record<ErrorCondition, Meaning>> = {
  Aborted: { code: 'ABORTED', says: 'final' },
  Busy: { code: 'BUSY', says: 'refused' },
  Cancel: { code: 'CANCELLED', says: 'final' },
  DeviceOut: { code: 'NEXO_DEVICE_OUT', says: 'final' },
  InProgress: { code: 'TRANSACTION_ACTIVE', says: 'ask' },
  InsertedCard: { code: 'NEXO_INSERTED_CARD', says: 'ask' },
  InvalidCard: { code: 'NEXO_INVALID_CARD', says: 'final' },
  LoggedOut: { code: 'NEXO_LOGGED_OUT', says: 'login' },
  MessageFormat: { code: 'NEXO_MESSAGE_FORMAT', says: 'final' },
  NotAllowed: { code: 'NEXO_NOT_ALLOWED', says: 'final' },
  NotFound: { code: 'NEXO_NOT_FOUND', says: 'ask' },
  PaymentRestriction: { code: 'NEXO_PAYMENT_RESTRICTION', says: 'final' },
  Refusal: { code: 'DECLINED', says: 'final' },
  UnavailableDevice: { code: 'NEXO_UNAVAILABLE_DEVICE', says: 'ask' },
  UnavailableService: { code: 'NEXO_UNAVAILABLE_SERVICE', says: 'final' },
  UnreachableHost: { code: 'NEXO_UNREACHABLE_HOST', says: 'ask' },
  WrongPIN: { code: 'NEXO_WRONG_PIN', says: 'final' },
};

/**
 * @param additional `AdditionalResponse`: a message that was refused as repeated may have been obeyed the first time.
 */
export function meaningOf(condition: string, additional: string): Meaning {
  if (!isCondition(condition)) return { code: 'NEXO_OTHER', says: 'ask' };
  const isRepeated = condition === 'MessageFormat' && /repeated/i.test(additional);
  return isRepeated ? { code: 'NEXO_REPEATED_MESSAGE', says: 'ask' } : MEANINGS[condition];
}

/** The condition for an error of ours. Default: the transaction was refused. */
export function conditionOf(code: string): ErrorCondition {
  return CONDITIONS.get(code) ?? 'Refusal';
}

function isCondition(condition: string): condition is ErrorCondition {
  return Object.hasOwn(MEANINGS, condition);
}

const BY_CONDITION: Readonly<Partial<Record<ErrorCondition, readonly string[]>>> = {
  Aborted: ['TRANSACTION_ABORTED'],
  Cancel: [
    ...['CANCELED', 'TRANSACTION_CANCELED', 'TRANSACTION_CANCELLED', 'USER_CANCELED', 'USER_CANCELLED'],
    ...['CARD_REMOVED', 'PIN_TIMEOUT', 'TRANSACTION_INTERRUPTED'],
  ],
  InvalidCard: ['CARD_EXPIRED', 'CARD_NOT_SUPPORTED', 'CARD_TIMEOUT'],
  WrongPIN: ['PIN_TRIES_EXCEEDED'],
  NotFound: ['TRANSACTION_NOT_FOUND'],
  MessageFormat: ['JSONRPC_INVALID_PARAMS', 'DUPLICATE_TRANSACTION'],
  UnavailableService: ['JSONRPC_METHOD_NOT_FOUND'],
  DeviceOut: ['CHANNEL_UNAVAILABLE', 'CHANNEL_CLOSED', 'JOURNAL_UNAVAILABLE', 'TIMEOUT'],
};

const CONDITIONS: ReadonlyMap<string, ErrorCondition> = new Map([
  ...Object.entries(MEANINGS).map(([condition, { code }]) => [code, condition as ErrorCondition] as const),
  ...Object.entries(BY_CONDITION).flatMap(([condition, codes]) =>
    codes.map((code) => [code, condition as ErrorCondition] as const),
  ),
]);
