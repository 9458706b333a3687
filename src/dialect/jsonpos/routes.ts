import type { ChannelName } from '../../base/channel-name.ts';
import type { TransactionRules } from '../dialect.ts';

/** Where JSONPOS methods go; `*` stands for any characters. What is not listed goes to `payment`. */
export const routes: Readonly<Record<string, ChannelName>> = {
  Purchase: 'payment',
  Refund: 'payment',
  Reversal: 'payment',
  Abort: 'payment',
  Totals: 'payment',

  Check: 'storage',
  '*Transactions': 'storage',

  'Display*': 'ui',
  'Print*': 'ui',
  '*Input': 'ui',

  Status: 'device',
  TerminalInfo: 'device',
  VersionInfo: 'device',
  Suspend: 'device',
  Test: 'device',
  'Network*': 'device',
  Data: 'device',
};

/** The requests that move money, and how their outcome is found again (integration guide, section 7). */
export const transactions: TransactionRules = {
  methods: ['Purchase', 'Refund', 'Reversal'],
  scope: 'register',
  identity: ['receipt_id', 'sequence_id'],
  amount: 'amount',
  currency: 'currency',
  isCompared: (name) => name === 'api_key' || name.startsWith('original_') || MONEY.test(name),
  recovery: 'Check',
  carried: ['api_key'],
};

/** `cashback_amount`, `tip`, `surchargeAmount`, … */
const MONEY =
  /amount|currency|cash_?back|surcharge|discount|gratuity|donation|(?:^|_)(?:tip|fee|vat|tax)(?:$|_)/i;
