import { readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { seededRandom } from '../kit/random.ts';
import type { Terminal, Till, View } from './kit.ts';

/** What the tests with random kills have in common. Their sizes come from the environment: see scripts/soak. */

export function sizeOf(
  name: 'SOAK_KILLS' | 'SOAK_PURCHASES' | 'SOAK_RUNS' | 'SOAK_SEED',
  fallback: number,
): number {
  return Number(process.env[name] ?? fallback);
}

export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(seed);
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  /** Any number from 0 to `limit`. */
  upTo(limit: number): number {
    return this.#next() * limit;
  }

  oneOf<T>(first: T, ...others: T[]): T {
    return others[this.below(others.length + 1)] ?? first;
  }
}

/** A short time, and not rounded to milliseconds. */
export async function pause(ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) await nextTurn();
}

/** What a register makes of an answer; undefined: nothing yet, it has to ask again. */
export function beliefOf({ kind, code }: View): 'charged' | 'not charged' | undefined {
  if (kind === 'result') return 'charged';
  return code === 'DECLINED' || code === 'TRANSACTION_NOT_FOUND' ? 'not charged' : undefined;
}

export interface Verdict {
  readonly key: string;
  readonly view: View;
  readonly charges: number;
}

/** Asks for every transaction, all at a time, until there is an outcome. */
export function checkAll(till: Till, { application }: Terminal, keys: readonly string[]): Promise<Verdict[]> {
  const charges = chargesOf(application.record);
  return Promise.all(
    keys.map(async (key) => {
      const view = await till.checkUntilOver(key);
      return { key, view, charges: charges.get(key) ?? 0 };
    }),
  );
}

/** Those where the register's view and the application's record do not say the same. */
export function disagreements(verdicts: readonly Verdict[]): Verdict[] {
  return verdicts.filter(({ view, charges }) => {
    const belief = beliefOf(view);
    return belief === undefined || charges !== (belief === 'charged' ? 1 : 0);
  });
}

export function chargesOf(record: Terminal['application']['record']): Map<string, number> {
  const charges = new Map<string, number>();
  for (const { key, what } of record) {
    if (what === 'charged') charges.set(key, (charges.get(key) ?? 0) + 1);
  }
  return charges;
}

/** How many entries have an outcome, and how many not. */
export function countEntries(terminal: Terminal): { done: number; unresolved: number } {
  const entries = terminal.files('.entry').map((file) => readFileSync(file, 'utf8'));
  const done = entries.filter((text) => text.includes('"state":"done"')).length;
  return { done, unresolved: entries.length - done };
}
