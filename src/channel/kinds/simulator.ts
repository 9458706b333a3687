import type { ChannelKind } from '../kind.ts';
import { attachBuiltIn } from './built-in.ts';

export const simulatorKind: ChannelKind<'simulator'> = {
  kind: 'simulator',
  isShared: true,
  isKept: true,
  attach: ({ endpoint }, context) => attachBuiltIn(context, () => context.simulate(endpoint.options)),
};
