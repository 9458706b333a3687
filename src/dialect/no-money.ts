import type { TransactionRules } from './dialect.ts';

/** The rules of a protocol, or of an end of one, that moves no money through the bridge. */
export const NO_MONEY: TransactionRules = {
  methods: [],
  scope: 'register',
  identity: [],
  amount: undefined,
  currency: undefined,
  recovery: undefined,
};
