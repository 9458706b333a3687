/**
 * The vocabulary that applications and registers share, whatever the wire speaks: every method with its members, errors
 * and manners. docs/vocabulary.md prints this table, the simulated terminal checks params by it. Where a method goes is
 * up to each dialect's routes.
 */
export interface MethodWords {
  /** Who sends it. */
  readonly from: 'register' | 'application' | 'bridge' | 'both';
  readonly form: 'request' | 'notification' | 'request or notification';
  readonly says: string;
  readonly params: Readonly<Record<string, Member>>;
  /** Of a request; default: an empty object. */
  readonly result?: Readonly<Record<string, Member>>;
  /** Codes of its own or with a meaning of their own; INTERNAL_ERROR and the bridge's own may come to any request. */
  readonly errors?: readonly string[];
  /** What a terminal answers while a transaction is running; default: as always. */
  readonly whenBusy?: string;
  /** No other terminal is bound to these members: they are the simulated terminal's own. */
  readonly isSimulators?: boolean;
  /** It moves money: lock, journal and Check are for it. */
  readonly isTransaction?: boolean;
}

export interface Member {
  readonly type: MemberType;
  readonly says: string;
  /** Default: it may be missing; `null` counts as missing. */
  readonly isNeeded?: boolean;
}

/** What a member's JSON value is. */
export const MEMBER_TYPES = {
  identifier:
    'a string of 1 to 128 characters, or an integer of at most 128 digits, compared by value (17 is "17")',
  amount: 'a positive integer of at most 12 digits, in minor units (123 is 1.23 EUR)',
  currency: 'three upper-case letters, as in "EUR"',
  text: 'a string',
  flag: 'true or false',
  integer: 'an integer',
  time: 'a string, ISO 8601 with a time zone',
  bytes: 'a string, base64 with padding and without line breaks',
  lines: 'an array of strings',
  receipt: 'an array of lines, or {"text": the lines joined by line feeds}',
  status: 'one of the states below',
  object: 'an object',
  array: 'an array of objects',
} as const;

export type MemberType = keyof typeof MEMBER_TYPES;

/** What a running transaction waits for; left out when none is running. */
export const TRANSACTION_STATUSES = {
  WAIT_CARD_IN: { says: 'a card is to be presented', canAbort: true },
  PROCESSING: { says: 'the cardholder enters a PIN, or the issuer is asked', canAbort: true },
  WAIT_POS: { says: 'the cashier has to do something, such as compare a signature', canAbort: true },
  WAIT_CARD_OUT: { says: 'it is decided and recorded; the card is to be taken', canAbort: false },
} as const;

export type TransactionStatus = keyof typeof TRANSACTION_STATUSES;

const IDENTIFIERS = {
  receipt_id: { type: 'identifier', isNeeded: true, says: "the register's number for the receipt" },
  sequence_id: { type: 'identifier', says: 'tells several transactions of one receipt apart' },
} as const satisfies MethodWords['params'];

const SALE = {
  ...IDENTIFIERS,
  amount: { type: 'amount', isNeeded: true, says: 'all that moves' },
  currency: { type: 'currency', isNeeded: true, says: 'ISO 4217' },
  api_key: { type: 'text', says: 'lets the register in; never logged, never stored' },
  cashier_language: { type: 'text', says: 'of texts for the cashier: `en`, `fi`, `fi-FI`' },
} as const satisfies MethodWords['params'];

const PURCHASE = {
  ...SALE,
  cashback_amount: { type: 'amount', says: 'the part of `amount` that the customer gets in cash' },
  forced_authorization: { type: 'flag', says: 'the issuer is to be asked in any case' },
} as const satisfies MethodWords['params'];

const APPROVAL = {
  amount: { type: 'amount', isNeeded: true, says: 'what was moved' },
  currency: { type: 'currency', isNeeded: true, says: '' },
  cashback_amount: { type: 'amount', says: 'the part that the customer got in cash' },
  timestamp: { type: 'time', says: 'when it was decided' },
  transaction_id: { type: 'text', says: "the terminal's own name for it" },
  trace_number: { type: 'text', says: 'counts the approved transactions of the terminal' },
  authorization_code: { type: 'text', says: "the issuer's" },
  masked_card_number: { type: 'text', says: 'never the whole number' },
  card_scheme: { type: 'text', says: '`Visa`' },
  entry_mode: { type: 'text', says: 'CHIP, CONTACTLESS, MAGSTRIPE' },
  verification_method: { type: 'text', says: 'PIN, SIGNATURE, NONE' },
  response_text: { type: 'text', says: '`Approved`' },
  merchant_receipt: { type: 'receipt', says: 'for the shop' },
  customer_receipt: { type: 'receipt', says: 'for the customer' },
} as const satisfies MethodWords['params'];

const STATUS = {
  ready_for_transaction: { type: 'flag', isNeeded: true, says: 'whether a transaction may begin now' },
  transaction_status: { type: 'status', says: 'left out when idle: some registers take `null` for busy' },
  timestamp: { type: 'time', says: '' },
  psp_connection_available: { type: 'flag', says: 'whether the payment provider can be reached' },
  pending_transaction_count: { type: 'integer', says: 'transactions that the provider has yet to get' },
  chip_card_in: { type: 'flag', says: 'whether a card is in the reader' },
  update_status: { type: 'text', says: 'of a software update' },
  update_progress: { type: 'integer', says: 'per cent' },
  update_eta: { type: 'time', says: '' },
  battery_charging: { type: 'flag', says: '' },
  plugged_in: { type: 'flag', says: '' },
} as const satisfies MethodWords['params'];

const CONNECTION_ID = {
  connection_id: { type: 'integer', isNeeded: true, says: 'chosen by the terminal, unique while it is open' },
} as const satisfies MethodWords['params'];

const SALE_ERRORS = ['DUPLICATE_TRANSACTION', 'BUSY', 'JSONRPC_INVALID_PARAMS'] as const;

export const VOCABULARY = {
  Purchase: {
    from: 'register',
    form: 'request',
    isTransaction: true,
    says: 'Takes money.',
    params: PURCHASE,
    result: APPROVAL,
    errors: SALE_ERRORS,
    whenBusy: 'BUSY; DUPLICATE_TRANSACTION where the identifiers are known',
  },
  Refund: {
    from: 'register',
    form: 'request',
    isTransaction: true,
    says: 'Gives money back, to any card.',
    params: SALE,
    result: APPROVAL,
    errors: SALE_ERRORS,
    whenBusy: 'BUSY; DUPLICATE_TRANSACTION where the identifiers are known',
  },
  Reversal: {
    from: 'register',
    form: 'request',
    isTransaction: true,
    says:
      'Undoes an approved Purchase or Refund, without a card and as a whole. It is a transaction with identifiers of its own: a ' +
      'lost answer is asked for with Check, by these. What it finds nothing to undo in (no such transaction, not approved, reversed ' +
      'already, another amount or currency) it answers with REVERSAL_REFUSED, which is an outcome.',
    params: {
      ...SALE,
      original_receipt_id: { type: 'identifier', isNeeded: true, says: '`receipt_id` of what is undone' },
      original_sequence_id: { type: 'identifier', says: '`sequence_id` of what is undone, if it had one' },
    },
    result: APPROVAL,
    errors: ['REVERSAL_REFUSED', ...SALE_ERRORS],
    whenBusy: 'BUSY; DUPLICATE_TRANSACTION where the identifiers are known',
  },
  Check: {
    from: 'register',
    form: 'request',
    says:
      "Asks what became of a Purchase, Refund or Reversal. The answer is that transaction's own, byte for byte, result or error. " +
      'Without `sequence_id` it means the transaction without one, else the only one of that receipt.',
    params: { ...IDENTIFIERS, api_key: { type: 'text', says: 'as the transaction had it' } },
    result: APPROVAL,
    errors: ['TRANSACTION_ACTIVE', 'TRANSACTION_NOT_FOUND', 'OUTCOME_UNKNOWN', 'JSONRPC_INVALID_PARAMS'],
    whenBusy: 'as always; TRANSACTION_ACTIVE for the one that is running',
  },
  Abort: {
    from: 'register',
    form: 'request or notification',
    says:
      'Ends a running transaction of this register, whichever of its connections it comes by, if it can still be ended. The ' +
      'transaction itself tells what came of it: ABORTED, or its result where it was decided first. With identifiers it means that ' +
      'transaction alone.',
    params: {
      receipt_id: { type: 'identifier', says: 'of the transaction; default: whichever is running' },
      sequence_id: { type: 'identifier', says: '' },
      api_key: { type: 'text', says: 'another one than the transaction had is no reason to abort it' },
    },
    errors: ['NOTHING_TO_ABORT', 'ABORT_REFUSED'],
  },
  Totals: {
    from: 'register',
    form: 'request',
    says:
      'Counts and sums of what was approved since the period began. It moves no money. `close` ends the period; an answer that was ' +
      'lost is in the next one as `last_closed`.',
    params: {
      close: { type: 'flag', says: 'true: the period ends, and the next one begins' },
      api_key: { type: 'text', says: '' },
    },
    result: {
      period: { type: 'integer', isNeeded: true, says: 'counts from 1' },
      closed: { type: 'flag', isNeeded: true, says: 'whether the period has ended with this answer' },
      totals: {
        type: 'array',
        isNeeded: true,
        says: 'for each kind, scheme and currency: `method`, `card_scheme`, `currency`, `count`, `amount` (minor units)',
      },
      last_closed: { type: 'object', says: '`period` and `totals` of the one before' },
    },
    errors: ['BUSY', 'JSONRPC_INVALID_PARAMS'],
    whenBusy: 'BUSY to `close`; else as always',
  },
  Status: { from: 'register', form: 'request', says: 'What the terminal is at.', params: {}, result: STATUS },
  StatusEvent: {
    from: 'application',
    form: 'notification',
    says: 'The status has changed. Every register hears it; the idle one comes before the answer to the transaction.',
    params: STATUS,
  },
  PosMessage: {
    from: 'application',
    form: 'notification',
    says: 'A text for the cashier, to the register that pays.',
    params: { message: { type: 'text', isNeeded: true, says: 'in `cashier_language`' } },
  },
  TerminalInfo: {
    from: 'register',
    form: 'request',
    says: 'What terminal it is. `VersionInfo` is its older name.',
    params: {},
    result: {
      version: {
        type: 'text',
        isNeeded: true,
        says: 'MAJOR.MINOR.PATCH; before 18.2.0 registers ask for Status every 5 s',
      },
      link_speed: { type: 'integer', says: "bytes a second, for the register's network" },
      sales_location_name: { type: 'text', says: '' },
      serial_number: { type: 'text', says: 'tells two terminals apart' },
    },
  },
  Print: {
    from: 'register',
    form: 'request',
    says: 'Prints a paper.',
    params: {
      lines: { type: 'lines', says: 'this, or `text`' },
      text: { type: 'text', says: 'with line feeds' },
    },
    errors: ['JSONRPC_INVALID_PARAMS'],
    isSimulators: true,
  },
  DisplayScreen: {
    from: 'register',
    form: 'request',
    says: "Shows a text on the cardholder's display.",
    params: {
      lines: { type: 'lines', says: 'this, or `text`; without any text the display is idle again' },
      text: { type: 'text', says: 'with line feeds' },
      duration_ms: { type: 'integer', says: 'default: until something else is shown' },
    },
    errors: ['BUSY', 'JSONRPC_INVALID_PARAMS'],
    whenBusy: 'BUSY',
    isSimulators: true,
  },
  TextInput: {
    from: 'register',
    form: 'request',
    says: 'Lets the cardholder enter a text.',
    params: {
      text: { type: 'text', says: 'to show' },
      max_length: { type: 'integer', says: 'default 32' },
      timeout_ms: { type: 'integer', says: 'default 60000' },
      cashier_language: { type: 'text', says: '' },
    },
    result: { text: { type: 'text', isNeeded: true, says: 'what was entered' } },
    errors: ['CANCELLED', 'INPUT_TIMEOUT', 'BUSY', 'JSONRPC_INVALID_PARAMS'],
    whenBusy: 'BUSY',
    isSimulators: true,
  },
  Suspend: {
    from: 'register',
    form: 'request',
    says: 'The terminal may sleep.',
    params: { api_key: { type: 'text', says: '' } },
    errors: ['BUSY'],
    whenBusy: 'BUSY',
  },
  Test: {
    from: 'register',
    form: 'request',
    says: 'Runs a test, such as `large_file_download` through the network of the register.',
    params: {
      test_id: { type: 'text', isNeeded: true, says: '' },
      api_key: { type: 'text', says: '' },
    },
    errors: ['TEST_UNAVAILABLE', 'TEST_FAILED', 'JSONRPC_INVALID_PARAMS'],
  },
  NetworkStart: {
    from: 'register',
    form: 'request',
    says: 'Offers the network of the register.',
    params: {},
  },
  NetworkStop: { from: 'register', form: 'request', says: 'Withdraws it.', params: {} },
  NetworkConnect: {
    from: 'application',
    form: 'request',
    says: 'Opens a TCP connection; answered when it is open or has failed.',
    params: {
      ...CONNECTION_ID,
      host: { type: 'text', isNeeded: true, says: 'name or address' },
      port: { type: 'integer', isNeeded: true, says: '' },
    },
  },
  Data: {
    from: 'both',
    form: 'notification',
    says: 'Bytes of a TCP connection.',
    params: {
      id: { type: 'integer', isNeeded: true, says: 'the `connection_id`, under another name' },
      data: { type: 'bytes', isNeeded: true, says: '' },
    },
  },
  NetworkDisconnect: {
    from: 'application',
    form: 'request',
    says: 'Closes a TCP connection.',
    params: { ...CONNECTION_ID, reason: { type: 'text', says: '' } },
  },
  NetworkDisconnected: {
    from: 'register',
    form: 'request',
    says: 'A TCP connection is closed; all its Data came before.',
    params: { ...CONNECTION_ID, reason: { type: 'text', says: '' } },
  },
  _Connected: {
    from: 'bridge',
    form: 'notification',
    says: 'The first line on an attachment, once for each connection, and again whenever the attachment has come back.',
    params: {
      connection: { type: 'text', isNeeded: true, says: 'its name, which never comes twice' },
      register: { type: 'text', says: 'whose it is, where that has a name' },
      identity: { type: 'text', says: 'whom it is for, where the dialect knows (a site, a charge point)' },
      dialect: { type: 'text', isNeeded: true, says: '' },
      peer: { type: 'text', isNeeded: true, says: 'IP address, else `unix`, `pipe`, `tty`, `serial`' },
      channels: { type: 'object', isNeeded: true, says: 'endpoint by channel' },
      version: { type: 'text', isNeeded: true, says: "posbridge's" },
      time: { type: 'time', isNeeded: true, says: '' },
    },
  },
  _Disconnected: {
    from: 'bridge',
    form: 'notification',
    says: 'The register is gone. What is named in `pending` is still to be finished and answered.',
    params: {
      reason: { type: 'text', isNeeded: true, says: 'a code' },
      details: { type: 'text', isNeeded: true, says: 'a sentence' },
      pending: { type: 'lines', isNeeded: true, says: 'ids of transactions whose outcome is still awaited' },
    },
  },
  _Dropped: {
    from: 'bridge',
    form: 'notification',
    says: 'The application has read too slowly: lines were thrown away.',
    params: { count: { type: 'integer', isNeeded: true, says: 'how many' } },
  },
} as const satisfies Readonly<Record<string, MethodWords>>;

export type MethodName = keyof typeof VOCABULARY;
