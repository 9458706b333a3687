import type { ListeningDemo } from '../demo.ts';

const PAYMENT = {
  SaleData: { SaleTransactionID: { TransactionID: '17-1', TimeStamp: '2026-01-01T12:00:00Z' } },
  PaymentTransaction: { AmountsReq: { Currency: 'EUR', RequestedAmount: 9.28 } },
};
const STATUS = {
  MessageReference: { MessageCategory: 'Payment', ServiceID: '1', SaleID: 'till-1', POIID: 'POI-1' },
};

export const demo: ListeningDemo = {
  kind: 'listening',
  listen: 'http://127.0.0.1:8081/nexo',
  whatToTry: (address) => `In another window, pay 9.28 EUR:

  ${posted(address, 'Payment', '1', PAYMENT)}

and ask what became of it, as a register does whose answer was lost:

  ${posted(address, 'TransactionStatus', '2', STATUS)}

The same ServiceID again is refused, never paid again: a register counts them. Or be the register with posbridge:

  posbridge pos purchase 12.30 EUR --to 'nexo+${address}?poi=POI-1&sale=till-2'`,
};

function posted(address: string, category: string, ServiceID: string, body: object): string {
  const MessageHeader = {
    ProtocolVersion: '3.1',
    MessageClass: 'Service',
    MessageCategory: category,
    MessageType: 'Request',
    ServiceID,
    SaleID: 'till-1',
    POIID: 'POI-1',
  };
  const message = { SaleToPOIRequest: { MessageHeader, [`${category}Request`]: body } };
  return `curl -s ${address} -H 'Content-Type: application/json' -d '${JSON.stringify(message)}'`;
}
