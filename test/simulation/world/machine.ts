import { Disk } from './disk.ts';
import { Locks } from './locks.ts';
import type { Process } from './process.ts';
import type { World } from './world.ts';

/** A computer: a disk, a clock that may be wrong, and the processes on it. */
export class Machine {
  readonly world: World;
  readonly name: string;
  /** What its peers see of it. */
  readonly address: string;
  readonly disk: Disk;
  readonly locks = new Locks();
  readonly processes = new Set<Process>();
  /** What its clock shows, less what it should. */
  clockErrorMs: number;
  /** When a process on it that stood still went on, last. */
  resumedMs = 0;
  readonly #started = new Map<string, number>();
  #boots = 0;
  #bootedMs = 0;
  #pids = 100;

  constructor(world: World, name: string, address: string) {
    this.world = world;
    this.name = name;
    this.address = address;
    const random = world.random.fork(`machine ${name}`);
    this.disk = new Disk(random);
    this.clockErrorMs = random.chance(0.1)
      ? -world.startMs + random.below(10_000)
      : random.below(2000) - 1000;
    this.boot();
  }

  get bootId(): string {
    return `${this.name}-${this.#boots}`;
  }

  get uptimeMs(): number {
    return this.world.nowMs - this.#bootedMs + 1000;
  }

  /** Milliseconds since 1970, as it believes. */
  get wallMs(): number {
    return Math.floor(this.world.startMs + this.world.nowMs + this.clockErrorMs);
  }

  /** In containers it is the same again and again. */
  nextPid(): number {
    this.#pids += 1;
    return this.#pids;
  }

  /** How many processes of this name there have been, this one included. */
  countOf(name: string): number {
    const count = (this.#started.get(name) ?? 0) + 1;
    this.#started.set(name, count);
    return count;
  }

  boot(): void {
    this.#boots += 1;
    this.#bootedMs = this.world.nowMs;
    this.#pids = 100;
  }

  /** Everything on it is dead, and the disk has what was synced, and any part of the rest. */
  cutPower(): void {
    this.world.story.tell(this.name, 'power cut');
    this.world.faults.count('power cuts');
    for (const process of [...this.processes]) process.kill('power');
    this.locks.clear();
    this.disk.cutPower();
    this.boot();
  }
}
