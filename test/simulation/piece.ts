import { createHash } from 'node:crypto';
import { type Cast, History, type Verdict, WHOLE } from './history.ts';
import { optionsOf, shortStory, shrink } from './shrink.ts';
import { Subject } from './subject.ts';

declare const SUBJECT: string;

/** Some seeds, one after the other. */
export interface Order {
  readonly from: number;
  readonly count: number;
  /** How many histories that go wrong are shrunk: as a rule all of them do for one reason. */
  readonly stories: number;
  readonly isUntilFailed: boolean;
}

/** What came of them. */
export interface Piece {
  readonly from: number;
  readonly count: number;
  readonly failed: number;
  readonly told: number;
  readonly text: readonly string[];
  readonly sales: number;
  readonly statements: number;
  readonly steps: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly cpuMs: number;
  readonly digest: string;
}

/** Plays histories, in this process. */
export class Player {
  readonly #subject = new Subject(SUBJECT);
  #internal: string[] = [];

  constructor() {
    process.on('unhandledRejection', (fault) => {
      if ((fault as Error)?.constructor?.name === 'Exited') return;
      this.#internal.push(`unhandled rejection: ${fault instanceof Error ? fault.stack : String(fault)}`);
    });
  }

  async play(seed: string, cast: Cast, isTold: boolean): Promise<Verdict> {
    this.#internal = [];
    const verdict = await History.run(this.#subject, seed, { cast, isTold });
    return { ...verdict, wrong: [...verdict.wrong, ...this.#internal] };
  }

  async playAll({ from, count, stories, isUntilFailed }: Order): Promise<Piece> {
    const beganUs = process.cpuUsage();
    const digests = createHash('sha256');
    const total = { failed: 0, told: 0, sales: 0, statements: 0, steps: 0 };
    const faults: Record<string, number> = {};
    const text: string[] = [];
    for (let seed = from; seed < from + count; seed += 1) {
      const verdict = await this.play(String(seed), WHOLE, false);
      digests.update(verdict.digest);
      total.sales += verdict.sales;
      total.statements += verdict.statements;
      total.steps += verdict.steps;
      for (const [kind, times] of Object.entries(verdict.faults)) faults[kind] = (faults[kind] ?? 0) + times;
      if (verdict.wrong.length === 0) continue;
      total.failed += 1;
      text.push(`seed ${seed}:\n  ${verdict.wrong.join('\n  ')}`);
      if (isUntilFailed) break;
      if (total.told === stories) continue;
      total.told += 1;
      text.push(...(await this.#explain(String(seed))));
    }
    const { user, system } = process.cpuUsage(beganUs);
    return {
      from,
      count,
      ...total,
      text,
      faults,
      cpuMs: (user + system) / 1000,
      digest: digests.digest('hex'),
    };
  }

  /** What a history comes down to that goes wrong. */
  async #explain(seed: string): Promise<string[]> {
    const cast = await shrink((smaller) => this.play(seed, smaller, false));
    const verdict = await this.play(seed, cast, true);
    return [
      `it comes down to this (npm run simulate -- ${optionsOf(seed, cast)} --trace tells all):`,
      ...shortStory(verdict),
      ...verdict.wrong,
    ];
  }
}
