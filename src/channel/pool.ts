import type { EndpointKind } from '../endpoint/endpoint.ts';
import { displayEndpoint } from '../endpoint/expand.ts';
import type { Wire } from '../wire/wire.ts';
import type { Attachment } from './channel.ts';
import type { ChannelContext, ChannelKind, Want } from './kind.ts';
import { CHANNEL_KINDS } from './kinds.ts';

/** What a shared pool keeps: some kinds of endpoints, or all that do not name a connection. */
export type Keeps = 'by kind' | 'everything';

/**
 * Attachments by endpoint text: equal text is one attachment. A bridge's pool leaves to a `shared` one what outlives
 * the bridge: descriptors, named pipes and the simulator, which are one for the whole process; on a line that comes and
 * goes (`everything`) also the rest, except what names the connection. An attachment that nobody uses any more is
 * closed, except descriptors (they cannot be opened again), the simulator (it remembers) and those of a line.
 */
export class AttachmentPool {
  readonly #context: ChannelContext;
  readonly #kinds: ReadonlyMap<EndpointKind, ChannelKind>;
  readonly #shared: AttachmentPool | undefined;
  readonly #keeps: Keeps;
  readonly #attachments = new Map<string, Attachment>();
  readonly #closing = new Set<Promise<void>>();
  /** What was opened before its attachment was asked for. */
  readonly #prepared = new Map<string, Wire>();

  constructor(
    context: ChannelContext,
    shared?: AttachmentPool,
    keeps: Keeps = 'by kind',
    kinds: readonly ChannelKind[] = CHANNEL_KINDS,
  ) {
    this.#context = context;
    this.#kinds = new Map(kinds.map((row) => [row.kind, row]));
    this.#shared = shared;
    this.#keeps = keeps;
  }

  /** Whether a bridge's own pool leaves this one to us. */
  takes({ endpoint, isOwn }: Want): boolean {
    return this.#keeps === 'everything' ? !isOwn : this.#kindOf(endpoint.kind).isShared;
  }

  /** Opens what has to be there before anything starts. Rejects with a BridgeError where waiting cannot help. */
  async prepare(want: Want): Promise<void> {
    const { text, kind } = want.endpoint;
    if (this.#shared?.takes(want)) return this.#shared.prepare(want);
    if (this.#attachments.has(text)) return;
    const prepared = await this.#kindOf(kind).prepare?.(want, this.#context);
    if (prepared !== undefined) this.#prepared.set(text, prepared);
  }

  /** The attachment for an endpoint. Throws a BridgeError for what can never be attached. */
  get(want: Want): Attachment {
    const { text } = want.endpoint;
    if (this.#shared?.takes(want)) return this.#shared.get(want);
    const known = this.#attachments.get(text);
    if (known !== undefined) return known;
    const attachment = this.#create(want);
    this.#attachments.set(text, attachment);
    return attachment;
  }

  /** Closes every attachment; resolves when all is written and released, or given up. */
  async close(): Promise<void> {
    for (const attachment of this.#attachments.values()) this.#close(attachment);
    this.#attachments.clear();
    for (const wire of this.#prepared.values()) wire.destroy();
    await Promise.all(this.#closing);
  }

  #close(attachment: Attachment): void {
    const closing = attachment.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #create(want: Want): Attachment {
    const { endpoint, isOwn } = want;
    const kind = this.#kindOf(endpoint.kind);
    const stays = kind.isKept || (this.#keeps === 'everything' && !isOwn);
    const takePrepared = () => {
      const prepared = this.#prepared.get(endpoint.text);
      this.#prepared.delete(endpoint.text);
      return prepared;
    };
    const onUnused = () => {
      this.#attachments.delete(endpoint.text);
      this.#close(attachment);
    };
    const text = displayEndpoint(endpoint);
    const context = { ...this.#context, text, endpoint, ...(!stays && { onUnused }) };
    const attachment = kind.attach(want, context, takePrepared);
    return attachment;
  }

  #kindOf(kind: EndpointKind): ChannelKind {
    const row = this.#kinds.get(kind);
    if (row === undefined) throw new TypeError(`no channel can be attached to ${kind}:`);
    return row;
  }
}
