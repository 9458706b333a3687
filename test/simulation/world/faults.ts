/** What goes wrong in a run, numbered in the order in which it was drawn, and counted by kind. */
export class Faults {
  readonly #counts = new Map<string, number>();
  readonly #without: ReadonlySet<number>;
  readonly #happened: number[] = [];
  #drawn = 0;

  /** @param without the numbers of those that do not come to pass, where a run is shrunk */
  constructor(without: ReadonlySet<number>) {
    this.#without = without;
  }

  /** Whether a fault that was drawn comes to pass; it is counted then. */
  happens(kind: string): boolean {
    const number = this.#drawn;
    this.#drawn += 1;
    if (this.#without.has(number)) return false;
    this.#happened.push(number);
    this.count(kind);
    return true;
  }

  /** What follows from another fault. */
  count(kind: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  get happened(): readonly number[] {
    return this.#happened;
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
