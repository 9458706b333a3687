import type { DoneRecord, ParsedEntry, SentRecord } from './journal-record.ts';

/** What the journal knows of a transaction. */
export type Lookup =
  | { readonly state: 'none' }
  /**
   * A living process is at it, or looks at it; `sent` as far as it can be read. `isOver`: it has an outcome already.
   */
  | { readonly state: 'running'; readonly sent?: SentRecord; readonly isOver: boolean }
  /**
   * Its owner died or gave up. `isDoubtful`: a part of its file cannot be read, an outcome may have stood there.
   * `directCode`: the error of no declared meaning with which the transaction itself was answered. `serialNumber`: of
   * the terminal that has it.
   */
  | {
      readonly state: 'unresolved';
      readonly sent: SentRecord;
      readonly isDoubtful: boolean;
      readonly directCode?: string;
      readonly serialNumber?: string;
    }
  /** There was a record, and it cannot be read any more. */
  | { readonly state: 'lost' }
  | Done;

interface Done {
  readonly state: 'done';
  readonly sent: SentRecord;
  /** The outcome that counts. */
  readonly done: DoneRecord;
  /** "Not charged", as it was told before the result in `done` came. */
  readonly contradicted?: DoneRecord;
  /** The connections that have carried the outcome to the transaction or to a repeated one. */
  readonly carriers?: readonly string[];
}

/** A stored transaction, for people's tools. */
export interface StoredEntry extends ParsedEntry {
  readonly id: string;
  readonly file: string;
  readonly isRunning: boolean;
  readonly isSetAside: boolean;
  /** When the file or its name was changed last. */
  readonly changedMs: number;
  /** Why the file cannot be read at all. */
  readonly fault?: string;
}

/** Whether an entry says nothing any more that counts. */
export function isDamaged({ isSetAside, isRunning, sent }: StoredEntry): boolean {
  return isSetAside || (!isRunning && sent === undefined);
}

/** What there is to say of an outcome. */
export type Outcome = Omit<DoneRecord, 'state'>;

/** Undefined where not even the first record can be read. */
export function judge({
  sent,
  done,
  isClean,
  directCode,
  serialNumber,
  contradicted,
  carriers,
}: ParsedEntry): Exclude<Lookup, { state: 'none' | 'running' | 'lost' }> | undefined {
  if (sent === undefined) return undefined;
  if (done !== undefined) {
    return {
      state: 'done',
      sent,
      done,
      ...(contradicted !== undefined && { contradicted }),
      ...(carriers !== undefined && { carriers }),
    };
  }
  return {
    state: 'unresolved',
    sent,
    isDoubtful: !isClean,
    ...(directCode !== undefined && { directCode }),
    ...(serialNumber !== undefined && { serialNumber }),
  };
}
