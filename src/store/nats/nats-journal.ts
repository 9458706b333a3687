import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { maskText } from '../../base/mask.ts';
import type { NatsEndpoint } from '../../endpoint/endpoint.ts';
import type { NatsAccess } from '../../nats/access.ts';
import { ageOf, type Moment } from '../age.ts';
import { groupStart } from '../entry-id.ts';
import type { Lookup, Outcome, StoredEntry } from '../entry-state.ts';
import type { JournalRecord, SentRecord } from '../journal-record.ts';
import type { TransactionLock } from '../lock.ts';
import { type OwnedEntry, stamped } from '../owned-entry.ts';
import type { TransactionJournal } from '../transaction-journal.ts';
import { Buckets, type Stored } from './bucket.ts';
import {
  decodeEntry,
  type EntryValue,
  encodeEntry,
  isNothing,
  lookupOf,
  readRecords,
  storedEntry,
} from './entry-value.ts';
import { Leases } from './leases.ts';
import { LooseEnds } from './loose-ends.ts';
import { NatsEntry } from './nats-entry.ts';
import { NatsLock } from './terminal-lock.ts';

export interface NatsJournalOptions {
  readonly endpoint: NatsEndpoint;
  readonly access: NatsAccess;
  readonly allowSingle: boolean;
  readonly mustExist?: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long an ended transaction keeps its identifiers. */
  readonly keepMs: number;
}

const KEY_BYTES = 32;
const KEY = 'compare-key';

/**
 * A journal on a cluster of NATS servers: a bucket with a key for each entry, whose value is all of its records. An
 * entry is made where there is none (of two processes exactly one makes it), and changed only from the revision that
 * its writer knows.
 *
 * Who is at an entry is a hint, a name in it whose lease may have run out. That decides who asks the application, never
 * what is recorded: see `NatsEntry`.
 */
export class NatsJournal implements TransactionJournal {
  readonly text: string;
  readonly carriers: Leases;
  readonly #options: NatsJournalOptions;
  readonly #buckets: Buckets;
  readonly #looseEnds: LooseEnds;
  readonly #lock: NatsLock;
  #key: Promise<Buffer> | undefined;

  private constructor(options: NatsJournalOptions) {
    this.#options = options;
    this.text = maskText(options.endpoint.text);
    this.#buckets = new Buckets({ ...options, mustExist: options.mustExist ?? false });
    this.carriers = new Leases(this.#buckets, options.clock);
    this.#looseEnds = new LooseEnds({ ...options, buckets: this.#buckets, owner: this.carriers.token });
    this.#lock = new NatsLock({
      text: this.text,
      buckets: this.#buckets,
      clock: options.clock,
      token: this.carriers.token,
    });
  }

  /** Finds the bucket, or makes it with three replicas. Rejects with JOURNAL_OPEN_FAILED. */
  static async open(options: NatsJournalOptions): Promise<NatsJournal> {
    const journal = new NatsJournal(options);
    await journal.#buckets.open();
    return journal;
  }

  async openLock(): Promise<TransactionLock> {
    return this.#lock.open();
  }

  async checkPlace(): Promise<void> {}

  async close(): Promise<void> {
    this.#looseEnds.close();
    await this.#lock.close();
    await this.carriers.close();
    await this.#buckets.close();
  }

  async fingerprint(text: string): Promise<string> {
    this.#key ??= this.compareKey();
    try {
      return createHmac('sha256', await this.#key)
        .update(text)
        .digest('hex');
    } catch (fault) {
      this.#key = undefined;
      throw fault;
    }
  }

  async compareKey(own: Buffer = randomBytes(KEY_BYTES)): Promise<Buffer> {
    await this.#buckets.create('records', KEY, own);
    const stored = await this.#buckets.read('records', KEY);
    if (stored?.bytes.length === KEY_BYTES) return stored.bytes;
    throw new Error(`the key ${KEY} of the journal is damaged`);
  }

  async siblings(id: string): Promise<string[]> {
    return (await this.#buckets.keys('records', `${keyOf(groupStart(id))}*`)).map(idIn);
  }

  async lookup(id: string): Promise<Lookup> {
    const stored = await this.#buckets.read('records', keyOf(id));
    if (stored === undefined) return { state: 'none' };
    const value = decodeEntry(stored.bytes);
    if (isNothing(value)) return { state: 'none' };
    if (await this.#isOwned(id, value)) {
      const sent = value === undefined ? undefined : readRecords(value.records).sent;
      return { state: 'running', ...(sent !== undefined && { sent }), isOver: false };
    }
    const lookup = lookupOf(value);
    if (lookup.state !== 'done' || !this.isOlder(lookup.done, this.#options.keepMs)) return lookup;
    await this.#buckets.remove('records', keyOf(id), stored.revision);
    return { state: 'none' };
  }

  async begin(
    id: string,
    sent: SentRecord,
    done?: Outcome,
    contradiction?: Outcome,
  ): Promise<OwnedEntry | 'exists'> {
    const { clock } = this.#options;
    const records: JournalRecord[] = [sent];
    if (done !== undefined) records.push(stamped({ ...done, state: 'done' }, clock));
    if (contradiction !== undefined)
      records.push(stamped({ ...contradiction, state: 'contradicted' }, clock));
    const isOver = done !== undefined;
    const value = { owner: isOver ? undefined : this.carriers.token, mark: randomUUID(), records };
    const letGo = isOver ? () => {} : () => this.carriers.letGo(id);
    let revision: number | undefined;
    try {
      const held = isOver ? undefined : this.carriers.hold(id);
      [revision] = await Promise.all([this.#buckets.create('records', keyOf(id), encodeEntry(value)), held]);
      revision ??= await this.#inPlaceOfNothing(id, value);
    } catch (fault) {
      void this.#looseEnds.takeBack(keyOf(id), value.mark).then(letGo);
      throw fault;
    }
    if (revision !== undefined) return this.#own(id, value, revision, [sent], letGo);
    letGo();
    return 'exists';
  }

  async claim(id: string): Promise<OwnedEntry | undefined> {
    const stored = await this.#buckets.read('records', keyOf(id));
    const value = stored === undefined ? undefined : decodeEntry(stored.bytes);
    if (stored === undefined || value === undefined || (await this.#isOwned(id, value))) return undefined;
    const isOver = lookupOf(value).state === 'done';
    const own = isOver ? value : { ...value, owner: this.carriers.token, mark: randomUUID() };
    const letGo = () => this.carriers.letGo(id);
    let { revision }: { revision: number | undefined } = stored;
    try {
      await this.carriers.hold(id);
      if (!isOver) {
        revision = await this.#buckets.update('records', keyOf(id), encodeEntry(own), stored.revision);
      }
    } catch (fault) {
      letGo();
      void this.#looseEnds.release(keyOf(id), () => this.carriers.isHeld(id), stored.revision);
      throw fault;
    }
    if (revision !== undefined) return this.#own(id, own, revision, own.records, letGo);
    letGo();
    return undefined;
  }

  async hasEntry(id: string): Promise<boolean> {
    const stored = await this.#buckets.read('records', keyOf(id)).catch(() => undefined);
    return stored !== undefined;
  }

  /**
   * Without a majority, a replica that is left knows of everything but what was acknowledged in the last moment. What
   * we have perhaps made ourselves is taken back, and was handed over to nobody.
   */
  async mayHaveEntry(id: string): Promise<boolean> {
    if (this.#looseEnds.isDoubtful(keyOf(id))) return false;
    return this.#buckets.isOnReplica(keyOf(id)).catch(() => true);
  }

  isBeginning(id: string): Promise<boolean> {
    return this.hasEntry(id);
  }

  async carried(id: string, connection: string): Promise<void> {
    const entry = await this.claim(id);
    if (entry instanceof NatsEntry) await entry.noteCarrier(connection);
    await entry?.release();
  }

  /** The servers keep checksums, and what cannot be read shows when it is looked for: nothing is ever left out. */
  async isComplete(): Promise<boolean> {
    return true;
  }

  isMissed({ isRunning, sent }: StoredEntry): boolean {
    return !isRunning && sent === undefined;
  }

  isOlder(moment: Moment, limitMs: number): boolean {
    const ageMs = ageOf(moment, this.#options.clock);
    return ageMs !== undefined && ageMs > limitMs;
  }

  async *entries(): AsyncGenerator<StoredEntry> {
    for (const key of await this.#buckets.keys('records', ENTRIES)) {
      const stored = await this.#buckets.read('records', key);
      if (stored === undefined) continue;
      const value = decodeEntry(stored.bytes);
      yield storedEntry(idIn(key), value, stored.storedMs, await this.#isOwned(idIn(key), value));
    }
  }

  async prune(): Promise<{ removed: number; unresolved: number; damaged: number }> {
    const count = { removed: 0, unresolved: 0, damaged: 0 };
    for (const key of await this.#buckets.keys('records', ENTRIES)) {
      const stored = await this.#buckets.read('records', key);
      if (stored === undefined) {
        await this.#buckets.forget('records', key);
        continue;
      }
      const value = decodeEntry(stored.bytes);
      const lookup = lookupOf(value);
      if (lookup.state === 'lost') count.damaged += 1;
      else if (lookup.state === 'unresolved')
        count.unresolved += (await this.#isOwned(idIn(key), value)) ? 0 : 1;
      else if (this.isOlder(lookup.done, this.#options.keepMs) && (await this.#removed(key, stored)))
        count.removed += 1;
    }
    return count;
  }

  /** Makes an entry where one was taken back, and its place has been left. */
  async #inPlaceOfNothing(id: string, value: EntryValue): Promise<number | undefined> {
    const stored = await this.#buckets.read('records', keyOf(id));
    if (stored === undefined || !isNothing(decodeEntry(stored.bytes))) return undefined;
    return this.#buckets.update('records', keyOf(id), encodeEntry(value), stored.revision);
  }

  async #removed(key: string, { revision }: Stored): Promise<boolean> {
    return this.#buckets.remove('records', key, revision);
  }

  /** Somebody who lives is at it. */
  async #isOwned(id: string, value: EntryValue | undefined): Promise<boolean> {
    return value?.owner !== undefined && (await this.carriers.isAt(value.owner, id));
  }

  #own(
    id: string,
    value: EntryValue,
    revision: number,
    found: readonly JournalRecord[],
    letGo: () => void,
  ): NatsEntry {
    const { clock, log } = this.#options;
    return new NatsEntry({
      buckets: this.#buckets,
      looseEnds: this.#looseEnds,
      clock,
      log,
      key: keyOf(id),
      value,
      revision,
      lookup: lookupOf({ ...value, records: found }),
      letGo,
      isHeld: (besides) => this.carriers.isHeld(id, besides),
    });
  }
}

const ENTRIES = 'entry.>';

/** `GROUP-MEMBER` as two words, so that a group can be asked for. */
function keyOf(id: string): string {
  return `entry.${id.replace('-', '.')}`;
}

function idIn(key: string): string {
  return key.slice('entry.'.length).replace('.', '-');
}
