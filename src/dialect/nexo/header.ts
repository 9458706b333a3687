import { type JsonObject, textAt } from '../../rpc/json-tree.ts';

/** `MessageHeader` in canonical spelling, and as it was written. */
export interface MessageHeader {
  readonly MessageClass: MessageClass;
  readonly MessageCategory: string;
  readonly MessageType: MessageType;
  /** Pairs request and response; missing in some messages of the Device class. */
  readonly ServiceID: string | undefined;
  readonly DeviceID: string | undefined;
  readonly SaleID: string;
  readonly POIID: string;
  readonly raw: JsonObject;
}

export const MESSAGE_CLASSES = ['Service', 'Device', 'Event'] as const;
export type MessageClass = (typeof MESSAGE_CLASSES)[number];

export const MESSAGE_TYPES = ['Request', 'Response', 'Notification'] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

export const CATEGORIES = [
  ...['Abort', 'Admin', 'BalanceInquiry', 'Batch', 'CardAcquisition', 'CardReaderAPDU', 'CardReaderInit'],
  ...[
    'CardReaderPowerOff',
    'Diagnosis',
    'Display',
    'EnableService',
    'Event',
    'GetTotals',
    'Input',
    'InputUpdate',
  ],
  ...[
    'Login',
    'Logout',
    'Loyalty',
    'PIN',
    'Payment',
    'Print',
    'Reconciliation',
    'Reversal',
    'Sound',
    'StoredValue',
  ],
  ...['TransactionStatus', 'Transmit'],
] as const;

/** What is written has 10 characters at most; what is read may have more, as in vendors' own samples. */
const MAX_READ_ID = 128;

export type ReadHeader =
  | { readonly ok: true; readonly header: MessageHeader }
  | { readonly ok: false; readonly why: string };

/** Reads a header leniently: enumerations in any case, categories that nobody knows, long identifiers. */
export function readHeader(raw: JsonObject): ReadHeader {
  const missing = ['MessageClass', 'MessageCategory', 'MessageType', 'SaleID', 'POIID'].find(
    (name) => (textAt(raw, name) ?? '') === '',
  );
  if (missing !== undefined) return { ok: false, why: `MessageHeader.${missing} is missing` };
  const long = ['MessageCategory', 'ServiceID', 'DeviceID', 'SaleID', 'POIID'].find(
    (name) => (textAt(raw, name) ?? '').length > MAX_READ_ID,
  );
  if (long !== undefined) return { ok: false, why: `MessageHeader.${long} is too long` };
  const messageClass = canonical(MESSAGE_CLASSES, textAt(raw, 'MessageClass'));
  if (messageClass === undefined) return { ok: false, why: 'MessageHeader.MessageClass is none of nexo' };
  const type = canonical(MESSAGE_TYPES, textAt(raw, 'MessageType'));
  if (type === undefined) return { ok: false, why: 'MessageHeader.MessageType is none of nexo' };
  const written = textAt(raw, 'MessageCategory') ?? '';
  const category = canonical(CATEGORIES, written) ?? written;
  const ServiceID = textAt(raw, 'ServiceID');
  const DeviceID = textAt(raw, 'DeviceID');
  if (messageClass !== 'Device' && (ServiceID ?? '') === '') {
    return { ok: false, why: 'MessageHeader.ServiceID is missing' };
  }
  return {
    ok: true,
    header: {
      MessageClass: messageClass,
      MessageCategory: category,
      MessageType: type,
      ServiceID,
      DeviceID,
      SaleID: textAt(raw, 'SaleID') ?? '',
      POIID: textAt(raw, 'POIID') ?? '',
      raw,
    },
  };
}

/** The member that holds the body of such a message. */
export function bodyNameOf({
  MessageCategory,
  MessageType,
}: Pick<MessageHeader, 'MessageCategory' | 'MessageType'>): string {
  return MessageCategory === 'InputUpdate' ? 'InputUpdate' : `${MessageCategory}${MessageType}`;
}

/** The header of the answer: the request's own, but for the type, in the request's spelling. */
export function responseHeader({ raw }: MessageHeader): JsonObject {
  const isCapital = textAt(raw, 'MessageType') === 'REQUEST';
  return { ...raw, MessageType: isCapital ? 'RESPONSE' : 'Response' };
}

/** Whether a response answers this request of ours: everything that the peer has to echo is the same. */
export function isEcho(response: MessageHeader, request: MessageHeader): boolean {
  const echoed = ['MessageClass', 'MessageCategory', 'ServiceID', 'DeviceID', 'SaleID', 'POIID'] as const;
  return echoed.every((name) => response[name] === request[name]);
}

function canonical<T extends string>(words: readonly T[], word: string | undefined): T | undefined {
  const small = word?.toLowerCase();
  return words.find((one) => one.toLowerCase() === small);
}
