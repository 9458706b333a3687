import type { ChannelName } from '../../base/channel-name.ts';
import type { TransactionRules } from '../dialect.ts';

/** Where a register's requests go. What is not listed goes to `payment`. */
export const routes: Readonly<Record<string, ChannelName>> = {
  Purchase: 'payment',
  Refund: 'payment',
  Reversal: 'payment',
  Totals: 'payment',
  Abort: 'payment',
  'nexo.*': 'payment',

  Check: 'storage',
  'nexo.Reconciliation': 'storage',
  'nexo.Admin': 'storage',

  DisplayScreen: 'ui',
  Print: 'ui',
  'nexo.Display': 'ui',
  'nexo.Input': 'ui',
  'nexo.InputUpdate': 'ui',
  'nexo.Print': 'ui',
  'nexo.Sound': 'ui',

  Status: 'device',
  TerminalInfo: 'device',
};

/** A payment is identified by the request that began it; nobody can mean it twice. */
export const transactions: TransactionRules = {
  methods: ['Purchase', 'Refund', 'Reversal'],
  scope: 'register',
  identity: ['receipt_id', 'sequence_id'],
  amount: 'amount',
  currency: 'currency',
  recovery: 'Check',
  refusesRepeats: true,
};
