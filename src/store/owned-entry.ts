import { type FileHandle, unlink } from 'node:fs/promises';
import { type Clock, isoTime } from '../base/clock.ts';
import { maskField, maskText } from '../base/mask.ts';
import type { Lookup, Outcome } from './entry-state.ts';
import { DurableAppender } from './journal-file.ts';
import { type DoneRecord, encodeRecord, type JournalRecord } from './journal-record.ts';

/** An entry whose lock this process holds. */
export interface OwnedEntry {
  /** What stood in it when it was taken over. */
  readonly lookup: Lookup;
  /** Stores the outcome and lets go; resolves when it is on the disk. May be tried again after a failure. */
  finish(done: Outcome): Promise<void>;
  /**
   * After `finish`, where another process was first: what it has recorded, which counts. Where this process is alone
   * with its entries, there is no such thing.
   */
  readonly counts?: Outcome | undefined;
  /**
   * Stores a result that came after "not charged" was told, and lets go; it counts from then on. As durable as
   * `finish`, and may be tried again like it.
   */
  contradict(done: Outcome): Promise<void>;
  /**
   * Stores the code of no declared meaning with which the transaction itself was answered; one that looks like a secret
   * is not stored. May be tried again.
   */
  note(code: string): Promise<void>;
  /** Likewise the serial number of the terminal that has the transaction, while it is not ended. */
  noteTerminal(serialNumber: string): Promise<void>;
  /** It was refused before anything was handed over: no trace of it is left. */
  withdraw(): Promise<void>;
  /** Lets go of it; without an outcome it is unresolved from now on. Safe to repeat. */
  release(): Promise<void>;
}

/**
 * Writes to an entry whose lock the file holds.
 *
 * @param name where the file is.
 */
export function ownEntry(name: string, file: FileHandle, lookup: Lookup, clock: Clock): OwnedEntry {
  let isOpen = true;
  const release = async () => {
    if (!isOpen) return;
    isOpen = false;
    await file.close(); // frees the lock
  };
  const appender = new DurableAppender(file);
  return {
    lookup,
    finish: async (done) => {
      await appender.append(followingRecord(stamped({ ...done, state: 'done' }, clock)));
      await release();
    },
    contradict: async (done) => {
      await appender.append(followingRecord(stamped({ ...done, state: 'contradicted' }, clock)));
      await release();
    },
    note: async (code) => {
      if (maskText(code) !== code) return;
      await appender.append(followingRecord({ state: 'note', code, time: isoTime(clock) }));
    },
    noteTerminal: async (serialNumber) => {
      if (maskField('serial_number', serialNumber) !== serialNumber) return;
      const record = { state: 'terminal', serialNumber, time: isoTime(clock) } as const;
      if (isOpen) await appender.append(followingRecord(record));
    },
    withdraw: async () => {
      if (isOpen) await unlink(name);
      await release();
    },
    release,
  };
}

/** A record of an outcome with the time since the machine was started, which never jumps. */
export function stamped(done: DoneRecord, clock: Clock): DoneRecord {
  return { ...done, ...clock.bootTime?.() };
}

/** The newline ends a record that was torn by the death of an earlier owner. */
export function followingRecord(record: JournalRecord): Buffer {
  return Buffer.concat([Buffer.from('\n'), encodeRecord(record)]);
}
