import { describe, expect, test } from 'vitest';
import { RegisterMemory } from '../../../src/dialect/nexo/memory.ts';
import { askTerminal, PURCHASE } from './asking-kit.ts';
import { type Any, converse, paymentBody, requestOf } from './kit.ts';

const NAME = { TransactionID: 'ab1', TimeStamp: '2024-05-01T09:00:09.000Z' };
const RESULT = { amount: 123, currency: 'EUR', transaction_id: 'ab1', timestamp: NAME.TimeStamp };

const original = (more: object = {}) => ({
  OriginalPOITransaction: { POITransactionID: { ...NAME, ...more }, SaleID: 'POS1', POIID: 'V400m-1' },
});
const reversalOf = (ServiceID: string, more: object = {}) =>
  requestOf('Reversal', ServiceID, { ...original(), ReversalReason: 'CustCancel', ...more });

function paid(memory?: RegisterMemory, result: object = RESULT) {
  const played = converse(memory === undefined ? {} : { memory });
  played.send(requestOf('Payment', '1', paymentBody()));
  played.result(result);
  played.sent.splice(0);
  return played;
}

const responseIn = (message: Any) => message.SaleToPOIResponse.ReversalResponse;

describe("a register's Reversal", () => {
  test("undoes the payment that the terminal's own name means, as a transaction of its own", () => {
    const played = paid();
    played.send(reversalOf('2'));
    expect(played.last()).toMatchObject({
      method: 'Reversal',
      json: {
        receipt_id: '2',
        sequence_id: 'POS1',
        original_receipt_id: '1',
        original_sequence_id: 'POS1',
        amount: 123,
        currency: 'EUR',
        nexo: { ReversalReason: 'CustCancel' },
      },
    });
    played.result({ amount: 123, currency: 'EUR', transaction_id: 'r1', timestamp: NAME.TimeStamp });
    expect(responseIn(played.sent[0])).toEqual({
      Response: { Result: 'Success' },
      ...original(),
      POIData: { POITransactionID: { TransactionID: 'r1', TimeStamp: NAME.TimeStamp } },
      ReversedAmount: 1.23,
    });
  });

  test('names the amount that was taken, not the one that was asked for', () => {
    const played = paid(undefined, { ...RESULT, amount: 100 });
    played.send(reversalOf('2'));
    expect(played.last().json).toMatchObject({ amount: 100 });
  });

  test('of a part is asked for as that', () => {
    const played = paid();
    played.send(reversalOf('2', { ReversedAmount: 0.5 }));
    expect(played.last().json.amount).toBe(50);
  });

  test.each([
    ['more than was paid', { ReversedAmount: 1.24 }, 'MessageFormat'],
    ['nothing', { ReversedAmount: 0 }, 'MessageFormat'],
    ['what has no name', { OriginalPOITransaction: {} }, 'MessageFormat'],
    ['what nobody has paid', original({ TransactionID: 'ab2' }), 'NotFound'],
    ['a payment of that name at another time', original({ TimeStamp: '2024-05-02T09:00:09Z' }), 'NotFound'],
    [
      "another register's payment",
      { OriginalPOITransaction: { POITransactionID: NAME, SaleID: 'POS2' } },
      'NotFound',
    ],
  ])('of %s is refused, and nothing is asked', (_, more, condition) => {
    const played = paid();
    played.send(reversalOf('2', more));
    expect(played.requests).toHaveLength(1);
    expect(responseIn(played.sent[0]).Response.ErrorCondition).toBe(condition);
  });

  test('means the same moment, however its time is written', () => {
    const played = paid();
    played.send(reversalOf('2', original({ TimeStamp: '2024-05-01T12:00:09+03:00' })));
    expect(played.last().method).toBe('Reversal');
  });

  test('of a name that two payments have is refused', () => {
    const played = paid();
    played.send(requestOf('Payment', '2', paymentBody()));
    played.result(RESULT);
    played.send(reversalOf('3'));
    expect(responseIn(played.sent.at(-1)).Response).toMatchObject({
      ErrorCondition: 'NotFound',
      AdditionalResponse: expect.stringContaining('several'),
    });
  });

  test('after a restart wants the payment to be asked for first', () => {
    const played = converse({ memory: new RegisterMemory('V400m-1') });
    played.send(reversalOf('2'));
    expect(responseIn(played.sent[0]).Response.ErrorCondition).toBe('NotFound');
    const MessageReference = {
      MessageCategory: 'Payment',
      ServiceID: '1',
      SaleID: 'POS1',
      POIID: 'V400m-1',
    };
    played.send(requestOf('TransactionStatus', '3', { MessageReference }));
    played.result(RESULT);
    played.send(reversalOf('4'));
    expect(played.last().json).toMatchObject({ original_receipt_id: '1', amount: 123 });
  });

  test('is answered once more to a TransactionStatus that names it as a Reversal, and as nothing else', () => {
    const played = paid();
    played.send(reversalOf('2'));
    played.error('REVERSAL_REFUSED', 'reversed already', { outcome: 'not-charged' });
    const first = responseIn(played.sent[0]);
    expect(first.Response).toMatchObject({ Result: 'Failure', ErrorCondition: 'Refusal' });
    const ask = (ServiceID: string, MessageCategory: string) =>
      played.send(
        requestOf('TransactionStatus', ServiceID, {
          MessageReference: { MessageCategory, ServiceID: '2', SaleID: 'POS1', POIID: 'V400m-1' },
        }),
      );
    ask('3', 'Reversal');
    expect(played.last()).toMatchObject({
      method: 'Check',
      json: { receipt_id: '2', sequence_id: 'POS1' },
    });
    played.error('REVERSAL_REFUSED', 'reversed already', { outcome: 'not-charged' });
    const { RepeatedMessageResponse: repeated } = played.sent[1].SaleToPOIResponse.TransactionStatusResponse;
    expect(repeated.MessageHeader.MessageCategory).toBe('Reversal');
    expect(repeated.RepeatedResponseMessageBody.ReversalResponse).toEqual(first);
    const before = played.requests.length;
    ask('4', 'Payment');
    expect(played.requests).toHaveLength(before);
    expect(played.sent[2].SaleToPOIResponse.TransactionStatusResponse.Response.ErrorCondition).toBe(
      'MessageFormat',
    );
  });
});

test.each(['NotFound', 'Refusal', 'NotAllowed'])(
  'a terminal that says %s to a Reversal has undone nothing, and an Abort names a Reversal',
  async (ErrorCondition) => {
    const played = askTerminal();
    const paying = played.ask('Purchase', PURCHASE);
    played.respond(await played.asked('Payment'), {
      Response: { Result: 'Success' },
      POIData: { POITransactionID: NAME },
      PaymentResult: { AmountsResp: { AuthorizedAmount: 1.23 } },
    });
    await paying;
    const params = { receipt_id: 9, original_receipt_id: 123, original_sequence_id: 321 };
    const answer = played.ask('Reversal', { ...params, amount: 123, currency: 'EUR' });
    const asked = await played.asked('Reversal');
    await played.ask('Abort', { receipt_id: 9 });
    expect((await played.asked('Abort')).body.MessageReference.MessageCategory).toBe('Reversal');
    played.respond(asked, { Response: { Result: 'Failure', ErrorCondition } });
    expect((await answer).error.data).toMatchObject({
      string_code: 'REVERSAL_REFUSED',
      outcome: 'not-charged',
    });
  },
);

describe('totals', () => {
  const TOTALS = [
    { method: 'Purchase', card_scheme: 'VISA', currency: 'EUR', count: 2, amount: 246 },
    { method: 'Refund', card_scheme: 'VISA', currency: 'EUR', count: 1, amount: 100 },
    { method: 'Reversal', card_scheme: 'VISA', currency: 'EUR', count: 1, amount: 23 },
    { method: 'Purchase', card_scheme: 'MASTERCARD', currency: 'JPY', count: 900, amount: 450000000 },
  ];
  const WRITTEN = [
    {
      PaymentInstrumentType: 'Card',
      CardBrand: 'VISA',
      PaymentCurrency: 'EUR',
      PaymentTotals: [
        { TransactionType: 'Debit', TransactionCount: 2, TransactionAmount: 2.46 },
        { TransactionType: 'Credit', TransactionCount: 1, TransactionAmount: 1 },
        { TransactionType: 'ReverseDebit', TransactionCount: 1, TransactionAmount: 0.23 },
      ],
    },
    {
      PaymentInstrumentType: 'Card',
      CardBrand: 'MASTERCARD',
      PaymentCurrency: 'JPY',
      PaymentTotals: [{ TransactionType: 'Debit', TransactionCount: 900, TransactionAmount: 450000000 }],
    },
  ];

  test.each([
    ['GetTotals', { TotalDetails: ['POIID'], TotalFilter: { POIID: 'V400m-1' } }, {}, {}],
    [
      'Reconciliation',
      { ReconciliationType: 'SaleReconciliation' },
      { close: true },
      { ReconciliationType: 'SaleReconciliation' },
    ],
  ])('%s asks for them', (category, body, params, echoed) => {
    const played = converse();
    played.send(requestOf(category, '1', body));
    expect(played.last()).toMatchObject({ method: 'Totals', json: params });
    played.result({ period: 4, closed: true, totals: TOTALS });
    expect(played.sent[0].SaleToPOIResponse[`${category}Response`]).toEqual({
      Response: { Result: 'Success' },
      ...echoed,
      POIReconciliationID: '4',
      TransactionTotals: WRITTEN,
    });
  });

  test('of the period before are told again, and of no other', () => {
    const played = converse();
    const body = { ReconciliationType: 'PreviousReconciliation' };
    const answer = { period: 5, closed: false, totals: [], last_closed: { period: 4, totals: TOTALS } };
    const responseTo = (ServiceID: string, more: object) => {
      played.send(requestOf('Reconciliation', ServiceID, { ...body, ...more }));
      expect(played.last().json).toEqual({});
      played.result(answer);
      return played.sent.at(-1).SaleToPOIResponse.ReconciliationResponse;
    };
    expect(responseTo('1', {})).toMatchObject({ POIReconciliationID: '4', TransactionTotals: WRITTEN });
    expect(responseTo('2', { POIReconciliationID: '4' })).toMatchObject({ POIReconciliationID: '4' });
    expect(responseTo('3', { POIReconciliationID: '3' }).Response.ErrorCondition).toBe('NotFound');
  });

  test('of less than the terminal are refused, and other kinds of reconciliation pass as they are', () => {
    const played = converse();
    played.send(requestOf('GetTotals', '1', { TotalFilter: { SaleID: 'POS1' } }));
    expect(played.requests).toEqual([]);
    expect(played.sent[0].SaleToPOIResponse.GetTotalsResponse.Response.ErrorCondition).toBe(
      'UnavailableService',
    );
    played.send(requestOf('Reconciliation', '2', { ReconciliationType: 'AcquirerReconciliation' }));
    expect(played.last().method).toBe('nexo.Reconciliation');
  });

  test.each([
    [{}, 'GetTotals', false],
    [{ close: true }, 'Reconciliation', true],
  ])('are what a terminal is asked for with %o', async (params, category, closed) => {
    const played = askTerminal();
    const answer = played.ask('Totals', params);
    played.respond(await played.asked(category), {
      Response: { Result: 'Success' },
      POIReconciliationID: '4',
      TransactionTotals: WRITTEN,
    });
    expect((await answer).result).toMatchObject({ period: 4, closed, totals: TOTALS });
  });
});
