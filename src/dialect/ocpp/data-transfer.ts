import { type ChannelName, isChannelName } from '../../base/channel-name.ts';

/** Where DataTransfer of which vendor goes. */
export interface DataTransferRule {
  /** `*`: any. */
  readonly vendorId: string;
  /** Undefined: any. */
  readonly messageId: string | undefined;
  readonly channel: ChannelName;
}

/**
 * Reads `VENDOR=CHANNEL`, `VENDOR/MESSAGE=CHANNEL` and `*=CHANNEL`, with commas between.
 *
 * @returns the text that cannot be read instead, where there is one.
 */
export function readDataTransfer(text: string): readonly DataTransferRule[] | { readonly wrong: string } {
  const rules: DataTransferRule[] = [];
  if (text === '') return rules;
  for (const part of text.split(',').map((part) => part.trim())) {
    const at = part.lastIndexOf('=');
    const channel = part.slice(at + 1);
    const [vendorId = '', ...message] = part.slice(0, Math.max(at, 0)).split('/');
    if (vendorId === '' || !isChannelName(channel)) return { wrong: part };
    rules.push({ vendorId, messageId: message.length === 0 ? undefined : message.join('/'), channel });
  }
  return rules;
}

/** The channel for a DataTransfer, else what the charge point is told. The most exact rule wins. */
export function channelOfData(
  rules: readonly DataTransferRule[],
  { vendorId, messageId }: { readonly vendorId: string; readonly messageId?: string },
): ChannelName | 'UnknownVendorId' | 'UnknownMessageId' {
  const ofVendor = rules.filter((rule) => rule.vendorId === vendorId);
  const rule =
    ofVendor.find((rule) => messageId !== undefined && rule.messageId === messageId) ??
    ofVendor.find((rule) => rule.messageId === undefined) ??
    rules.find((rule) => rule.vendorId === '*');
  if (rule !== undefined) return rule.channel;
  return ofVendor.length > 0 ? 'UnknownMessageId' : 'UnknownVendorId';
}
