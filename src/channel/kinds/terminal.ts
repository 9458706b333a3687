import type { ChannelKind } from '../kind.ts';
import { attachBuiltIn } from './built-in.ts';

/** A terminal that speaks a protocol of its own: its line stays open while connections come and go. */
export const terminalKind: ChannelKind<'terminal'> = {
  kind: 'terminal',
  isShared: true,
  isKept: true,
  prepare: async ({ endpoint }, { askTerminal }) => {
    await askTerminal(endpoint);
    return undefined;
  },
  attach: ({ endpoint }, context) => attachBuiltIn(context, () => context.askTerminal(endpoint)),
};
