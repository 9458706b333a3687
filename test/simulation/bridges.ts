import type { Subject } from './subject.ts';
import type { Machine } from './world/machine.ts';
import { Process } from './world/process.ts';
import type { Random } from './world/random.ts';

/** Statuses with which a bridge may leave: closed, protocol broken, temporary failure. */
const STATUSES: ReadonlySet<number> = new Set([0, 76, 111]);

export interface BridgesOptions {
  readonly subject: Subject;
  readonly machine: Machine;
  readonly place: string;
  readonly args: readonly string[];
  /** One process for all connections; else one for each, under a super-server. */
  readonly isServe: boolean;
  readonly wrong: (text: string) => void;
}

/** Bridges behind one address. What dies is started again, until `stop`. */
export class Bridges {
  readonly #options: BridgesOptions;
  readonly #random: Random;
  readonly #children = new Set<Process>();
  #server: Process | undefined;
  #count = 0;
  #isStopped = false;
  /** When something was started, killed or stopped last. */
  #restlessMs = 0;

  constructor(options: BridgesOptions) {
    this.#options = options;
    this.#random = options.machine.world.random.fork('bridges');
    this.#start();
  }

  /** One that lives, if one does. */
  any(): Process | undefined {
    const { isServe, machine } = this.#options;
    this.#restlessMs = machine.world.nowMs;
    const alive = [...this.#children].filter(({ isAlive }) => isAlive);
    return isServe || alive.length === 0 ? this.#server : this.#random.oneOf(alive);
  }

  wasSteady(sinceMs: number): boolean {
    const { machine } = this.#options;
    const lastMs = Math.max(this.#restlessMs, machine.resumedMs);
    return lastMs < sinceMs && [...machine.processes].every(({ isPaused }) => !isPaused);
  }

  /** Whether nobody but the super-server runs. */
  get isAlone(): boolean {
    return [...this.#children].every(({ isAlive }) => !isAlive);
  }

  get names(): string {
    return [...this.#children].flatMap(({ isAlive, name }) => (isAlive ? [name] : [])).join(', ');
  }

  stop(): void {
    this.#isStopped = true;
    this.#server?.signal('SIGTERM');
    for (const child of this.#children) child.signal('SIGTERM');
  }

  #start(): void {
    const { subject, machine, place, args, isServe } = this.#options;
    const { world } = machine;
    if (this.#isStopped) return;
    const server = isServe
      ? subject.program(machine, 'serve', ['serve', '--listen', place, ...args])
      : new Process(machine, 'tcpserver');
    this.#server = server;
    server.onEnd(() => {
      this.#ended(server);
      world.schedule.after(this.#random.below(3000), () => this.#start());
    });
    if (isServe) return;
    world.network.listen(server, place, (end) => {
      this.#count += 1;
      this.#restlessMs = world.nowMs;
      const child = subject.program(machine, `bridge ${this.#count}`, args, end);
      this.#children.add(child);
      child.onEnd(() => {
        this.#children.delete(child);
        this.#ended(child);
      });
    });
  }

  #ended({ name, status }: Process): void {
    this.#restlessMs = this.#options.machine.world.nowMs;
    const isOdd = typeof status === 'number' && !STATUSES.has(status);
    if (isOdd) this.#options.wrong(`${name} exits with ${status}`);
  }
}
