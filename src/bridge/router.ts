import type { ChannelName } from '../base/channel-name.ts';
import type { Attachment, Channels } from '../channel/channel.ts';

/** `METHOD` may contain `*`, which stands for any characters. */
export interface Route {
  readonly method: string;
  readonly channel: ChannelName;
}

/**
 * Finds the attachment for a method: the operator's routes first (of several that match the last given wins), then
 * the dialect's (a plain name before a pattern), else `payment`. A channel that is not attached or cannot be written
 * falls back to `payment`.
 */
export class Router {
  readonly #channels: Channels;
  readonly #own: readonly Route[];
  readonly #table: Readonly<Record<string, ChannelName>>;
  readonly #patterns: readonly Route[];
  /** Of methods seen before: a lookup instead of a match of every pattern (0.9 µs, a tenth of a short message). */
  readonly #known = new Map<string, ChannelName>();

  constructor(channels: Channels, own: readonly Route[], table: Readonly<Record<string, ChannelName>>) {
    this.#channels = channels;
    this.#own = [...own].reverse();
    this.#table = table;
    this.#patterns = Object.entries(table)
      .map(([method, channel]) => ({ method, channel }))
      .filter((route) => route.method.includes('*'));
  }

  channelOf(method: string): ChannelName {
    const known = this.#known.get(method);
    if (known !== undefined) return known;
    const channel = this.#find(method);
    // A peer can invent names: what is remembered is bounded.
    if (this.#known.size === MAX_KNOWN) this.#known.clear();
    this.#known.set(method, channel);
    return channel;
  }

  #find(method: string): ChannelName {
    const own = this.#own.find((route) => matches(route.method, method));
    if (own !== undefined) return own.channel;
    const listed = Object.hasOwn(this.#table, method) ? this.#table[method] : undefined;
    return listed ?? this.#patterns.find((route) => matches(route.method, method))?.channel ?? 'payment';
  }

  /** Undefined when nothing that could take the method is attached. */
  attachmentFor(method: string): Attachment | undefined {
    return this.writable(this.channelOf(method)) ?? this.writable('payment');
  }

  /** The channel's attachment if it can be written. */
  writable(channel: ChannelName): Attachment | undefined {
    const attachment = this.#channels.get(channel);
    return attachment?.canWrite === true ? attachment : undefined;
  }
}

const MAX_KNOWN = 64;

/** Linear in the text for a pattern of few stars: greedy from the left, the last piece anchored at the end. */
export function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === text;
  if (text.length < first.length + last.length) return false;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return at <= text.length - last.length;
}
