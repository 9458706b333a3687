import { Faults, type Roughness, SMOOTH } from './faults.ts';
import { Machine } from './machine.ts';
import { Network } from './network.ts';
import { Random } from './random.ts';
import { Schedule } from './schedule.ts';
import { Story } from './story.ts';

/** 2026-01-01, 08:00 UTC, when every world begins. */
const START_MS = Date.UTC(2026, 0, 1, 8);

/** Time, machines and the network between them, all from one seed. */
export class World {
  readonly seed: string;
  readonly startMs = START_MS;
  readonly random: Random;
  readonly schedule = new Schedule();
  readonly story: Story;
  readonly faults: Faults;
  readonly network: Network;
  roughness: Roughness = SMOOTH;
  readonly #machines = new Map<string, Machine>();

  /** @param options.without the numbers of faults that do not come to pass */
  constructor(
    seed: string,
    options: { readonly isTold: boolean; readonly without?: ReadonlySet<number> | undefined },
  ) {
    this.seed = seed;
    this.faults = new Faults(options.without ?? new Set());
    this.random = new Random(seed);
    this.story = new Story(() => this.schedule.nowMs, options.isTold);
    this.network = new Network(this);
  }

  get nowMs(): number {
    return this.schedule.nowMs;
  }

  get machines(): Iterable<Machine> {
    return this.#machines.values();
  }

  machine(name: string, address: string): Machine {
    const made = new Machine(this, name, address);
    this.#machines.set(name, made);
    return made;
  }
}
