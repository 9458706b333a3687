import type { ChannelKind } from '../kind.ts';
import { NullAttachment } from '../null-attachment.ts';

export const nullKind: ChannelKind<'null'> = {
  kind: 'null',
  isShared: false,
  isKept: false,
  attach: () => new NullAttachment(),
};
