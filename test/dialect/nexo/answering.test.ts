import { describe, expect, test } from 'vitest';
import { encodeLengthPrefixed } from '../../../src/frame/length-prefixed.ts';
import { byteByByte } from '../../kit/splits.ts';
import { converse, headerOf, paymentBody, requestOf, SALE_ID } from './kit.ts';

const RESULT = {
  amount: 123,
  currency: 'EUR',
  transaction_id: 'ab1',
  timestamp: '2024-05-01T09:00:09.000Z',
};

const statusOf = (
  ServiceID: string,
  about: object | 'last' = { ServiceID: '1', SaleID: 'POS1', POIID: 'V400m-1' },
) =>
  requestOf(
    'TransactionStatus',
    ServiceID,
    about === 'last' ? {} : { MessageReference: { MessageCategory: 'Payment', ...(about as object) } },
  );
const abortOf = (ServiceID: string, about = '1') =>
  requestOf('Abort', ServiceID, {
    MessageReference: { MessageCategory: 'Payment', ServiceID: about, SaleID: 'POS1', POIID: 'V400m-1' },
    AbortReason: 'POS abort',
  });

describe('a Payment', () => {
  test('is a Purchase, identified by the request that began it, and its result is a PaymentResponse', () => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody()));
    expect(played.last().method).toBe('Purchase');
    expect(played.last().json).toEqual({
      receipt_id: '1',
      sequence_id: 'POS1',
      amount: 123,
      currency: 'EUR',
      cashier_language: 'fi',
      nexo: { SaleData: { SaleTransactionID: SALE_ID } },
    });
    expect(played.result(RESULT)).toBe('sent');
    expect(played.sent).toEqual([
      {
        SaleToPOIResponse: {
          MessageHeader: headerOf('Payment', '1', { MessageType: 'Response' }),
          PaymentResponse: {
            Response: { Result: 'Success' },
            SaleData: { SaleTransactionID: SALE_ID },
            POIData: { POITransactionID: { TransactionID: 'ab1', TimeStamp: '2024-05-01T09:00:09.000Z' } },
            PaymentResult: {
              PaymentType: 'Normal',
              AmountsResp: { Currency: 'EUR', AuthorizedAmount: 1.23 },
            },
          },
        },
      },
    ]);
  });

  test('is a service: as anything else it would not be told from its repetition', () => {
    for (const more of [
      { MessageClass: 'Device', ServiceID: undefined, DeviceID: '1' },
      { MessageClass: 'Event' },
    ]) {
      const played = converse();
      played.send(requestOf('Payment', '1', paymentBody(), more));
      expect(played.requests).toEqual([]);
      expect(played.sent[0].SaleToPOIResponse.PaymentResponse.Response.ErrorCondition).toBe('MessageFormat');
    }
  });

  test('of type Refund is a Refund', () => {
    const played = converse();
    const body = paymentBody(
      { PaymentData: { PaymentType: 'Refund' } },
      { Currency: 'JPY', RequestedAmount: 500 },
    );
    played.send(requestOf('Payment', '1', body));
    expect(played.last()).toMatchObject({ method: 'Refund', json: { amount: 500, currency: 'JPY' } });
  });

  test('keeps what only nexo knows in `nexo`, and cash back as a part of the amount', () => {
    const played = converse();
    const SaleItem = [{ ItemID: 1, ItemAmount: 1.1 }];
    const PaymentTransaction = {
      AmountsReq: { Currency: 'EUR', RequestedAmount: '11.00', CashBackAmount: 5, TipAmount: 1 },
      TransactionConditions: { ForceOnlineFlag: true, AllowedPaymentBrand: ['visa'] },
      SaleItem,
    };
    played.send(requestOf('Payment', '1', paymentBody({ PaymentTransaction, Strange: { a: [1.5] } })));
    expect(played.last().json).toMatchObject({
      amount: 1100,
      cashback_amount: 500,
      forced_authorization: true,
      nexo: {
        PaymentTransaction: {
          AmountsReq: { TipAmount: 1 },
          TransactionConditions: { AllowedPaymentBrand: ['visa'] },
          SaleItem,
        },
        Strange: { a: [1.5] },
      },
    });
  });

  test('carries card data and receipts back in the names of the vendor', () => {
    const card = { masked_card_number: '************1111', card_scheme: 'Visa', entry_mode: 'CHIP' };
    const more = {
      ...card,
      authorization_code: 'A1',
      verification_method: 'SIGNATURE',
      customer_receipt: ['TOTAL', '1.23'],
      merchant_receipt: { text: 'a\nb' },
      nexo: { PaymentResult: { OnlineFlag: true } },
    };
    for (const [vendorName, maskedPan] of [
      ['adyen', 'MaskedPan'],
      ['datamesh', 'MaskedPAN'],
    ] as const) {
      const played = converse({ vendorName });
      played.send(requestOf('Payment', '1', paymentBody()));
      played.result({ ...RESULT, ...more });
      const response = played.sent[0].SaleToPOIResponse.PaymentResponse;
      expect(response.PaymentResult).toMatchObject({
        OnlineFlag: true,
        PaymentInstrumentData: {
          PaymentInstrumentType: 'Card',
          CardData: { [maskedPan]: '************1111', PaymentBrand: 'Visa', EntryMode: ['ICC'] },
        },
        AuthenticationMethod: ['PaperSignature'],
        PaymentAcquirerData: { ApprovalCode: 'A1' },
      });
      expect(
        response.PaymentReceipt.map((receipt: { DocumentQualifier: string }) => receipt.DocumentQualifier),
      ).toEqual(['CashierReceipt', 'CustomerReceipt']);
      expect(response.PaymentReceipt[1].OutputContent.OutputText).toEqual([
        { Text: 'TOTAL' },
        { Text: '1.23' },
      ]);
    }
  });

  test('that took less than was asked for is Partial, and one that took more says so', () => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody()));
    played.result({ ...RESULT, amount: 40 });
    expect(played.sent[0].SaleToPOIResponse.PaymentResponse).toMatchObject({
      Response: { Result: 'Partial' },
      PaymentResult: { AmountsResp: { AuthorizedAmount: 0.4 } },
    });
    played.send(requestOf('Payment', '2', paymentBody()));
    played.result({ ...RESULT, amount: 150 });
    expect(played.sent[1].SaleToPOIResponse.PaymentResponse).toMatchObject({
      Response: { Result: 'Success' },
      PaymentResult: { AmountsResp: { AuthorizedAmount: 1.5 } },
    });
  });

  test.each([
    ['DECLINED', 'Refusal'],
    ['CANCELLED', 'Cancel'],
    ['ABORTED', 'Aborted'],
    ['CARD_EXPIRED', 'InvalidCard'],
    ['PIN_TRIES_EXCEEDED', 'WrongPIN'],
    ['BUSY', 'Busy'],
    ['CHANNEL_UNAVAILABLE', 'DeviceOut'],
    ['JSONRPC_METHOD_NOT_FOUND', 'UnavailableService'],
    ['JSONRPC_INVALID_PARAMS', 'MessageFormat'],
    ['NEXO_PAYMENT_RESTRICTION', 'PaymentRestriction'],
    ['SOMETHING_ELSE', 'Refusal'],
  ])('that ends with %s is a Failure for %s', (code, condition) => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody()));
    played.error(code, 'no card');
    expect(played.sent[0].SaleToPOIResponse.PaymentResponse).toMatchObject({
      Response: { Result: 'Failure', ErrorCondition: condition, AdditionalResponse: `${code}: no card` },
      SaleData: { SaleTransactionID: SALE_ID },
      POIData: { POITransactionID: { TransactionID: '1-POS1' } },
    });
  });

  test('whose answer nexo cannot say stays open', () => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody()));
    expect(played.result({ amount: 1.5, currency: 'EUR' })).toMatchObject({ code: 'JSONRPC_INVALID_PARAMS' });
    expect(played.result({ amount: 10_000_000_000, currency: 'EUR' })).toMatchObject({
      code: 'JSONRPC_INVALID_PARAMS',
    });
    expect(played.sent).toEqual([]);
    expect(played.result(RESULT)).toBe('sent');
  });

  test.each([
    ['no amount', { RequestedAmount: undefined }],
    ['an amount of nothing', { RequestedAmount: 0 }],
    ['more decimals than the currency has', { RequestedAmount: 1.234 }],
    ['an exponent', { RequestedAmount: '1e3' }],
    ['no currency', { Currency: undefined }],
    ['a currency that is none', { Currency: 'EURO' }],
    ['more cash back than amount', { CashBackAmount: 2 }],
  ])('with %s is refused with MessageFormat and goes nowhere', (_, amounts) => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody({}, amounts)));
    expect(played.requests).toEqual([]);
    expect(played.sent[0].SaleToPOIResponse.PaymentResponse.Response).toMatchObject({
      Result: 'Failure',
      ErrorCondition: 'MessageFormat',
    });
  });

  test.each(['CashAdvance', 'FirstReservation', 'Completion', 'Whatever'])(
    'of type %s is not supported',
    (type) => {
      const played = converse();
      played.send(requestOf('Payment', '1', paymentBody({ PaymentData: { PaymentType: type } })));
      expect(played.requests).toEqual([]);
      expect(played.sent[0].SaleToPOIResponse.PaymentResponse.Response.ErrorCondition).toBe(
        'UnavailableService',
      );
    },
  );

  test('loses its receipts rather than itself where the response is too long', () => {
    const played = converse({ maxFrameBytes: 1000 });
    played.send(requestOf('Payment', '1', paymentBody()));
    expect(played.result({ ...RESULT, customer_receipt: ['x'.repeat(2000)] })).toBe('sent');
    expect(played.sent[0].SaleToPOIResponse.PaymentResponse.PaymentReceipt).toBeUndefined();
    played.send(requestOf('Payment', '2', paymentBody()));
    expect(played.result({ ...RESULT, transaction_id: 'x'.repeat(2000) })).toBe('too-large');
  });
});

describe('a ServiceID that comes again', () => {
  test('is refused as repeated, and goes nowhere, on another connection, too', () => {
    const first = converse();
    first.send(requestOf('Payment', '1', paymentBody()));
    const second = converse({ memory: first.end.memory });
    for (const played of [first, second]) {
      played.sent.length = 0;
      played.send(requestOf('Payment', '1', paymentBody()));
      expect(played.sent[0].SaleToPOIResponse.PaymentResponse.Response).toEqual({
        Result: 'Failure',
        ErrorCondition: 'MessageFormat',
        AdditionalResponse: 'Repeated Message: ServiceID',
      });
    }
    expect(first.requests).toHaveLength(1);
    expect(second.requests).toEqual([]);
  });

  test('is another one from another register', () => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody()));
    played.send(requestOf('Payment', '1', paymentBody(), { SaleID: 'POS2' }));
    expect(played.requests.map(({ json }) => json.sequence_id)).toEqual(['POS1', 'POS2']);
  });

  test('is called repeated when only the journal remembers it', () => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody()));
    played.error('DUPLICATE_TRANSACTION', 'charged at noon');
    expect(played.sent[0].SaleToPOIResponse.PaymentResponse.Response).toEqual({
      Result: 'Failure',
      ErrorCondition: 'MessageFormat',
      AdditionalResponse: 'Repeated Message: ServiceID. charged at noon',
    });
  });
});

describe('TransactionStatus', () => {
  const paid = () => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody()));
    played.result(RESULT);
    return played;
  };

  test('is a Check by the same identifiers, and repeats the response', () => {
    const played = paid();
    played.send(statusOf('2'));
    expect(played.last()).toMatchObject({ method: 'Check', json: { receipt_id: '1', sequence_id: 'POS1' } });
    played.result(RESULT);
    const [payment, status] = played.sent;
    expect(status.SaleToPOIResponse.TransactionStatusResponse).toEqual({
      Response: { Result: 'Success' },
      MessageReference: { MessageCategory: 'Payment', ServiceID: '1', SaleID: 'POS1', POIID: 'V400m-1' },
      RepeatedMessageResponse: {
        MessageHeader: headerOf('Payment', '1', { MessageType: 'Response' }),
        RepeatedResponseMessageBody: { PaymentResponse: payment.SaleToPOIResponse.PaymentResponse },
      },
    });
  });

  test('has the response directly inside where the vendor has it so', () => {
    const played = converse({ vendorName: 'plain' });
    played.send(requestOf('Payment', '1', paymentBody()));
    played.send(statusOf('2'));
    played.result(RESULT);
    expect(
      played.sent[0].SaleToPOIResponse.TransactionStatusResponse.RepeatedMessageResponse.PaymentResponse
        .Response,
    ).toEqual({ Result: 'Success' });
  });

  test('without MessageReference is about the last payment of this register', () => {
    const played = paid();
    played.send(statusOf('2', 'last'));
    expect(played.last().json).toEqual({ receipt_id: '1', sequence_id: 'POS1' });
    const unknown = converse();
    unknown.send(statusOf('2', 'last'));
    expect(unknown.requests).toEqual([]);
    expect(unknown.sent[0].SaleToPOIResponse.TransactionStatusResponse.Response.ErrorCondition).toBe(
      'MessageFormat',
    );
  });

  test.each([
    ['TRANSACTION_NOT_FOUND', {}, 'NotFound'],
    ['TRANSACTION_ACTIVE', {}, 'InProgress'],
    ['OUTCOME_UNKNOWN', {}, 'InProgress'],
    ['CHANNEL_UNAVAILABLE', {}, 'InProgress'],
    ['TIMEOUT', {}, 'InProgress'],
    ['SOMETHING_ELSE', {}, 'InProgress'],
    ['DECLINED', { outcome: 'unknown' }, 'InProgress'],
  ])('that ends with %s %o is a Failure for %s', (code, data, condition) => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody()));
    played.send(statusOf('2'));
    played.error(code, 'x', data);
    expect(played.sent[0].SaleToPOIResponse.TransactionStatusResponse.Response).toMatchObject({
      Result: 'Failure',
      ErrorCondition: condition,
    });
  });

  test.each([
    ['DECLINED', {}, 'Refusal'],
    ['ANYTHING', { outcome: 'not-charged' }, 'Refusal'],
    ['ABORTED', {}, 'Aborted'],
  ])('repeats the failure of a payment that ended with %s', (code, data, condition) => {
    const played = converse();
    played.send(statusOf('2', { ServiceID: 'old' }));
    played.error(code, 'x', data);
    const { Response, RepeatedMessageResponse } = played.sent[0].SaleToPOIResponse.TransactionStatusResponse;
    expect(Response).toEqual({ Result: 'Success' });
    expect(RepeatedMessageResponse.RepeatedResponseMessageBody.PaymentResponse.Response).toMatchObject({
      Result: 'Failure',
      ErrorCondition: condition,
    });
  });

  test('about another terminal, another category or nothing is refused', () => {
    for (const about of [
      { ServiceID: '1', POIID: 'V400m-2' },
      { ServiceID: '1', MessageCategory: 'Login' },
      {},
    ]) {
      const played = converse();
      played.send(statusOf('2', about));
      expect(played.requests).toEqual([]);
      expect(played.sent[0].SaleToPOIResponse.TransactionStatusResponse.Response.ErrorCondition).toBe(
        'MessageFormat',
      );
    }
  });
});

describe('Abort', () => {
  test('names the payment, and has no response', () => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody()));
    played.send(abortOf('2'));
    expect(played.last()).toMatchObject({ method: 'Abort', json: { receipt_id: '1', sequence_id: 'POS1' } });
    expect(played.result({})).toBe('sent');
    expect(played.sent).toEqual([]);
    played.error('ABORTED', '', {}, played.requests[0]);
    expect(played.sent[0].SaleToPOIResponse.PaymentResponse.Response.ErrorCondition).toBe('Aborted');
  });

  test.each([
    ['NOTHING_TO_ABORT', 'adyen', 'Reject'],
    ['ABORT_REFUSED', 'adyen', 'Completed'],
    ['ABORT_REFUSED', 'datamesh', 'CompletedMessage'],
  ])('that ends with %s is told by an Event of %s: %s', (code, vendorName, event) => {
    const played = converse({ vendorName });
    played.send(requestOf('Payment', '1', paymentBody()));
    played.send(abortOf('2'));
    played.error(code, 'x');
    const { MessageHeader, EventNotification } = played.sent[0].SaleToPOIRequest;
    expect(MessageHeader).toMatchObject({
      MessageClass: 'Event',
      MessageType: 'Notification',
      ServiceID: '2',
    });
    expect(EventNotification).toMatchObject({ EventToNotify: event, EventDetails: `${code}: x` });
  });
});

describe('Login', () => {
  test('asks what terminal it is', () => {
    const played = converse();
    played.send(requestOf('Login', '1', { DateTime: 'x', OperatorLanguage: 'de' }));
    expect(played.last()).toMatchObject({ method: 'TerminalInfo', json: {} });
    played.result({ version: '18.9.0', serial_number: 'S1' });
    expect(played.sent[0].SaleToPOIResponse.LoginResponse).toMatchObject({
      Response: { Result: 'Success' },
      POISystemData: {
        POISoftware: { ManufacturerID: 'posbridge', SoftwareVersion: '18.9.0' },
        POITerminalData: { POISerialNumber: 'S1' },
      },
    });
    const { OperatorLanguage, ...SaleData } = paymentBody().SaleData;
    played.send(requestOf('Payment', '2', paymentBody({ SaleData })));
    expect(played.last().json.cashier_language).toBe('de');
  });

  test('is needed first where it is required, and again after a Logout', () => {
    const played = converse({ requiresLogin: true });
    const refused = () => played.sent.at(-1).SaleToPOIResponse.PaymentResponse.Response.ErrorCondition;
    played.send(requestOf('Payment', '1', paymentBody()));
    expect(refused()).toBe('LoggedOut');
    played.send(requestOf('Login', '2', {}));
    played.error('JSONRPC_METHOD_NOT_FOUND');
    played.send(requestOf('Payment', '3', paymentBody()));
    expect(played.last().method).toBe('Purchase');
    played.send(requestOf('Logout', '4', {}));
    expect(played.sent.at(-1).SaleToPOIResponse.LogoutResponse).toEqual({ Response: { Result: 'Success' } });
    played.send(requestOf('Payment', '5', paymentBody()));
    expect(refused()).toBe('LoggedOut');
  });

  test('of one register is none of another, and fails where the terminal cannot be reached', () => {
    const played = converse({ requiresLogin: true });
    played.send(requestOf('Login', '1', {}));
    played.error('CHANNEL_UNAVAILABLE');
    expect(played.sent.at(-1).SaleToPOIResponse.LoginResponse.Response.ErrorCondition).toBe('DeviceOut');
    played.send(requestOf('Login', '2', {}));
    played.result({});
    played.send(requestOf('Payment', '1', paymentBody(), { SaleID: 'POS2' }));
    expect(played.sent.at(-1).SaleToPOIResponse.PaymentResponse.Response.ErrorCondition).toBe('LoggedOut');
  });
});

describe('Diagnosis', () => {
  test.each([
    [
      { ready_for_transaction: true, psp_connection_available: true },
      { GlobalStatus: 'OK', CommunicationOKFlag: true },
    ],
    [{ ready_for_transaction: false, transaction_status: 'PROCESSING' }, { GlobalStatus: 'Busy' }],
    [{ ready_for_transaction: false, update_status: 'INSTALLING' }, { GlobalStatus: 'Maintenance' }],
  ])('with the status %o says %o', (status, expected) => {
    const played = converse();
    played.send(requestOf('Diagnosis', '1', {}));
    expect(played.last().method).toBe('Status');
    played.result(status);
    expect(played.sent[0].SaleToPOIResponse.DiagnosisResponse.POIStatus).toEqual(expected);
  });

  test('says Unreachable where the terminal does not answer', () => {
    const played = converse();
    played.send(requestOf('Diagnosis', '1', {}));
    played.error('TIMEOUT');
    expect(played.sent[0].SaleToPOIResponse.DiagnosisResponse.POIStatus).toEqual({
      GlobalStatus: 'Unreachable',
    });
  });
});

describe('other services', () => {
  test('pass as nexo.<Category>, their fields flat, and their results are response bodies', () => {
    const played = converse();
    played.send(requestOf('CardAcquisition', '1', { CardAcquisitionTransaction: { TotalAmount: 1.1 } }));
    expect(played.last()).toMatchObject({
      method: 'nexo.CardAcquisition',
      json: { CardAcquisitionTransaction: { TotalAmount: 1.1 } },
    });
    played.result({ PaymentInstrumentData: { PaymentInstrumentType: 'Card' } });
    expect(played.sent[0].SaleToPOIResponse.CardAcquisitionResponse).toEqual({
      Response: { Result: 'Success' },
      PaymentInstrumentData: { PaymentInstrumentType: 'Card' },
    });
    played.send(requestOf('EnableService', '2', {}));
    played.error('JSONRPC_METHOD_NOT_FOUND');
    expect(played.sent[1].SaleToPOIResponse.EnableServiceResponse.Response.ErrorCondition).toBe(
      'UnavailableService',
    );
  });

  test.each(['StoredValue', 'Batch', 'Loyalty', 'Fortune'])(
    '%s is refused with UnavailableService in a body of its name',
    (category) => {
      const played = converse();
      played.send(requestOf(category, '1', {}));
      expect(played.requests).toEqual([]);
      const body = played.sent[0].SaleToPOIResponse[`${category}Response`];
      expect(body.Response.ErrorCondition).toBe('UnavailableService');
    },
  );

  test('texts for the cardholder and the printer are DisplayScreen and Print', () => {
    const played = converse();
    const OutputContent = { OutputFormat: 'Text', OutputText: [{ Text: 'HELLO' }, { Text: 'THERE' }] };
    const DisplayOutput = { Device: 'CustomerDisplay', InfoQualify: 'Display', OutputContent };
    const device = { MessageClass: 'Device', ServiceID: undefined, DeviceID: '7' };
    played.send(requestOf('Display', '', { DisplayOutput }, device));
    expect(played.last()).toMatchObject({ method: 'DisplayScreen', json: { lines: ['HELLO', 'THERE'] } });
    played.result({});
    expect(played.sent[0].SaleToPOIResponse).toMatchObject({
      MessageHeader: { DeviceID: '7', MessageType: 'Response' },
      DisplayResponse: {
        OutputResult: [
          { Device: 'CustomerDisplay', InfoQualify: 'Display', Response: { Result: 'Success' } },
        ],
      },
    });
    const PrintOutput = { DocumentQualifier: 'Document', ResponseMode: 'PrintEnd', OutputContent };
    played.send(requestOf('Print', '', { PrintOutput }, device));
    expect(played.last()).toMatchObject({ method: 'Print', json: { lines: ['HELLO', 'THERE'] } });
    played.error('JSONRPC_METHOD_NOT_FOUND');
    expect(played.sent[1].SaleToPOIResponse.PrintResponse).toMatchObject({
      DocumentQualifier: 'Document',
      Response: { Result: 'Failure', ErrorCondition: 'UnavailableDevice' },
    });
  });

  test('a display that wants no response gets none', () => {
    const played = converse();
    const OutputContent = { OutputFormat: 'Text', OutputText: [{ Text: 'HELLO' }] };
    const DisplayOutput = [{ Device: 'CustomerDisplay', ResponseRequiredFlag: false, OutputContent }];
    played.send(
      requestOf('Display', '', { DisplayOutput }, { MessageClass: 'Device', ServiceID: undefined }),
    );
    expect(played.result({})).toBe('sent');
    expect(played.sent).toEqual([]);
  });
});

describe('what the terminal says by itself', () => {
  const spoken = () => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody()));
    return played;
  };
  const notify = (played: ReturnType<typeof converse>, method: string, params: object) =>
    played.peer.notify(JSON.stringify(method), Buffer.from(JSON.stringify(params)));

  test('a PosMessage is a Display of the running service that wants no response', () => {
    const played = spoken();
    notify(played, 'PosMessage', { message: 'INSERT\nCARD' });
    expect(played.sent[0].SaleToPOIRequest).toMatchObject({
      MessageHeader: { MessageClass: 'Device', MessageCategory: 'Display', ServiceID: '1', SaleID: 'POS1' },
      DisplayRequest: {
        DisplayOutput: [
          {
            Device: 'CashierDisplay',
            InfoQualify: 'Status',
            ResponseRequiredFlag: false,
            OutputContent: { OutputFormat: 'Text', OutputText: [{ Text: 'INSERT' }, { Text: 'CARD' }] },
          },
        ],
      },
    });
  });

  test('changes of the status are Events', () => {
    const played = spoken();
    const said = () =>
      played.sent.splice(0).map((sent) => sent.SaleToPOIRequest.EventNotification.EventToNotify);
    notify(played, 'StatusEvent', { ready_for_transaction: false, chip_card_in: false });
    expect(said()).toEqual([]);
    notify(played, 'StatusEvent', { ready_for_transaction: false, chip_card_in: true });
    notify(played, 'StatusEvent', { ready_for_transaction: false, chip_card_in: true });
    expect(said()).toEqual(['CardInserted']);
    notify(played, 'StatusEvent', { ready_for_transaction: true, chip_card_in: false, update_status: 'X' });
    expect(said()).toEqual(['CardRemoved', 'BeginMaintenance']);
    notify(played, 'StatusEvent', { ready_for_transaction: true, chip_card_in: false });
    expect(said()).toEqual(['EndMaintenance']);
  });

  test('an application may ask for an input, and gets the answer to it alone', () => {
    const played = spoken();
    const answers: unknown[] = [];
    const settle = ({ kind, text }: { kind: string; text: Buffer }) =>
      answers.push([kind, JSON.parse(text.toString())]);
    const InputData = { Device: 'CashierInput', InfoQualify: 'Input', InputCommand: 'GetConfirmation' };
    expect(played.peer.request('"nexo.Input"', Buffer.from(JSON.stringify({ InputData })), settle)).toBe(
      'sent',
    );
    const asked = played.sent[0].SaleToPOIRequest;
    expect(asked.InputRequest).toEqual({ InputData });
    const answer = (more: object) => ({
      SaleToPOIResponse: {
        MessageHeader: { ...asked.MessageHeader, MessageType: 'Response', ...more },
        InputResponse: { InputResult: { Response: { Result: 'Success' } } },
      },
    });
    for (const more of [{ DeviceID: 'other' }, { ServiceID: '9' }, { POIID: 'x' }, { SaleID: 'x' }]) {
      played.send(answer(more));
    }
    expect(answers).toEqual([]);
    played.send(answer({}));
    expect(answers).toEqual([['result', { InputResult: { Response: { Result: 'Success' } } }]]);
  });

  test('what nexo has no words for is refused', () => {
    const played = spoken();
    expect(notify(played, 'Hello', {})).toMatchObject({ code: 'JSONRPC_METHOD_NOT_FOUND' });
    const errors: string[] = [];
    played.peer.request('"Hello"', Buffer.from('{}'), ({ text }) =>
      errors.push(JSON.parse(text.toString()).data.string_code),
    );
    expect(errors).toEqual(['JSONRPC_METHOD_NOT_FOUND']);
  });

  test('a request that is open when the connection ends is settled as lost', () => {
    const played = spoken();
    const lost: unknown[] = [];
    played.peer.request('"nexo.Input"', Buffer.from('{}'), (answer) => lost.push(answer.lost?.code));
    played.conversation.lost({ code: 'CONNECTION_CLOSED', text: 'gone', by: 'wire' });
    expect(lost).toEqual(['CONNECTION_CLOSED']);
    expect(played.reports).toEqual(['closed CONNECTION_CLOSED']);
  });
});

describe('a message that cannot be taken', () => {
  const event = (played: ReturnType<typeof converse>) => played.sent[0].SaleToPOIRequest.EventNotification;

  test('is rejected by an Event that gives it back, and the next one is taken', () => {
    const played = converse();
    played.conversation.receive(Buffer.from('{"broken'));
    expect(event(played).EventToNotify).toBe('Reject');
    expect(Buffer.from(event(played).RejectedMessage, 'base64').toString()).toBe('{"broken');
    played.send(requestOf('Payment', '1', paymentBody()));
    expect(played.requests).toHaveLength(1);
  });

  test('is answered where its header can be read', () => {
    const played = converse();
    played.send({ SaleToPOIRequest: { MessageHeader: headerOf('Payment', '1') } });
    expect(played.sent[0].SaleToPOIResponse).toMatchObject({
      MessageHeader: headerOf('Payment', '1', { MessageType: 'Response' }),
      PaymentResponse: { Response: { Result: 'Failure', ErrorCondition: 'MessageFormat' } },
    });
  });

  test('for another terminal is rejected', () => {
    const played = converse({ poiId: 'V400m-1' });
    played.send(requestOf('Payment', '1', paymentBody(), { POIID: 'V400m-2' }));
    expect(event(played).EventToNotify).toBe('Reject');
    expect(played.requests).toEqual([]);
  });

  test('the first request says which terminal it is, where nothing else does', () => {
    const played = converse();
    played.send(requestOf('Diagnosis', '1', {}));
    played.send(requestOf('Diagnosis', '2', {}, { POIID: 'V400m-2' }));
    expect(played.requests).toHaveLength(1);
  });

  test('a length that nobody means ends the connection', () => {
    const played = converse({ framing: 'stream', maxFrameBytes: 100 });
    played.conversation.receive(Buffer.from([0, 0, 0, 101]));
    expect(event(played).EventToNotify).toBe('Reject');
    expect(played.reports).toEqual(['inputEnded JSONRPC_PARSE_ERROR']);
    played.peer.close({ code: 'JSONRPC_PARSE_ERROR', text: 'x', by: 'us' });
    expect(played.finished.map(({ how }) => how)).toEqual(['broken']);
  });
});

describe('wires', () => {
  test('over a stream, a byte a read, every message has its length in front', () => {
    const played = converse({ framing: 'stream' });
    const bytes = encodeLengthPrefixed(Buffer.from(JSON.stringify(requestOf('Payment', '1', paymentBody()))));
    for (const byte of byteByByte(bytes)) played.conversation.receive(byte);
    played.result(RESULT);
    expect(played.sent[0].SaleToPOIResponse.PaymentResponse.Response).toEqual({ Result: 'Success' });
  });

  test('a message without the wrapper is answered without it, and one in capitals in capitals', () => {
    const played = converse();
    const MessageHeader = headerOf('PAYMENT', '1', { MessageClass: 'SERVICE', MessageType: 'REQUEST' });
    played.send({ MessageHeader, PaymentRequest: paymentBody() });
    played.result(RESULT);
    expect(played.sent[0]).toMatchObject({
      MessageHeader: { MessageClass: 'SERVICE', MessageCategory: 'PAYMENT', MessageType: 'RESPONSE' },
      PaymentResponse: { Response: { Result: 'Success' } },
    });
  });

  test('an exchange is over when it is answered, and when it is certain that there is no answer', () => {
    const paid = converse({ framing: 'exchange' });
    paid.send(requestOf('Payment', '1', paymentBody()));
    expect(paid.finished).toEqual([]);
    paid.result(RESULT);
    expect(paid.finished.map(({ how }) => how)).toEqual(['ended']);
    const aborted = converse({ framing: 'exchange', memory: paid.end.memory });
    aborted.send(abortOf('2'));
    aborted.result({});
    expect(aborted.sent).toEqual(['nothing']);
    expect(aborted.finished.map(({ how }) => how)).toEqual(['ended']);
  });

  test('whose outcome is unknown ends without an answer', () => {
    const played = converse();
    played.send(requestOf('Payment', '1', paymentBody()));
    played.peer.close({ code: 'OUTCOME_UNKNOWN', text: 'x', by: 'us' });
    expect(played.sent).toEqual([]);
    expect(played.reports).toEqual(['closed OUTCOME_UNKNOWN']);
    expect(played.finished.map(({ reason }) => reason.code)).toEqual(['OUTCOME_UNKNOWN']);
    expect(played.result(RESULT)).toBe('closed');
  });
});
