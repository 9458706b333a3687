import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { CloseReason } from '../../../src/base/close-reason.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Statistics } from '../../../src/base/statistics.ts';
import type { ConversationHost, PeerAnswer } from '../../../src/dialect/dialect.ts';
import { NexoCodec } from '../../../src/dialect/nexo/codec.ts';
import { noMemory, type SaleEnd } from '../../../src/dialect/nexo/sale-end.ts';
import { SaleRecords } from '../../../src/dialect/nexo/sale-records.ts';
import { SaleSystem } from '../../../src/dialect/nexo/sale-system.ts';
import { ServiceCounter } from '../../../src/dialect/nexo/service-counter.ts';
import { FakeClock } from '../../kit/fake-clock.ts';
import { type Any, vendorNamed } from './kit.ts';

export const IDS = { receipt_id: 123, sequence_id: 321 };
export const PURCHASE = {
  ...IDS,
  api_key: 'k',
  cashier_language: 'fi',
  amount: 123,
  currency: 'EUR',
  forced_authorization: false,
};

/** A folder that is gone after the test. */
export function freshFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-nexo-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function saleEnd(folder: string, vendorName = 'adyen'): SaleEnd {
  return {
    vendor: vendorNamed(vendorName),
    codec: new NexoCodec({ isWrapped: true }),
    saleId: 'POS1',
    poiId: 'V400m-1',
    counter: new ServiceCounter(folder),
    records: new SaleRecords(folder),
    software: { version: '1.0.0', certificationCode: undefined, language: 'en' },
    memory: noMemory(),
  };
}

export interface AskedOptions {
  readonly folder?: string;
  readonly vendorName?: string;
  readonly end?: SaleEnd;
  readonly framing?: 'stream' | 'messages' | 'exchange';
  readonly clock?: FakeClock;
}

/** The register's end; the test is the terminal. */
export function askTerminal(options: AskedOptions = {}) {
  const clock = options.clock ?? new FakeClock();
  const end = options.end ?? saleEnd(options.folder ?? freshFolder(), options.vendorName);
  const sent: Any[] = [];
  const notifications: { readonly method: string; readonly params: Any }[] = [];
  const reports: string[] = [];
  const finished: { reason: CloseReason; how: string }[] = [];
  const waiting: { readonly wanted: (message: Any) => boolean; readonly found: (message: Any) => void }[] =
    [];
  const { framing = 'messages' } = options;
  const host: ConversationHost = {
    clock,
    log: silentLogger,
    statistics: new Statistics(),
    randomId: () => 'x1',
    send(frame) {
      const bytes = Buffer.from(frame);
      const message = JSON.parse((framing === 'stream' ? bytes.subarray(4) : bytes).toString());
      sent.push(message);
      for (const one of [...waiting]) {
        if (!one.wanted(message)) continue;
        waiting.splice(waiting.indexOf(one), 1);
        one.found(message);
      }
    },
    discardOutput() {},
    opened: () => ({
      request: () => {
        throw new Error('a terminal asks nothing');
      },
      notification: ({ method, params }) =>
        notifications.push({ method, params: JSON.parse(params.toString()) }),
      inputEnded: () => {},
      closed: ({ code }) => reports.push(code),
    }),
    finished: (reason, how) => finished.push({ reason, how }),
  };
  const system = new SaleSystem(
    host,
    framing,
    { maxFrameBytes: 262_134, keepalive: 'off', sync: false, discardMs: 0 },
    end,
  );
  const receive = (message: object | string) =>
    system.receive(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
  return {
    clock,
    end,
    sent,
    notifications,
    reports,
    finished,
    system,
    receive,
    /** Asks in the vocabulary. */
    ask: (method: string, params: object = {}): Promise<Any> =>
      new Promise((resolve) => {
        const settle = ({ kind, text, lost }: PeerAnswer) =>
          resolve(lost === undefined ? { [kind]: JSON.parse(text.toString()) } : { lost: lost.code });
        const outcome = system.request(JSON.stringify(method), Buffer.from(JSON.stringify(params)), settle);
        if (outcome !== 'sent') resolve({ outcome });
      }),
    /** The next request of this category that has been or will be sent: its header and body. */
    asked: async (category: string): Promise<{ readonly header: Any; readonly body: Any }> => {
      const wanted = (message: Any) => message.SaleToPOIRequest?.MessageHeader.MessageCategory === category;
      const at = sent.findIndex(wanted);
      const message =
        at === -1 ? await new Promise<Any>((found) => waiting.push({ wanted, found })) : sent[at];
      sent.splice(sent.indexOf(message), 1);
      const { MessageHeader, ...bodies } = message.SaleToPOIRequest;
      return { header: MessageHeader, body: Object.values(bodies)[0] };
    },
    /** Answers a request. */
    respond: ({ header }: { readonly header: Any }, body: object, more: object = {}) => {
      const MessageHeader = { ...header, MessageType: 'Response', ...more };
      receive({ SaleToPOIResponse: { MessageHeader, [`${header.MessageCategory}Response`]: body } });
    },
  };
}

/** `PaymentResponse` of an approval. */
export function approvalBody(amount = 1.23, more: object = {}) {
  return {
    Response: { Result: 'Success' },
    SaleData: { SaleTransactionID: { TransactionID: '123-321' } },
    POIData: { POITransactionID: { TransactionID: 'ab1', TimeStamp: '2024-05-01T09:00:09.000Z' } },
    PaymentResult: { AmountsResp: { AuthorizedAmount: amount, Currency: 'EUR' } },
    ...more,
  };
}

export function failureBody(ErrorCondition: string, AdditionalResponse = '') {
  return { Response: { Result: 'Failure', ErrorCondition, AdditionalResponse } };
}

/** `TransactionStatusResponse` that repeats a response to this service. */
export function statusBody(ServiceID: string, PaymentResponse: object, more: object = {}) {
  const MessageHeader = {
    MessageClass: 'Service',
    MessageCategory: 'Payment',
    MessageType: 'Response',
    ServiceID,
    SaleID: 'POS1',
    POIID: 'V400m-1',
    ...more,
  };
  return {
    Response: { Result: 'Success' },
    RepeatedMessageResponse: { MessageHeader, RepeatedResponseMessageBody: { PaymentResponse } },
  };
}
