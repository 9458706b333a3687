import type { Description } from './locks.ts';
import type { Machine } from './machine.ts';
import type { End } from './network.ts';
import type { Random } from './random.ts';
import type { Owner, Planned } from './schedule.ts';

/** Thrown where a program asks to exit: nothing that follows has any effect. */
export class Exited extends Error {}

/** A process of a machine: what it waits for reaches it while it lives, and its descriptors go with it. */
export class Process implements Owner {
  readonly machine: Machine;
  readonly name: string;
  readonly pid: number;
  readonly random: Random;
  readonly startedMs: number;
  readonly wires = new Set<End>();
  /** On its standard input and output, if something is. */
  inherited: End | undefined;
  readonly #descriptors = new Map<number, Description>();
  readonly #signals = new Map<string, (() => void)[]>();
  readonly #postponed: (() => void)[] = [];
  readonly #ended: (() => void)[] = [];
  #isAlive = true;
  #isPaused = false;
  #status: number | string | undefined;

  constructor(machine: Machine, name: string) {
    this.machine = machine;
    this.name = name;
    this.pid = machine.nextPid();
    this.random = machine.world.random.fork(`${machine.name} ${name} ${machine.countOf(name)}`);
    this.startedMs = machine.world.nowMs;
    machine.processes.add(this);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** The exit status, or what killed it; undefined while it lives. */
  get status(): number | string | undefined {
    return this.#status;
  }

  after(delayMs: number, run: () => void): Planned {
    return this.machine.world.schedule.after(delayMs, run, this);
  }

  tell(what: string): void {
    this.machine.world.story.tell(this.name, what);
  }

  // Life and death.

  exit(status: number): never {
    this.tell(`exits with ${status}`);
    this.#end(status);
    throw new Exited();
  }

  kill(how = 'SIGKILL'): void {
    if (!this.#isAlive) return;
    this.tell(`is killed (${how})`);
    this.#end(how);
  }

  onSignal(name: string, handle: () => void): void {
    this.#signals.set(name, [...(this.#signals.get(name) ?? []), handle]);
  }

  signal(name: 'SIGTERM' | 'SIGINT'): void {
    const handlers = this.#signals.get(name);
    if (handlers === undefined) {
      this.kill(name);
      return;
    }
    this.tell(name);
    for (const handle of handlers) this.after(0, handle);
  }

  /** SIGSTOP, and SIGCONT after a while. */
  pauseFor(ms: number): void {
    if (this.#isPaused || !this.#isAlive) return;
    this.tell(`stands still for ${Math.round(ms)} ms`);
    this.#isPaused = true;
    this.machine.world.schedule.after(ms, () => {
      this.#isPaused = false;
      this.machine.resumedMs = this.machine.world.nowMs;
      for (const run of this.#postponed.splice(0)) this.after(0, run);
    });
  }

  postpone(run: () => void): void {
    this.#postponed.push(run);
  }

  onEnd(run: () => void): void {
    if (this.#isAlive) this.#ended.push(run);
    else run();
  }

  #end(status: number | string): void {
    this.#isAlive = false;
    this.#status = status;
    this.machine.processes.delete(this);
    for (const wire of [...this.wires]) wire.abandon();
    for (const fd of [...this.#descriptors.keys()]) this.closeDescriptor(fd);
    this.#postponed.length = 0;
    for (const run of this.#ended.splice(0)) run();
  }

  // Descriptors.

  addDescriptor(description: Description): number {
    let fd = 20;
    while (this.#descriptors.has(fd)) fd += 1;
    this.#descriptors.set(fd, description);
    return fd;
  }

  descriptor(fd: number): Description | undefined {
    return this.#descriptors.get(fd);
  }

  closeDescriptor(fd: number): void {
    const description = this.#descriptors.get(fd);
    if (description === undefined) return;
    this.#descriptors.delete(fd);
    description.isOpen = false;
    this.machine.locks.release(description);
  }

  get openDescriptors(): number {
    return this.#descriptors.size;
  }
}
