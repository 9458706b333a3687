import type { Clock } from '../base/clock.ts';
import type { Environment } from '../base/lock-directory.ts';
import type { Logger } from '../base/log.ts';
import type { Statistics } from '../base/statistics.ts';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { displayEndpoint } from '../endpoint/expand.ts';
import { accessOf, openFdWire } from '../wire/fd.ts';
import { memoryWirePair } from '../wire/memory.ts';
import { connectWire } from '../wire/socket.ts';
import type { Wire } from '../wire/wire.ts';
import { StreamAttachment } from './attachment.ts';
import type { Attachment } from './channel.ts';
import { NullAttachment } from './null-attachment.ts';

export interface PoolOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  readonly random: () => number;
  readonly env: Environment;
  /** The program behind `simulator:`, handed in from above: takes its end of a wire. */
  readonly simulate: (options: Readonly<Record<string, string>>) => Promise<(wire: Wire) => void>;
}

/** What a channel wants of an endpoint: a named pipe is read for `device`, written for the others. */
export interface Want {
  readonly endpoint: Endpoint;
  readonly direction: 'both' | 'read';
  /** Whether the named pipe that is read is this connection's own, to be created and removed. */
  readonly creates: boolean;
  /** Whether the endpoint names the connection, so that no other will ever have the same. */
  readonly isOwn: boolean;
}

/** What a shared pool keeps: some kinds of endpoints, or all that do not name a connection. */
export type Keeps = 'by kind' | 'everything';

/** How an endpoint is reached. */
interface Reach {
  readonly canWrite: boolean;
  readonly canRead: boolean;
  readonly reopens: boolean;
  open(): Promise<Wire>;
}

/**
 * Attachments by endpoint text: equal text is one attachment. A bridge's pool leaves to a `shared` one what outlives
 * the bridge: descriptors, named pipes and the simulator, which are one for the whole process; on a line that comes and goes
 * (`everything`) also the rest, except what names the connection. An attachment that nobody uses any more is
 * closed, except descriptors (they cannot be opened again), the simulator (it remembers) and those of a line.
 */
export class AttachmentPool {
  readonly #options: PoolOptions;
  readonly #shared: AttachmentPool | undefined;
  readonly #keeps: Keeps;
  readonly #attachments = new Map<string, Attachment>();
  readonly #closing = new Set<Promise<void>>();
  /** Named pipes opened for reading before their attachment was asked for. */
  readonly #readers = new Map<string, Wire>();

  constructor(options: PoolOptions, shared?: AttachmentPool, keeps: Keeps = 'by kind') {
    this.#options = options;
    this.#shared = shared;
    this.#keeps = keeps;
  }

  /** Whether a bridge's own pool leaves this one to us. */
  takes({ endpoint, isOwn }: Want): boolean {
    return this.#keeps === 'everything' ? !isOwn : SHARED_KINDS.has(endpoint.kind);
  }

  /**
   * Opens what must be there before anything starts. Rejects with a BridgeError where waiting cannot help: a named pipe that
   * somebody else reads.
   */
  async prepare(want: Want): Promise<void> {
    const { endpoint } = want;
    if (this.#shared?.takes(want)) return this.#shared.prepare(want);
    if (endpoint.kind !== 'fifo' || want.direction !== 'read' || this.#attachments.has(endpoint.text)) return;
    this.#readers.set(endpoint.text, await openReader(endpoint.path, want.creates));
  }

  /** The attachment for an endpoint. Throws a BridgeError for a descriptor that was not inherited. */
  get(want: Want): Attachment {
    const { endpoint } = want;
    if (this.#shared?.takes(want)) return this.#shared.get(want);
    const known = this.#attachments.get(endpoint.text);
    if (known !== undefined) return known;
    const attachment = endpoint.kind === 'null' ? new NullAttachment() : this.#create(want);
    this.#attachments.set(endpoint.text, attachment);
    return attachment;
  }

  /** Closes every attachment; resolves when all is written and released, or given up. */
  async close(): Promise<void> {
    for (const attachment of this.#attachments.values()) this.#close(attachment);
    this.#attachments.clear();
    for (const wire of this.#readers.values()) wire.destroy();
    await Promise.all(this.#closing);
  }

  #close(attachment: Attachment): void {
    const closing = attachment.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #create(want: Want): Attachment {
    const { endpoint } = want;
    const { clock, log, statistics, random } = this.#options;
    const attachment: Attachment = new StreamAttachment({
      text: displayEndpoint(endpoint),
      clock,
      log,
      statistics,
      random,
      ...this.#reach(want),
      ...(!this.#isKept(want) && {
        onUnused: () => {
          this.#attachments.delete(endpoint.text);
          this.#close(attachment);
        },
      }),
    });
    return attachment;
  }

  /** Whether its attachment stays when nobody uses it. */
  #isKept({ endpoint, isOwn }: Want): boolean {
    return KEPT_KINDS.has(endpoint.kind) || (this.#keeps === 'everything' && !isOwn);
  }

  #reach({ endpoint, direction, creates }: Want): Reach {
    const both = { canWrite: true, canRead: true, reopens: true };
    switch (endpoint.kind) {
      case 'fd': {
        const canWrite = accessOf(endpoint.write) !== 'read';
        const canRead = accessOf(endpoint.read) !== 'write';
        const wire = openFdWire(
          { ...(canRead && { read: endpoint.read }), ...(canWrite && { write: endpoint.write }) },
          { clock: this.#options.clock },
        );
        return { canWrite, canRead, reopens: false, open: async () => wire };
      }
      case 'fifo':
        if (direction === 'both') {
          return { ...both, canRead: false, open: () => openWriter(endpoint.path, this.#options) };
        }
        return {
          ...both,
          canWrite: false,
          open: async () => {
            const ready = this.#readers.get(endpoint.text);
            this.#readers.delete(endpoint.text);
            return ready ?? openReader(endpoint.path, creates);
          },
        };
      case 'simulator': {
        const { simulate } = this.#options;
        let attach: Promise<(wire: Wire) => void> | undefined;
        const open = async () => {
          attach ??= simulate(endpoint.options);
          attach.catch(() => {
            attach = undefined; // the next attempt may find its folder free
          });
          const join = await attach;
          const [ours, theirs] = memoryWirePair();
          join(theirs);
          return ours;
        };
        return { ...both, open };
      }
      case 'unix':
      case 'tcp':
        return { ...both, open: () => connectWire(endpoint, { timeoutMs: CONNECT_MS }) };
      default:
        throw new TypeError(`no channel can be attached to ${endpoint.kind}:`);
    }
  }
}

const CONNECT_MS = 5000;
const SHARED_KINDS: ReadonlySet<Endpoint['kind']> = new Set(['fd', 'fifo', 'simulator']);
const KEPT_KINDS: ReadonlySet<Endpoint['kind']> = new Set(['fd', 'simulator']);

// Named pipes are loaded only where one is used.

async function openWriter(path: string, options: PoolOptions): Promise<Wire> {
  const { openFifoWriter } = await import('./fifo.ts');
  return openFifoWriter(path, options);
}

async function openReader(path: string, creates: boolean): Promise<Wire> {
  const { openFifoReader } = await import('./fifo.ts');
  return openFifoReader(path, { create: creates });
}
