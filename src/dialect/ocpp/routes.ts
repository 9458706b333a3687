import type { ChannelName } from '../../base/channel-name.ts';
import { ACTIONS, type Action, actionRow, METHOD_PREFIX } from './actions.ts';

/** Where the messages of a charge point go. */
export const routes: Readonly<Record<string, ChannelName>> = Object.fromEntries(
  (Object.keys(ACTIONS) as Action[]).flatMap((action) => {
    const from = actionRow(action).fromChargePoint;
    return from === undefined ? [] : [[METHOD_PREFIX + action, from.channel]];
  }),
);
