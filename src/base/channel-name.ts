/** The four channels, in the order in which people list them. */
export const CHANNEL_NAMES = ['ui', 'payment', 'storage', 'device'] as const;
export type ChannelName = (typeof CHANNEL_NAMES)[number];

export function isChannelName(text: string): text is ChannelName {
  return (CHANNEL_NAMES as readonly string[]).includes(text);
}
