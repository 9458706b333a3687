/** What vendors of nexo Retailer write differently. We read every variant; what we write follows the row. */
export interface Vendor {
  /** `MessageHeader.ProtocolVersion`, and whether every message carries it or the Login alone. */
  readonly version: string;
  readonly versionIn: 'all' | 'login';
  /** Header and body stand in `SaleToPOIRequest` or `SaleToPOIResponse`; else side by side. */
  readonly isWrapped: boolean;
  /** How messages are protected where there are keys. */
  readonly security: 'none' | 'nexo-blob' | 'mac';
  /** The name of the masked card number in `CardData`. */
  readonly maskedPan: 'MaskedPan' | 'MaskedPAN';
  /** The name of the software's maker in `SaleSoftware` and `POISoftware`. */
  readonly maker: 'ManufacturerID' | 'ProviderIdentification';
  /** `RepeatedMessageResponse` holds the answer in a `RepeatedResponseMessageBody`, or directly. */
  readonly repeatedIn: 'body' | 'direct';
  /** `DisplayRequest.DisplayOutput` is an array. */
  readonly hasDisplayArray: boolean;
  /** `EventToNotify` for an Abort that came too late. */
  readonly completed: 'Completed' | 'CompletedMessage';
  /** Nothing but Login is taken before a Login. */
  readonly needsLogin: boolean;
  /** How an earlier payment is undone: by a Reversal, or by a Payment of type Refund that names it. */
  readonly reversal: 'reversal' | 'refund';
  /** The terminal holds its answer to TransactionStatus until the payment has ended: no pause between two. */
  readonly holdsStatus: boolean;
  /** The common names that a terminal's certificate may have instead of the host's name; `{POIID}` is filled in. */
  readonly commonNames: readonly string[] | undefined;
}

const PLAIN: Vendor = {
  version: '3.1',
  versionIn: 'all',
  isWrapped: true,
  security: 'none',
  maskedPan: 'MaskedPAN',
  maker: 'ProviderIdentification',
  repeatedIn: 'direct',
  hasDisplayArray: true,
  completed: 'Completed',
  needsLogin: true,
  reversal: 'reversal',
  holdsStatus: false,
  commonNames: undefined,
};

const ROWS = {
  plain: PLAIN,
  adyen: {
    ...PLAIN,
    version: '3.0',
    security: 'nexo-blob',
    maskedPan: 'MaskedPan',
    maker: 'ManufacturerID',
    repeatedIn: 'body',
    needsLogin: false,
    holdsStatus: true,
    commonNames: [
      '{POIID}.live.terminal.adyen.com',
      '{POIID}.test.terminal.adyen.com',
      'legacy-terminal-certificate.live.terminal.adyen.com',
      'legacy-terminal-certificate.test.terminal.adyen.com',
    ],
  },
  datamesh: {
    ...PLAIN,
    version: '3.1-dmg',
    versionIn: 'login',
    security: 'mac',
    repeatedIn: 'body',
    hasDisplayArray: false,
    completed: 'CompletedMessage',
    reversal: 'refund',
  },
} as const satisfies Readonly<Record<string, Vendor>>;

export const VENDORS: ReadonlyMap<string, Vendor> = new Map(Object.entries(ROWS));
