import type { ChannelName } from '../../base/channel-name.ts';
import type { TransactionRules } from '../dialect.ts';
import { ACTIONS, type Action, actionRow, METHOD_PREFIX } from './actions.ts';

/** Where the messages of a charge point go. */
export const routes: Readonly<Record<string, ChannelName>> = Object.fromEntries(
  (Object.keys(ACTIONS) as Action[]).flatMap((action) => {
    const from = actionRow(action).fromChargePoint;
    return from === undefined ? [] : [[METHOD_PREFIX + action, from.channel]];
  }),
);

/**
 * None of the bridge's own: who charges, and how much, is kept in this dialect's database, where a repeated message is
 * known by its content for as long as charge points repeat it.
 */
export const transactions: TransactionRules = { methods: [], identity: [], amount: '', currency: '' };
