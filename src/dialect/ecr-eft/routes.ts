import type { ChannelName } from '../../base/channel-name.ts';
import type { TransactionRules } from '../dialect.ts';

/** Where messages without a counterpart go; what is not listed goes to `payment`. */
export const routes: Readonly<Record<string, ChannelName>> = {
  Check: 'storage',
  'ecr-eft.M1': 'storage',
  'ecr-eft.K*': 'ui',
  'ecr-eft.D*': 'ui',
  'ecr-eft.L1': 'device',
};

/**
 * The wire has no request for a lost outcome, so the register repeats the payment; the bridge asks its application, as
 * it does for every register.
 */
export const transactions: TransactionRules = {
  methods: ['Purchase'],
  scope: 'register',
  identity: ['receipt_id', 'sequence_id'],
  amount: 'amount',
  currency: 'currency',
  isCompared: (name) => name === 'cashback_amount' || name === 'ecr-eft',
  recovery: 'Check',
};
