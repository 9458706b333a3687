import { describe, expect, test } from 'vitest';
import {
  approvalBody,
  askTerminal,
  failureBody,
  freshFolder,
  IDS,
  PURCHASE,
  saleEnd,
  statusBody,
} from './asking-kit.ts';

const RESULT = {
  amount: 123,
  currency: 'EUR',
  receipt_id: 123,
  sequence_id: 321,
  transaction_id: 'ab1',
  timestamp: '2024-05-01T09:00:09.000Z',
};
const codeOf = ({ error }: { error: { data: { string_code: string } } }) => error.data.string_code;
const outcomeOf = ({ error }: { error: { data: { outcome?: string } } }) => error.data.outcome;
const GONE = { code: 'CONNECTION_CLOSED', text: 'gone', by: 'wire' } as const;

/** A Purchase whose answer was lost with the wire; then a new wire, of another process unless `end` is the same. */
async function interrupted(options: { readonly sameProcess?: boolean } = {}) {
  const folder = freshFolder();
  const end = saleEnd(folder);
  const first = askTerminal({ end });
  const answer = first.ask('Purchase', PURCHASE);
  const payment = await first.asked('Payment');
  first.system.lost(GONE);
  expect(await answer).toEqual({ lost: 'CONNECTION_CLOSED' });
  const second = askTerminal(options.sameProcess ? { end, clock: first.clock } : { folder });
  return { folder, payment, second };
}

describe('a Purchase', () => {
  test('is a Payment under a fresh ServiceID, and its response is the result', async () => {
    const played = askTerminal();
    const answer = played.ask('Purchase', PURCHASE);
    const payment = await played.asked('Payment');
    expect(payment.header).toMatchObject({
      ProtocolVersion: '3.0',
      MessageClass: 'Service',
      MessageType: 'Request',
      SaleID: 'POS1',
      POIID: 'V400m-1',
      ServiceID: expect.stringMatching(/^[0-9A-Z]{1,10}$/),
    });
    expect(payment.body).toEqual({
      SaleData: {
        OperatorLanguage: 'fi',
        SaleTransactionID: {
          TransactionID: '123-321',
          TimeStamp: expect.stringMatching(/^\d{4}-.*[+-]\d\d:\d\d$/),
        },
      },
      PaymentTransaction: { AmountsReq: { Currency: 'EUR', RequestedAmount: 1.23 } },
      PaymentData: { PaymentType: 'Normal' },
    });
    played.respond(payment, approvalBody());
    expect(await answer).toEqual({ result: RESULT });
  });

  test('keeps everything that only nexo knows', async () => {
    const played = askTerminal();
    const answer = played.ask('Purchase', {
      ...PURCHASE,
      cashback_amount: 23,
      forced_authorization: true,
      nexo: { PaymentTransaction: { SaleItem: [{ ItemID: 1 }] } },
    });
    const payment = await played.asked('Payment');
    expect(payment.body.PaymentTransaction).toEqual({
      AmountsReq: { Currency: 'EUR', RequestedAmount: 1.23, CashBackAmount: 0.23 },
      TransactionConditions: { ForceOnlineFlag: true },
      SaleItem: [{ ItemID: 1 }],
    });
    played.respond(
      payment,
      approvalBody(110, {
        PaymentResult: {
          PaymentInstrumentData: {
            CardData: { MaskedPAN: '************1111', PaymentBrand: 'VISA', EntryMode: 'Tapped' },
          },
          AmountsResp: { AuthorizedAmount: 110, Currency: 'EUR', TipAmount: 10, SurchargeAmount: 1.5 },
          PaymentAcquirerData: { ApprovalCode: 'A1', MerchantID: 'M' },
        },
        PaymentReceipt: {
          DocumentQualifier: 'CustomerReceipt',
          OutputContent: {
            OutputFormat: 'Text',
            OutputText: [{ Text: 'HELLO' }, { Text: 'name=TOTAL&value=EUR+1.23&key=total' }],
          },
        },
      }),
    );
    expect(await answer).toEqual({
      result: {
        ...RESULT,
        amount: 11_000,
        tip_amount: 1000,
        authorization_code: 'A1',
        masked_card_number: '************1111',
        card_scheme: 'VISA',
        entry_mode: 'CONTACTLESS',
        customer_receipt: ['HELLO', 'TOTAL EUR 1.23'],
        nexo: {
          PaymentResult: { AmountsResp: { SurchargeAmount: 1.5 }, PaymentAcquirerData: { MerchantID: 'M' } },
        },
      },
    });
  });

  test('that was granted in part says so', async () => {
    const played = askTerminal();
    const answer = played.ask('Purchase', { ...PURCHASE, amount: 10_000 });
    const body = { ...approvalBody(40), Response: { Result: 'Partial' } };
    played.respond(await played.asked('Payment'), body);
    expect(await answer).toMatchObject({ result: { amount: 4000, partial: true } });
  });

  test('of a Refund is a Payment of type Refund', async () => {
    const played = askTerminal();
    void played.ask('Refund', { ...IDS, amount: 500, currency: 'JPY' });
    expect((await played.asked('Payment')).body).toMatchObject({
      PaymentTransaction: { AmountsReq: { Currency: 'JPY', RequestedAmount: 500 } },
      PaymentData: { PaymentType: 'Refund' },
    });
  });

  test.each([
    ['Refusal', 'DECLINED', 'not-charged'],
    ['Cancel', 'CANCELLED', 'not-charged'],
    ['Aborted', 'ABORTED', 'not-charged'],
    ['InvalidCard', 'NEXO_INVALID_CARD', 'not-charged'],
    ['WrongPIN', 'NEXO_WRONG_PIN', 'not-charged'],
    ['NotAllowed', 'NEXO_NOT_ALLOWED', 'not-charged'],
    ['UnavailableService', 'NEXO_UNAVAILABLE_SERVICE', 'not-charged'],
    ['MessageFormat', 'NEXO_MESSAGE_FORMAT', 'not-charged'],
    ['Busy', 'BUSY', undefined],
    ['UnreachableHost', 'NEXO_UNREACHABLE_HOST', undefined],
    ['InProgress', 'TRANSACTION_ACTIVE', undefined],
    ['Communication timeout', 'NEXO_OTHER', undefined],
  ])('that fails with %s is %s, and says %s', async (condition, code, outcome) => {
    const played = askTerminal();
    const answer = played.ask('Purchase', PURCHASE);
    played.respond(await played.asked('Payment'), failureBody(condition, 'message=X'));
    const given = await answer;
    expect(given.error.data).toMatchObject({ string_code: code, details: `${condition}: message=X` });
    expect(outcomeOf(given)).toBe(outcome);
  });

  test('that the terminal calls repeated is no outcome', async () => {
    const played = askTerminal();
    const answer = played.ask('Purchase', PURCHASE);
    played.respond(
      await played.asked('Payment'),
      failureBody('MessageFormat', 'Repeated Message: ServiceID'),
    );
    const given = await answer;
    expect([codeOf(given), outcomeOf(given)]).toEqual(['NEXO_REPEATED_MESSAGE', undefined]);
  });

  test('that succeeded with an amount that nobody can read is unknown, and a Check does not make it less so', async () => {
    const played = askTerminal();
    const answer = played.ask('Purchase', PURCHASE);
    const payment = await played.asked('Payment');
    played.respond(payment, approvalBody(1.234));
    expect(codeOf(await answer)).toBe('OUTCOME_UNKNOWN');
    const check = played.ask('Check', IDS);
    played.respond(
      await played.asked('TransactionStatus'),
      statusBody(payment.header.ServiceID, approvalBody(1.234)),
    );
    expect(codeOf(await check)).toBe('OUTCOME_UNKNOWN');
  });

  test.each([
    ['amount', 1.5],
    ['amount', -1],
    ['amount', 0],
    ['amount', 10_000_000_000],
    ['currency', 'eur'],
    ['currency', 'XXX'],
    ['currency', undefined],
    ['receipt_id', undefined],
    ['receipt_id', {}],
    ['sequence_id', []],
  ])('with %s %s is refused before anything is sent', async (name, value) => {
    const played = askTerminal();
    expect(codeOf(await played.ask('Purchase', { ...PURCHASE, [name]: value }))).toBe(
      'JSONRPC_INVALID_PARAMS',
    );
    expect(played.sent).toEqual([]);
    expect(await played.end.records.find({ receipt: '123', sequence: '321' })).toBeUndefined();
  });

  test('while another one runs gets BUSY at once, and its identifiers stay free', async () => {
    const played = askTerminal();
    const first = played.ask('Purchase', PURCHASE);
    expect(codeOf(await played.ask('Purchase', { ...PURCHASE, receipt_id: 2 }))).toBe('BUSY');
    played.respond(await played.asked('Payment'), approvalBody());
    await first;
    void played.ask('Purchase', { ...PURCHASE, receipt_id: 2 });
    await played.asked('Payment');
  });

  test('that the terminal was too busy for leaves no record', async () => {
    const played = askTerminal();
    const first = played.ask('Purchase', PURCHASE);
    played.respond(await played.asked('Payment'), failureBody('Busy'));
    expect(codeOf(await first)).toBe('BUSY');
    const again = played.ask('Purchase', PURCHASE);
    played.respond(await played.asked('Payment'), approvalBody());
    expect(await again).toEqual({ result: RESULT });
  });

  test('with identifiers that were used is never sent, whatever became of the first and however they are written', async () => {
    const played = askTerminal();
    const first = played.ask('Purchase', PURCHASE);
    played.respond(await played.asked('Payment'), approvalBody());
    await first;
    const again = await played.ask('Purchase', { ...PURCHASE, receipt_id: '123', amount: 999 });
    expect(codeOf(again)).toBe('DUPLICATE_TRANSACTION');
    expect(played.sent).toEqual([]);
  });

  test('ServiceIDs never come twice, over restarts and among processes', async () => {
    const folder = freshFolder();
    const seen = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const processes = [saleEnd(folder), saleEnd(folder)];
      for (const { counter } of processes) {
        for (let count = 0; count < 1500; count += 1) seen.add(await counter.next());
      }
    }
    expect(seen.size).toBe(3 * 2 * 1500);
  });
});

describe('Login', () => {
  const login = {
    Response: { Result: 'Success' },
    POISystemData: { POISoftware: { SoftwareVersion: '1.2.3' } },
  };

  test('comes before the first payment where the vendor wants it, and once', async () => {
    const played = askTerminal({ vendorName: 'plain' });
    const first = played.ask('Purchase', PURCHASE);
    const asked = await played.asked('Login');
    expect(asked.body).toMatchObject({
      SaleSoftware: { ProviderIdentification: 'posbridge' },
      SaleTerminalData: { SaleCapabilities: ['CashierStatus', 'CashierError', 'CashierDisplay'] },
    });
    expect(played.sent).toEqual([]);
    played.respond(asked, login);
    played.respond(await played.asked('Payment'), approvalBody());
    await first;
    void played.ask('Purchase', { ...PURCHASE, receipt_id: 2 });
    await played.asked('Payment');
    expect(await played.ask('TerminalInfo')).toMatchObject({ result: { version: '1.2.3' } });
  });

  test('comes when a payment is refused with LoggedOut; then the payment goes out under a new ServiceID, once', async () => {
    const played = askTerminal();
    const answer = played.ask('Purchase', PURCHASE);
    const first = await played.asked('Payment');
    played.respond(first, failureBody('LoggedOut'));
    played.respond(await played.asked('Login'), login);
    const second = await played.asked('Payment');
    expect(second.header.ServiceID).not.toBe(first.header.ServiceID);
    expect(second.body).toEqual(first.body);
    played.respond(second, failureBody('LoggedOut'));
    const given = await answer;
    expect(codeOf(given)).toBe('NEXO_LOGGED_OUT');
    expect(played.sent).toEqual([]);
    expect(codeOf(await played.ask('Check', IDS))).toBe('TRANSACTION_NOT_FOUND');
  });

  test('that fails leaves the payment unsent', async () => {
    const played = askTerminal({ vendorName: 'plain' });
    const answer = played.ask('Purchase', PURCHASE);
    played.respond(await played.asked('Login'), failureBody('NotAllowed', 'no'));
    const given = await answer;
    expect([codeOf(given), outcomeOf(given)]).toEqual(['CHANNEL_UNAVAILABLE', undefined]);
    expect(played.sent).toEqual([]);
    // Nothing has begun: the same identifiers may come again.
    played.end.memory.isLoggedIn = true;
    void played.ask('Purchase', PURCHASE);
    await played.asked('Payment');
  });
});

describe('records', () => {
  const days = (count: number) => count * 86_400_000;

  test('without an outcome outlive every limit; those with one are there for more than a year', async () => {
    const { payment, folder } = await interrupted();
    const { records } = saleEnd(folder);
    await records.begin({ receipt: '1', sequence: undefined }, { state: 'closed' });
    const ids = { receipt: '123', sequence: '321' };
    const left = async (afterMs: number) => {
      await records.prune(Date.now() + afterMs);
      return [await records.find(ids), await records.find({ receipt: '1', sequence: undefined })];
    };
    const open = { state: 'sent', serviceId: payment.header.ServiceID };
    expect(await left(days(399))).toMatchObject([open, { state: 'closed' }]);
    expect(await left(days(401))).toMatchObject([open, undefined]);
  });

  test('that look alike are told apart: a receipt 1-2 is not sequence 2 of receipt 1', async () => {
    const played = askTerminal();
    void played.ask('Purchase', { ...PURCHASE, receipt_id: '1', sequence_id: '2' });
    await played.asked('Payment');
    const other = { receipt_id: '1-2' };
    expect(codeOf(await played.ask('Abort', other))).toBe('NOTHING_TO_ABORT');
    expect(codeOf(await played.ask('Check', other))).toBe('TRANSACTION_NOT_FOUND');
    expect(played.sent).toEqual([]);
  });
});

describe('Check', () => {
  test('asks by the full reference what became of a payment, once: the answer is recorded', async () => {
    const { payment, second, folder } = await interrupted();
    const check = second.ask('Check', { ...IDS, api_key: 'k' });
    const status = await second.asked('TransactionStatus');
    expect(status.body).toEqual({
      MessageReference: {
        MessageCategory: 'Payment',
        ServiceID: payment.header.ServiceID,
        SaleID: 'POS1',
        POIID: 'V400m-1',
      },
    });
    expect(status.header.ServiceID).not.toBe(payment.header.ServiceID);
    second.respond(status, statusBody(payment.header.ServiceID, approvalBody()));
    const found = await check;
    expect(found).toEqual({ result: RESULT });
    const third = askTerminal({ folder });
    expect(await third.ask('Check', IDS)).toEqual(found);
    expect(third.sent).toEqual([]);
  });

  test.each([
    ['the same name', {}, false],
    ['the same name and a time without its fraction', { TimeStamp: 'rounded' }, false],
    ['the same name on another day', { TimeStamp: '2024-05-01T12:00:00.000+03:00' }, true],
    ['another name', { TransactionID: '122-320' }, true],
  ])('of a ServiceID that was used before, for %s, is answered (unknown: %s)', async (_, more, isUnknown) => {
    const { payment, second } = await interrupted();
    const check = second.ask('Check', IDS);
    const status = await second.asked('TransactionStatus');
    const { SaleTransactionID: sent } = payment.body.SaleData;
    const TimeStamp = sent.TimeStamp.replace(/\.\d+/, '');
    const named = {
      ...sent,
      ...more,
      ...('TimeStamp' in more && more.TimeStamp === 'rounded' && { TimeStamp }),
    };
    const body = approvalBody(1.23, { SaleData: { SaleTransactionID: named } });
    second.respond(status, statusBody(payment.header.ServiceID, body));
    const found = await check;
    expect(isUnknown ? codeOf(found) : found.result.amount).toBe(isUnknown ? 'OUTCOME_UNKNOWN' : 123);
  });

  test('finds the response directly inside as well', async () => {
    const { payment, second } = await interrupted();
    const check = second.ask('Check', IDS);
    const status = await second.asked('TransactionStatus');
    const { Response, RepeatedMessageResponse } = statusBody(payment.header.ServiceID, approvalBody());
    const { MessageHeader, RepeatedResponseMessageBody } = RepeatedMessageResponse;
    second.respond(status, {
      Response,
      RepeatedMessageResponse: { MessageHeader, ...RepeatedResponseMessageBody },
    });
    expect(await check).toEqual({ result: RESULT });
  });

  test.each(['Aborted', 'UnreachableHost', 'Communication timeout', 'Busy', 'LoggedOut'])(
    'takes an inner failure for %s as final',
    async (condition) => {
      const { payment, second } = await interrupted();
      const check = second.ask('Check', IDS);
      const status = await second.asked('TransactionStatus');
      second.respond(status, statusBody(payment.header.ServiceID, failureBody(condition)));
      expect(outcomeOf(await check)).toBe('not-charged');
      expect(outcomeOf(await second.ask('Check', IDS))).toBe('not-charged');
    },
  );

  test.each([
    ['another service', statusBody('9', approvalBody())],
    ['another register', statusBody('', approvalBody(), { SaleID: 'POS2' })],
    ['nothing', { Response: { Result: 'Success' } }],
  ])('disbelieves a terminal that tells of %s', async (_, body) => {
    const { second } = await interrupted();
    const check = second.ask('Check', IDS);
    second.respond(await second.asked('TransactionStatus'), body);
    expect(codeOf(await check)).toBe('OUTCOME_UNKNOWN');
  });

  test.each(['InProgress', 'Busy'])(
    'says TRANSACTION_ACTIVE for %s, and asks again next time',
    async (condition) => {
      const { second } = await interrupted();
      const seen = new Set<string>();
      for (let round = 0; round < 2; round += 1) {
        const check = second.ask('Check', IDS);
        const status = await second.asked('TransactionStatus');
        seen.add(status.header.ServiceID);
        second.respond(status, failureBody(condition));
        expect(codeOf(await check)).toBe('TRANSACTION_ACTIVE');
      }
      expect(seen.size).toBe(2);
    },
  );

  test('believes NotFound only when it is said again 5 s after an Abort; then the payment can never be sent', async () => {
    const { payment, second } = await interrupted();
    const ask = async () => {
      const check = second.ask('Check', IDS);
      second.respond(await second.asked('TransactionStatus'), failureBody('NotFound'));
      return codeOf(await check);
    };
    expect(await ask()).toBe('TRANSACTION_ACTIVE');
    expect((await second.asked('Abort')).body.MessageReference.ServiceID).toBe(payment.header.ServiceID);
    second.clock.advance(4999);
    expect(await ask()).toBe('TRANSACTION_ACTIVE');
    second.clock.advance(1);
    expect(await ask()).toBe('TRANSACTION_NOT_FOUND');
    expect(codeOf(await second.ask('Check', IDS))).toBe('TRANSACTION_NOT_FOUND');
    expect(codeOf(await second.ask('Purchase', PURCHASE))).toBe('DUPLICATE_TRANSACTION');
    expect(second.sent).toEqual([]);
  });

  test('of identifiers that were never used says so without a word to the terminal, and bars them', async () => {
    const played = askTerminal();
    expect(codeOf(await played.ask('Check', IDS))).toBe('TRANSACTION_NOT_FOUND');
    expect(codeOf(await played.ask('Purchase', PURCHASE))).toBe('DUPLICATE_TRANSACTION');
    expect(codeOf(await played.ask('Check', { receipt_id: 7 }))).toBe('TRANSACTION_NOT_FOUND');
    expect(codeOf(await played.ask('Purchase', { ...PURCHASE, receipt_id: 7 }))).toBe(
      'DUPLICATE_TRANSACTION',
    );
    expect(played.sent).toEqual([]);
  });

  test('without a sequence means the only one of that receipt; of several nobody can tell', async () => {
    const { payment, second } = await interrupted();
    const check = second.ask('Check', { receipt_id: '123' });
    second.respond(
      await second.asked('TransactionStatus'),
      statusBody(payment.header.ServiceID, approvalBody()),
    );
    expect(await check).toMatchObject({ result: { amount: 123 } });
    const other = second.ask('Purchase', { ...PURCHASE, sequence_id: 322 });
    second.respond(await second.asked('Payment'), approvalBody());
    await other;
    expect(codeOf(await second.ask('Check', { receipt_id: 123 }))).toBe('OUTCOME_UNKNOWN');
  });

  test('while the payment runs here is answered without a word to the terminal, until it has run for too long', async () => {
    const played = askTerminal();
    const answer = played.ask('Purchase', PURCHASE);
    const payment = await played.asked('Payment');
    expect(codeOf(await played.ask('Check', IDS))).toBe('TRANSACTION_ACTIVE');
    expect(played.sent).toEqual([]);
    played.clock.advance(160_000);
    const check = played.ask('Check', IDS);
    played.respond(
      await played.asked('TransactionStatus'),
      statusBody(payment.header.ServiceID, approvalBody()),
    );
    expect(await check).toEqual({ result: RESULT });
    expect(await answer).toEqual({ result: RESULT });
    void played.ask('Purchase', { ...PURCHASE, receipt_id: 2 });
    await played.asked('Payment');
  });

  test('logs in where the terminal has forgotten us, and asks once more', async () => {
    const { payment, second } = await interrupted();
    const check = second.ask('Check', IDS);
    second.respond(await second.asked('TransactionStatus'), failureBody('LoggedOut'));
    second.respond(await second.asked('Login'), { Response: { Result: 'Success' } });
    second.respond(
      await second.asked('TransactionStatus'),
      statusBody(payment.header.ServiceID, approvalBody()),
    );
    expect(await check).toEqual({ result: RESULT });
  });
});

describe('an answer that is not for us', () => {
  test.each([
    { ServiceID: 'other' },
    { POIID: 'V400m-2' },
    { SaleID: 'POS2' },
    { MessageCategory: 'Reversal' },
  ])('with %o is not taken for the payment', async (more) => {
    const played = askTerminal();
    const answer = played.ask('Purchase', PURCHASE);
    const payment = await played.asked('Payment');
    const name = 'MessageCategory' in more ? 'ReversalResponse' : 'PaymentResponse';
    const MessageHeader = { ...payment.header, MessageType: 'Response', ...more };
    played.receive({ SaleToPOIResponse: { MessageHeader, [name]: approvalBody(9) } });
    played.receive('{"broken');
    played.respond(payment, approvalBody());
    expect(await answer).toEqual({ result: RESULT });
  });

  test.each([
    ['of another service', { ServiceID: 'other' }],
    ['that cannot be read', undefined],
  ])('over HTTP %s leaves the payment lost: no other answer will come', async (_, more) => {
    const played = askTerminal({ framing: 'exchange' });
    const answer = played.ask('Purchase', PURCHASE);
    const payment = await played.asked('Payment');
    if (more === undefined) played.receive('{"broken');
    else played.respond(payment, approvalBody(), more);
    expect(await answer).toEqual({ lost: 'CONNECTION_CLOSED' });
  });

  test('a rejected payment is no outcome by itself: a Check has to confirm it', async () => {
    const played = askTerminal();
    const answer = played.ask('Purchase', PURCHASE);
    const { header } = await played.asked('Payment');
    const MessageHeader = {
      ...header,
      MessageClass: 'Event',
      MessageCategory: 'Event',
      MessageType: 'Notification',
    };
    const EventNotification = { EventToNotify: 'Reject', EventDetails: 'message=bad' };
    played.receive({ SaleToPOIRequest: { MessageHeader, EventNotification } });
    const given = await answer;
    expect([codeOf(given), outcomeOf(given)]).toEqual(['NEXO_REJECTED', undefined]);
  });
});

describe('Abort', () => {
  test('names the running payment, and the payment tells what came of it', async () => {
    const played = askTerminal();
    const answer = played.ask('Purchase', PURCHASE);
    const payment = await played.asked('Payment');
    expect(await played.ask('Abort')).toEqual({ result: {} });
    const abort = await played.asked('Abort');
    expect(abort.body).toEqual({
      MessageReference: {
        MessageCategory: 'Payment',
        ServiceID: payment.header.ServiceID,
        SaleID: 'POS1',
        POIID: 'V400m-1',
      },
      AbortReason: 'POS abort',
    });
    played.respond(payment, approvalBody());
    expect(await answer).toEqual({ result: RESULT });
  });

  test('of nothing, or of another payment, is not sent', async () => {
    const played = askTerminal();
    expect(codeOf(await played.ask('Abort'))).toBe('NOTHING_TO_ABORT');
    void played.ask('Purchase', PURCHASE);
    await played.asked('Payment');
    expect(codeOf(await played.ask('Abort', { receipt_id: 9 }))).toBe('NOTHING_TO_ABORT');
    expect(played.sent).toEqual([]);
  });

  test('before the payment was sent keeps it from being sent', async () => {
    const played = askTerminal({ vendorName: 'plain' });
    const answer = played.ask('Purchase', PURCHASE);
    const login = await played.asked('Login');
    expect(await played.ask('Abort', IDS)).toEqual({ result: {} });
    played.respond(login, { Response: { Result: 'Success' } });
    expect(codeOf(await answer)).toBe('ABORTED');
    expect(played.sent).toEqual([]);
  });
});

describe('Reversal', () => {
  const reversal = {
    receipt_id: 9,
    original_receipt_id: 123,
    original_sequence_id: 321,
    amount: 123,
    currency: 'EUR',
  };
  const paid = async (vendorName: string) => {
    const played = askTerminal({ vendorName });
    played.end.memory.isLoggedIn = true;
    const answer = played.ask('Purchase', PURCHASE);
    played.respond(await played.asked('Payment'), approvalBody());
    await answer;
    return played;
  };

  test("names the terminal's own transaction", async () => {
    const played = await paid('adyen');
    const answer = played.ask('Reversal', reversal);
    const asked = await played.asked('Reversal');
    expect(asked.body).toMatchObject({
      OriginalPOITransaction: {
        SaleID: 'POS1',
        POIID: 'V400m-1',
        POITransactionID: { TransactionID: 'ab1', TimeStamp: '2024-05-01T09:00:09.000Z' },
      },
      ReversalReason: 'MerchantCancel',
      ReversedAmount: 1.23,
    });
    played.respond(asked, {
      Response: { Result: 'Success' },
      ReversedAmount: 1.23,
      POIData: { POITransactionID: { TransactionID: 'r1', TimeStamp: 't' } },
    });
    expect(await answer).toMatchObject({
      result: { amount: 123, currency: 'EUR', transaction_id: 'r1', receipt_id: 9 },
    });
  });

  test('is a Refund that names it where the vendor wants that', async () => {
    const played = await paid('datamesh');
    void played.ask('Reversal', reversal);
    expect((await played.asked('Payment')).body).toMatchObject({
      PaymentData: { PaymentType: 'Refund' },
      PaymentTransaction: { OriginalPOITransaction: { POITransactionID: { TransactionID: 'ab1' } } },
    });
  });

  test('of what is not known here is refused', async () => {
    const played = await paid('adyen');
    expect(codeOf(await played.ask('Reversal', { ...reversal, original_receipt_id: 5 }))).toBe(
      'REVERSAL_REFUSED',
    );
    expect(played.sent).toEqual([]);
  });
});

describe('Status', () => {
  test.each([
    [
      { GlobalStatus: 'OK', CommunicationOKFlag: true },
      { ready_for_transaction: true, psp_connection_available: true },
    ],
    [{ GlobalStatus: 'Busy' }, { ready_for_transaction: false, transaction_status: 'PROCESSING' }],
    [{ GlobalStatus: 'Maintenance' }, { ready_for_transaction: false, update_status: 'MAINTENANCE' }],
    [
      { GlobalStatus: 'Unreachable', CommunicationOKFlag: false },
      { ready_for_transaction: false, psp_connection_available: false },
    ],
  ])('with %o is %o', async (POIStatus, expected) => {
    const played = askTerminal();
    const status = played.ask('Status');
    played.respond(await played.asked('Diagnosis'), { Response: { Result: 'Success' }, POIStatus });
    expect(await status).toEqual({ result: expected });
  });

  test('is told from memory while a payment runs', async () => {
    const played = askTerminal();
    void played.ask('Purchase', PURCHASE);
    await played.asked('Payment');
    expect(await played.ask('Status')).toMatchObject({
      result: { ready_for_transaction: false, transaction_status: 'PROCESSING' },
    });
    expect(codeOf(await played.ask('Print', { lines: ['x'] }))).toBe('BUSY');
    expect(played.sent).toEqual([]);
  });

  test('a terminal that does not answer is lost for the question, after a while', async () => {
    const played = askTerminal();
    const status = played.ask('Status');
    await played.asked('Diagnosis');
    played.clock.advance(30_000);
    expect(await status).toEqual({ lost: 'TIMEOUT' });
  });
});

describe('other questions', () => {
  test('Print and DisplayScreen are requests of the Device class', async () => {
    const played = askTerminal();
    const print = played.ask('Print', { lines: ['a', 'b'] });
    const asked = await played.asked('Print');
    expect(asked.header.MessageClass).toBe('Device');
    expect(asked.body.PrintOutput.OutputContent.OutputText).toEqual([{ Text: 'a' }, { Text: 'b' }]);
    played.respond(asked, { DocumentQualifier: 'Document', Response: { Result: 'Success' } });
    expect(await print).toEqual({ result: {} });
    const show = played.ask('DisplayScreen', { text: 'x' });
    const display = await played.asked('Display');
    played.respond(display, { OutputResult: failureBody('UnavailableDevice') });
    expect(codeOf(await show)).toBe('JSONRPC_METHOD_NOT_FOUND');
  });

  test('a service without a counterpart goes by nexo.<Category>; none that moves money', async () => {
    const played = askTerminal();
    const answer = played.ask('nexo.CardAcquisition', { CardAcquisitionTransaction: { TotalAmount: 1 } });
    const asked = await played.asked('CardAcquisition');
    expect(asked.body).toEqual({ CardAcquisitionTransaction: { TotalAmount: 1 } });
    played.respond(asked, { Response: { Result: 'Success' }, X: 1 });
    expect(await answer).toEqual({ result: { Response: { Result: 'Success' }, X: 1 } });
    for (const method of ['nexo.Payment', 'nexo.StoredValue', 'NetworkStart', 'Hello']) {
      expect(codeOf(await played.ask(method))).toBe('JSONRPC_METHOD_NOT_FOUND');
    }
    expect(played.sent).toEqual([]);
  });
});

describe('what the terminal says by itself', () => {
  const device = (category: string, body: object, more: object = {}) => ({
    SaleToPOIRequest: {
      MessageHeader: {
        MessageClass: 'Device',
        MessageCategory: category,
        MessageType: 'Request',
        ServiceID: '1',
        DeviceID: '7',
        SaleID: 'POS1',
        POIID: 'V400m-1',
        ...more,
      },
      [`${category}Request`]: body,
    },
  });
  const display = (Device: string, ResponseRequiredFlag?: boolean) =>
    device('Display', {
      DisplayOutput: {
        Device,
        InfoQualify: 'Status',
        ResponseRequiredFlag,
        OutputContent: { OutputFormat: 'Text', OutputText: [{ Text: 'INSERT CARD' }] },
      },
    });

  test('a text for the cashier is a PosMessage, answered where it wants to be', () => {
    const played = askTerminal();
    played.receive(display('CashierDisplay'));
    expect(played.notifications).toEqual([{ method: 'PosMessage', params: { message: 'INSERT CARD' } }]);
    expect(played.sent[0].SaleToPOIResponse).toMatchObject({
      MessageHeader: { ServiceID: '1', DeviceID: '7', MessageType: 'Response' },
      DisplayResponse: { OutputResult: [{ Device: 'CashierDisplay', Response: { Result: 'Success' } }] },
    });
    played.sent.length = 0;
    played.receive(display('CashierDisplay', false));
    expect(played.sent).toEqual([]);
  });

  test('what cannot be done here is answered so at once', () => {
    const played = askTerminal();
    played.receive(display('CustomerDisplay'));
    played.receive(
      device('Input', { InputData: { Device: 'CashierInput', InputCommand: 'GetConfirmation' } }),
    );
    played.receive(
      device('Print', { PrintOutput: { DocumentQualifier: 'SaleReceipt', ResponseMode: 'PrintEnd' } }),
    );
    played.receive(device('Sound', {}));
    const said = played.sent.map(({ SaleToPOIResponse: { MessageHeader, ...bodies } }) =>
      JSON.stringify(bodies),
    );
    expect(said).toHaveLength(4);
    expect(said.slice(0, 3).every((text) => text.includes('UnavailableDevice'))).toBe(true);
    expect(said[3]).toContain('UnavailableService');
    expect(played.notifications).toEqual([]);
  });

  test('Events change the status, which is told once', () => {
    const played = askTerminal();
    const event = (EventToNotify: string) =>
      played.receive({
        SaleToPOIRequest: {
          MessageHeader: {
            MessageClass: 'Event',
            MessageCategory: 'Event',
            MessageType: 'Notification',
            ServiceID: '1',
            SaleID: 'POS1',
            POIID: 'V400m-1',
          },
          EventNotification: { TimeStamp: 'x', EventToNotify },
        },
      });
    for (const name of [
      'CardInserted',
      'CardInserted',
      'BeginMaintenance',
      'EndMaintenance',
      'KeyPressed',
      'Shutdown',
    ]) {
      event(name);
    }
    const { timestamp, ...last } = played.notifications.at(-1)?.params ?? {};
    expect(played.notifications).toHaveLength(4);
    expect(last).toEqual({ ready_for_transaction: false, chip_card_in: true });
  });
});
