import type { JetStreamApiError, JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { BridgeError, describeFault } from '../../base/errors.ts';
import type { NatsEndpoint } from '../../endpoint/endpoint.ts';
import type { NatsAccess } from '../../nats/access.ts';
import { connectNats } from '../../nats/connect.ts';

/** A majority that does not answer in this time is taken for none: the register hears so within 10 s. */
const ANSWER_MS = 4000;
/** How long a replica that need not be up to date has for its answer. */
const REPLICA_MS = 1500;

export interface BucketOptions {
  readonly endpoint: NatsEndpoint;
  readonly access: NatsAccess;
  /** A single server will do: it and its disk may take everything with them. */
  readonly allowSingle: boolean;
  /** People's tools make none. */
  readonly mustExist: boolean;
}

/** What a bucket has under a key. */
export interface Stored {
  readonly bytes: Buffer;
  readonly revision: number;
  /** By the clock of the server. */
  readonly storedMs: number;
}

interface Open {
  readonly nats: NatsConnection;
  readonly manager: JetStreamManager;
  readonly ApiError: typeof JetStreamApiError;
  /** What must not get lost. */
  readonly records: KV;
  /** What vanishes by itself when nobody renews it. */
  readonly leases: KV;
}

export type Which = 'records' | 'leases';

/**
 * Two buckets of JetStream on a connection that is made anew when it was lost. Writing names the revision that it
 * replaces, so of two who write at the same time exactly one wins; a write is acknowledged by a majority of the
 * replicas.
 *
 * A write that rejects may have taken place all the same, or may still: who needs to know reads.
 */
export class Buckets {
  readonly #options: BucketOptions;
  readonly #names: Readonly<Record<Which, string>>;
  /** What this process answers, by subject, on whichever connection it has. */
  readonly #answers = new Map<string, () => Uint8Array>();
  #open: Promise<Open> | undefined;
  /** The buckets are there; a minority that is connected to later could not say so. */
  #isFound = false;
  #isClosed = false;

  constructor(options: BucketOptions) {
    this.#options = options;
    const name = bucketName(options.endpoint.prefix);
    this.#names = { records: name, leases: `${name}_leases` };
  }

  /** Rejects with JOURNAL_OPEN_FAILED. */
  async open(): Promise<void> {
    try {
      await this.#connected();
    } catch (cause) {
      const { text } = this.#options.endpoint;
      const why = `the journal ${text} cannot be opened: ${describeFault(cause)}`;
      throw new BridgeError('JOURNAL_OPEN_FAILED', why, { cause });
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const open = await this.#open?.catch(() => undefined);
    await open?.nats.close();
  }

  /** As the leader has it. Undefined: nothing, or deleted. */
  async read(which: Which, key: string): Promise<Stored | undefined> {
    const entry = await (await this.#connected())[which].get(key);
    if (entry === null || entry.operation !== 'PUT') return undefined;
    return { bytes: Buffer.from(entry.value), revision: entry.revision, storedMs: entry.created.getTime() };
  }

  /** Whether any replica that answers has it, also without a majority. Rejects where none answers. */
  async isOnReplica(key: string): Promise<boolean> {
    const { manager } = await this.#connected();
    const bucket = this.#names.records;
    const { JetStreamApiError } = await import('@nats-io/jetstream');
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('no replica answers')), REPLICA_MS).unref();
    });
    try {
      const subject = `$KV.${bucket}.${key}`;
      const message = await Promise.race([
        manager.direct.getMessage(`KV_${bucket}`, { last_by_subj: subject }),
        late,
      ]);
      return message !== null && message.header.get('KV-Operation') === '';
    } catch (fault) {
      if (fault instanceof JetStreamApiError && fault.status === 404) return false;
      throw fault;
    }
  }

  /** Undefined: there is something already. */
  async create(which: Which, key: string, bytes: Uint8Array): Promise<number | undefined> {
    return this.#won(async (open) => open[which].create(key, bytes));
  }

  /** Undefined: the revision is not the last one any more. */
  async update(which: Which, key: string, bytes: Uint8Array, revision: number): Promise<number | undefined> {
    return this.#won(async (open) => open[which].update(key, bytes, revision, ANSWER_MS));
  }

  async put(which: Which, key: string, bytes: Uint8Array): Promise<number> {
    return (await this.#connected())[which].put(key, bytes, { timeout: ANSWER_MS });
  }

  /** False: the revision is not the last one any more. */
  async remove(which: Which, key: string, revision: number): Promise<boolean> {
    const removed = await this.#won(async (open) => {
      await open[which].delete(key, { previousSeq: revision });
      return revision;
    });
    return removed !== undefined;
  }

  /** Every key that matches, also of what was deleted. */
  async keys(which: Which, pattern: string): Promise<string[]> {
    const { manager } = await this.#connected();
    const bucket = this.#names[which];
    const start = `$KV.${bucket}.`;
    const info = await manager.streams.info(`KV_${bucket}`, { subjects_filter: `${start}${pattern}` });
    return Object.keys(info.state.subjects ?? {}).map((subject) => subject.slice(start.length));
  }

  /** Forgets all that was ever under a key. */
  async forget(which: Which, key: string): Promise<void> {
    const { manager } = await this.#connected();
    const bucket = this.#names[which];
    await manager.streams.purge(`KV_${bucket}`, { filter: `$KV.${bucket}.${key}` });
  }

  /** The first words of subjects that belong to this journal. */
  get subjectStart(): string {
    return this.#options.endpoint.prefix;
  }

  /** Answers other processes that ask on this subject, from the next connection on where there is none. */
  answerOn(subject: string, answer: () => Uint8Array): void {
    this.#answers.set(subject, answer);
    void this.#open?.then(({ nats }) => listen(nats, subject, answer)).catch(() => {});
  }

  /** Undefined: nobody has answered. */
  async ask(subject: string, timeoutMs: number): Promise<Buffer | undefined> {
    const { nats } = await this.#connected();
    try {
      return Buffer.from((await nats.request(subject, undefined, { timeout: timeoutMs })).data);
    } catch {
      return undefined;
    }
  }

  async #won(write: (open: Open) => Promise<number>): Promise<number | undefined> {
    const open = await this.#connected();
    try {
      return await write(open);
    } catch (fault) {
      if (fault instanceof open.ApiError && WRONG_REVISION.has(fault.code)) return undefined;
      throw fault;
    }
  }

  async #connected(): Promise<Open> {
    if (this.#isClosed) throw new Error('the journal is closed');
    const open = this.#open ?? this.#connect();
    this.#open = open;
    try {
      const { nats } = await open;
      if (!nats.isClosed()) return await open;
    } catch (fault) {
      if (this.#open === open) this.#open = undefined;
      throw fault;
    }
    if (this.#open === open) this.#open = undefined;
    return this.#connected();
  }

  async #connect(): Promise<Open> {
    const { endpoint, access } = this.#options;
    const nats = await connectNats(endpoint, access);
    try {
      const [{ jetstream, JetStreamApiError: ApiError, StorageType }, { Kvm }] = await Promise.all([
        import('@nats-io/jetstream'),
        import('@nats-io/kv'),
      ]);
      const client = jetstream(nats, { timeout: ANSWER_MS });
      const manager = await client.jetstreamManager(false);
      const buckets = new Kvm(client);
      // On the disk although it lasts for seconds: replicas in memory that are restarted one after the other may never
      // agree again.
      const leased = { history: 1, storage: StorageType.File, ttl: LEASE_MS };
      const kept = { history: HISTORY, storage: StorageType.File };
      if (!this.#isFound) {
        await patiently(() => this.#findOrMake(manager, buckets, this.#names.records, kept));
        await patiently(() => this.#findOrMake(manager, buckets, this.#names.leases, leased));
        this.#isFound = true;
      }
      const openOne = (name: string) => buckets.open(name, { allow_direct: false }); // the leader knows what is new
      const [records, leases] = await Promise.all([
        openOne(this.#names.records),
        openOne(this.#names.leases),
      ]);
      for (const [subject, answer] of this.#answers) listen(nats, subject, answer);
      return { nats, manager, ApiError, records, leases };
    } catch (fault) {
      await nats.close();
      throw fault;
    }
  }

  async #findOrMake(
    manager: JetStreamManager,
    buckets: { create(name: string, options: object): Promise<KV> },
    name: string,
    more: object,
  ): Promise<void> {
    const replicas = await replicasOf(manager, name);
    if (replicas !== undefined) {
      this.#checkReplicas(replicas);
      return;
    }
    const { mustExist, allowSingle } = this.#options;
    if (mustExist) throw new Error('there is no such journal');
    const make = (replicas: number) => buckets.create(name, { ...more, replicas, allow_direct: true });
    try {
      await make(REPLICAS);
    } catch (fault) {
      if (!allowSingle) {
        throw new Error(`${REPLICAS} replicas cannot be had (${describeFault(fault)}); ${SINGLE}`, {
          cause: fault,
        });
      }
      await make(1);
    }
  }

  #checkReplicas(replicas: number): void {
    if (replicas >= REPLICAS || this.#options.allowSingle) return;
    throw new Error(`it has ${replicas === 1 ? 'one replica' : `${replicas} replicas`} only; ${SINGLE}`);
  }
}

function listen(nats: NatsConnection, subject: string, answer: () => Uint8Array): void {
  nats.subscribe(subject, {
    callback: (fault, message) => {
      if (fault === null) message.respond(answer());
    },
  });
}

/**
 * Servers that have just begun, or machines that make the same bucket at once, may take longer to agree than one
 * question lasts.
 */
async function patiently(task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (fault) {
    if (!isTimeout(fault)) throw fault;
    await task();
  }
}

function isTimeout(fault: unknown): boolean {
  return fault instanceof Error && (fault.name === 'TimeoutError' || isTimeout(fault.cause));
}

async function replicasOf(manager: JetStreamManager, bucket: string): Promise<number | undefined> {
  const { JetStreamApiError } = await import('@nats-io/jetstream');
  try {
    return (await manager.streams.info(`KV_${bucket}`)).config.num_replicas;
  } catch (fault) {
    if (fault instanceof JetStreamApiError && fault.code === NO_STREAM) return undefined;
    throw fault;
  }
}

/** The names of buckets have letters, digits, dashes and underscores only; different prefixes have different ones. */
function bucketName(prefix: string): string {
  return prefix.replace(
    /[^A-Za-z0-9-]/g,
    (character) => `_${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** What is not renewed is gone after this time. */
export const LEASE_MS = 5000;
const REPLICAS = 3;
const HISTORY = 16;
const SINGLE = 'set up three servers, or say --allow-single where losing it with one server is acceptable';
const NO_STREAM = 10_059;
const WRONG_REVISION: ReadonlySet<number> = new Set([10_071, 10_164]);
