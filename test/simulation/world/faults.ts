/** What has gone wrong in a run, counted by kind. */
export class Faults {
  readonly #counts = new Map<string, number>();

  count(kind: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([one], [other]) => (one < other ? -1 : 1)));
  }
}

/** How rough a world is: probabilities, each for one occasion. All 0 from the moment when the faults stop. */
export interface Roughness {
  /** A call of the disk fails with EIO or ENOSPC. */
  readonly diskFault: number;
  /** A call of the disk takes seconds. */
  readonly slowDisk: number;
  /** A connection is reset while something is on its way. */
  readonly cut: number;
  /** A process is killed when something that it waited for is done. */
  readonly kill: number;
}

export const SMOOTH: Roughness = { diskFault: 0, slowDisk: 0, cut: 0, kill: 0 };
