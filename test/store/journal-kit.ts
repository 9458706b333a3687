import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach } from 'vitest';
import type { BootTime } from '../../src/base/boot-time.ts';
import { memorySink } from '../../src/base/log-sink.ts';
import { createLogger } from '../../src/base/logger.ts';
import { Journal, type JournalOptions } from '../../src/store/journal.ts';
import type { SentRecord } from '../../src/store/journal-record.ts';
import type { OwnedEntry } from '../../src/store/owned-entry.ts';
import { FakeClock } from '../kit/fake-clock.ts';

export const DAY_MS = 86_400_000;
export const KEEP_MS = 30 * DAY_MS;
/** Only root may mount file systems. */
export const isRoot = process.getuid?.() === 0;

const cleanups: (() => void | Promise<void>)[] = [];

/** Runs after the test, last one first. */
export function after(cleanup: () => void | Promise<void>): void {
  cleanups.push(cleanup);
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** An empty folder, removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'posbridge-journal-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file system of its own, unmounted after the test. `options` as for mount. */
export function mountedFolder(options: string): string {
  const folder = temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `mode=0700,${options}`, 'none', folder]);
  after(() => void execFileSync('umount', [folder]));
  return folder;
}

export function remount(folder: string, options: string): void {
  execFileSync('mount', ['-o', `remount,${options}`, folder]);
}

/** A machine whose clock can be set while its own count goes on. */
export class BootClock extends FakeClock {
  readonly #boot: string;
  #setMs = 0;

  constructor(startWallMs = Date.now(), boot = 'first-start') {
    super(startWallMs);
    this.#boot = boot;
  }

  /** As somebody sets the machine's clock. */
  set(wallMs: number): void {
    this.#setMs += wallMs - this.wallMs();
  }

  override wallMs(): number {
    return super.wallMs() + this.#setMs;
  }

  bootTime(): BootTime {
    return { boot: this.#boot, uptimeMs: this.nowMs() };
  }
}

export interface OpenJournal {
  readonly journal: Journal;
  readonly folder: string;
  readonly clock: FakeClock;
  /** What it has said. */
  readonly lines: string[];
}

/** A journal on a clock that stands still at the present: the files have real times. Closed after the test. */
export async function openJournal(
  folder = path.join(temporaryFolder(), 'journal'),
  {
    clock = new FakeClock(Date.now()),
    keepMs = KEEP_MS,
    mustExist = false,
    owners = 'ours',
  }: Partial<Omit<JournalOptions, 'clock'>> & { readonly clock?: FakeClock } = {},
): Promise<OpenJournal> {
  const sink = memorySink();
  const log = createLogger({ format: 'human', clock, level: 'info', sink });
  const journal = await Journal.open(folder, { clock, log, keepMs, mustExist, owners });
  after(() => journal.close());
  return { journal, folder, clock, lines: sink.lines };
}

export function sentAt(clock: FakeClock, more: Partial<SentRecord> = {}): SentRecord {
  return {
    state: 'sent',
    version: 2,
    register: '192.0.2.7',
    identity: { receipt_id: '17', sequence_id: '1' },
    method: 'Purchase',
    amount: '1230',
    currency: 'EUR',
    hash: 'a'.repeat(64),
    channel: 'payment',
    connection: '192.0.2.7.4711',
    pid: 4711,
    time: new Date(clock.wallMs()).toISOString(),
    ...more,
  };
}

export function doneAt(clock: FakeClock, text = '{"authorization_code":"123456"}') {
  return { kind: 'result' as const, text, time: new Date(clock.wallMs()).toISOString() };
}

/** Begins what must be new. */
export async function begun({ journal, clock }: OpenJournal, id: string): Promise<OwnedEntry> {
  const entry = await journal.begin(id, sentAt(clock));
  if (entry === 'exists') throw new Error(`${id} exists already`);
  after(() => entry.release());
  return entry;
}

/** Begins and ends. */
export async function ended(open: OpenJournal, id: string, text?: string): Promise<void> {
  const entry = await begun(open, id);
  await entry.finish(doneAt(open.clock, text));
}

/** As after the death of its owner: no outcome, nobody at it. */
export async function abandoned(open: OpenJournal, id: string): Promise<void> {
  const entry = await begun(open, id);
  await entry.release();
}

export function entryFile(folder: string, id: string): string {
  return path.join(folder, `${id}.entry`);
}
