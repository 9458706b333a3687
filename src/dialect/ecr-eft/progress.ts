import { kindOf, scanObject } from '../../rpc/scan.ts';
import { fieldOfJson, plainText } from './field-json.ts';

/** Transaction progress codes (I1); a number that is not known means "other". */
const OTHER = 1000;

/** For an application's state of a transaction. */
const STATUS_OF_STATE: Readonly<Record<string, number>> = {
  WAIT_CARD_IN: 20,
  PROCESSING: 50,
  WAIT_POS: 120,
  WAIT_CARD_OUT: OTHER,
};

/** What a number means in our vocabulary, where it is not simply PROCESSING. */
const STATE_OF_STATUS: Readonly<Record<string, string>> = {
  20: 'WAIT_CARD_IN',
  110: 'WAIT_POS',
  120: 'WAIT_POS',
  130: 'WAIT_POS',
};

export interface Progress {
  readonly status: number;
  readonly message: Buffer;
}

const MESSAGE_LENGTH = 80;

/**
 * What a `StatusEvent` says of a running transaction; undefined where it says nothing of one. An application that knows
 * the protocol's own number, or a text, gives them in the member `ecr-eft`.
 */
export function progressOf(params: Buffer): Progress | undefined {
  const { values } = scanObject(params, ['transaction_status', 'ecr-eft']);
  const state = readValue(values[0]);
  const own =
    values[1] === undefined || kindOf(values[1]) !== 'object'
      ? []
      : scanObject(values[1], ['status', 'message']).values;
  const status = readValue(own[0]);
  const message = readValue(own[1]);
  const known = typeof state === 'string' ? (STATUS_OF_STATE[state] ?? OTHER) : undefined;
  const number = Number.isSafeInteger(status) && Number(status) >= 0 ? Number(status) : known;
  if (number === undefined) return undefined;
  return { status: number, message: plainText(typeof message === 'string' ? message : '', MESSAGE_LENGTH) };
}

/** The text for the cashier in a `PosMessage`. */
export function messageOf(params: Buffer): Buffer | undefined {
  const message = readValue(scanObject(params, ['message']).values[0]);
  return typeof message === 'string' ? plainText(message, MESSAGE_LENGTH) : undefined;
}

export function progressFields({ status, message }: Progress): Buffer[] {
  return [fieldOfJson(status) ?? Buffer.alloc(0), message];
}

/** The members of a `StatusEvent` that I1 stands for: also what it says in the protocol's own words. */
export function statusEventOf(fields: readonly Buffer[]): Readonly<Record<string, unknown>> {
  const status = fields[0]?.toString('latin1') ?? '';
  const message = fields[1]?.toString('latin1') ?? '';
  return {
    ready_for_transaction: false,
    transaction_status: STATE_OF_STATUS[String(Number(status))] ?? 'PROCESSING',
    'ecr-eft': { status: /^\d{1,15}$/.test(status) ? Number(status) : status, message },
  };
}

function readValue(literal: Buffer | undefined): unknown {
  return literal === undefined ? undefined : JSON.parse(literal.toString());
}
