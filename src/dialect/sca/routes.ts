import type { ChannelName } from '../../base/channel-name.ts';
import type { TransactionRules } from '../dialect.ts';
import { COMMANDS } from './commands.ts';

const NAMED = Object.entries(COMMANDS).flatMap(([functionType, commands]) =>
  Object.entries(commands).map(([command, rules]) => ({ method: methodOf(functionType, command), rules })),
);

/** The name on the channels of a command that the vocabulary does not have. */
export function methodOf(functionType: string, command: string): string {
  return `sca.${functionType}.${command}`;
}

/**
 * Where methods go; a command that the specification does not name goes where its FUNCTION_TYPE does, else to `device`.
 */
export const routes: Readonly<Record<string, ChannelName>> = {
  Purchase: 'payment',
  Refund: 'payment',
  Abort: 'payment',
  Check: 'storage',
  Status: 'device',
  TextInput: 'ui',
  ...Object.fromEntries(NAMED.map(({ method, rules }) => [method, rules.channel])),
  'sca.LINE_ITEM.*': 'ui',
  'sca.DEVICE.*': 'ui',
  'sca.SAF.*': 'storage',
  'sca.REPORT.*': 'storage',
  'sca.*': 'device',
};

/**
 * A payment is identified by its session and its POS_RECON, which the answering end puts into `receipt_id` and
 * `sequence_id`. A repeated one is told that it is, and never gets a stored approval: the register has LAST_TRAN for
 * that.
 */
export const transactions: TransactionRules = {
  methods: [
    'Purchase',
    'Refund',
    ...NAMED.filter(({ rules }) => rules.movesMoney).map(({ method }) => method),
  ],
  scope: 'register',
  identity: ['receipt_id', 'sequence_id'],
  amount: 'amount',
  currency: 'currency',
  recovery: 'Check',
  refusesRepeats: true,
};
