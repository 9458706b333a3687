import type { CloseReason } from '../../../src/base/close-reason.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type {
  ConnectionEvents,
  ConversationHost,
  InboundNotification,
  InboundRequest,
  PeerConnection,
} from '../../../src/dialect/dialect.ts';
import { NexoAnswering, type PoiEnd } from '../../../src/dialect/nexo/answering.ts';
import { NexoCodec } from '../../../src/dialect/nexo/codec.ts';
import { RegisterMemory } from '../../../src/dialect/nexo/memory.ts';
import { VENDORS, type Vendor } from '../../../src/dialect/nexo/vendors.ts';
import { reply } from '../../../src/dialect/reply.ts';
import { FakeClock } from '../../kit/fake-clock.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of any shape
export type Any = any;

export function vendorNamed(name: string): Vendor {
  const vendor = VENDORS.get(name);
  if (vendor === undefined) throw new Error(`there is no vendor ${name}`);
  return vendor;
}

/** `MessageHeader` of a request of the register POS1 to the terminal V400m-1. */
export function headerOf(category: string, ServiceID: string, more: object = {}) {
  return {
    ProtocolVersion: '3.0',
    MessageClass: 'Service',
    MessageCategory: category,
    MessageType: 'Request',
    ServiceID,
    SaleID: 'POS1',
    POIID: 'V400m-1',
    ...more,
  };
}

export const SALE_ID = { TransactionID: '123-321', TimeStamp: '2024-05-01T12:00:00.000+03:00' };

export function paymentBody(more: object = {}, amounts: object = {}) {
  return {
    SaleData: { OperatorLanguage: 'fi', SaleTransactionID: SALE_ID },
    PaymentTransaction: { AmountsReq: { Currency: 'EUR', RequestedAmount: 1.23, ...amounts } },
    PaymentData: { PaymentType: 'Normal' },
    ...more,
  };
}

export function requestOf(category: string, ServiceID: string, body: object, more: object = {}) {
  return {
    SaleToPOIRequest: { MessageHeader: headerOf(category, ServiceID, more), [`${category}Request`]: body },
  };
}

export interface PlayedOptions extends Partial<PoiEnd> {
  readonly vendorName?: string;
  readonly poiId?: string;
  readonly framing?: 'stream' | 'messages' | 'exchange';
  readonly maxFrameBytes?: number;
  readonly post?: ConversationHost['post'];
}

/** The terminal's end, with everything that it says and reports written down. */
export function converse(options: PlayedOptions = {}) {
  const clock = new FakeClock();
  const sent: Any[] = [];
  const requests: (InboundRequest & { readonly json: Any })[] = [];
  const notifications: InboundNotification[] = [];
  const reports: string[] = [];
  const finished: { reason: CloseReason; how: string }[] = [];
  let peer: PeerConnection | undefined;
  let ids = 0;
  const { framing = 'messages' } = options;
  const events: ConnectionEvents = {
    request: (request) => requests.push({ ...request, json: JSON.parse(request.params.toString()) }),
    notification: (notification) => notifications.push(notification),
    inputEnded: ({ code }) => reports.push(`inputEnded ${code}`),
    closed: ({ code }) => reports.push(`closed ${code}`),
  };
  const end: PoiEnd = {
    vendor: options.vendor ?? vendorNamed(options.vendorName ?? 'adyen'),
    codec: options.codec ?? new NexoCodec({ isWrapped: true }),
    memory: options.memory ?? new RegisterMemory(options.poiId),
    requiresLogin: options.requiresLogin ?? false,
  };
  const host: ConversationHost = {
    clock,
    log: silentLogger,
    statistics: new Statistics(),
    randomId: () => `x${++ids}`,
    send(frame) {
      const bytes = Buffer.from(frame);
      if (bytes.length === 0) {
        sent.push('nothing');
        return;
      }
      sent.push(JSON.parse((framing === 'stream' ? bytes.subarray(4) : bytes).toString()));
    },
    discardOutput() {},
    post: options.post,
    opened(connection) {
      peer = connection;
      return events;
    },
    finished: (reason, how) => finished.push({ reason, how }),
  };
  const conversation = new NexoAnswering(
    host,
    framing,
    {
      maxFrameBytes: options.maxFrameBytes ?? 262_134,
      keepalive: 'off',
      sync: false,
    },
    end,
  );
  if (peer === undefined) throw new Error('no connection was opened');
  const last = () => {
    const request = requests.at(-1);
    if (request === undefined) throw new Error('there is no request');
    return request;
  };
  return {
    clock,
    conversation,
    end,
    peer,
    sent,
    requests,
    notifications,
    reports,
    finished,
    last,
    send: (message: object) => conversation.receive(Buffer.from(JSON.stringify(message))),
    result: (result: object, request = last()) =>
      reply(request, 'result', Buffer.from(JSON.stringify(result))),
    error: (code: string, details = '', data: object = {}, request = last()) => {
      const error = { code: 1, message: 'no', data: { string_code: code, details, ...data } };
      return reply(request, 'error', Buffer.from(JSON.stringify(error)));
    },
  };
}
