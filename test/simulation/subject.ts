import { Script } from 'node:vm';
import type { PosClient, PosClientOptions } from '../../src/index.ts';
import type { Machine } from './world/machine.ts';
import type { End } from './world/network.ts';
import { Exited, Process } from './world/process.ts';
import { type Realm, realmOf } from './world/realm.ts';
import { Seat } from './world/seat.ts';

interface Exports {
  main(): Promise<void>;
  readonly PosClient: typeof PosClient;
}

interface Copy {
  readonly seat: Seat;
  readonly exports: Exports;
}

/** The code under test, from the bundle: every process has a copy of its own while it lives. */
export class Subject {
  readonly #load: (realm: object) => Exports;
  readonly #free: Copy[] = [];
  readonly #taken = new Set<Copy>();

  constructor(code: string) {
    this.#load = new Script(code, { filename: 'subject.js' }).runInThisContext();
  }

  #copyFor(process: Process, args: readonly string[]): Exports {
    const realm = realmOf(process, args, {});
    const copy = this.#free.pop() ?? this.#newCopy(realm);
    copy.seat.take(realm);
    this.#taken.add(copy);
    return copy.exports;
  }

  #newCopy(realm: Realm): Copy {
    const seat = new Seat(realm);
    return { seat, exports: this.#load(seat.realm) };
  }

  /** When a history is over, and nothing of it runs any more. */
  takeBack(): void {
    this.#free.push(...this.#taken);
    this.#taken.clear();
  }

  /** `posbridge ARGS` as a process; `inherited` is its standard input and output. */
  program(machine: Machine, name: string, args: readonly string[], inherited?: End): Process {
    const process = new Process(machine, name);
    process.tell(`starts posbridge ${args.join(' ')}`);
    inherited?.moveTo(process);
    process.inherited = inherited;
    // A program needs a while to start.
    process.after(20 + process.random.fraction() * 30, () => {
      const { main } = this.#copyFor(process, args);
      main().catch((fault: unknown) => {
        if (!(fault instanceof Exited)) throw fault;
      });
    });
    return process;
  }

  /** The library in a process. */
  client(process: Process, options: PosClientOptions): Promise<PosClient> {
    const { PosClient: Client } = this.#copyFor(process, []);
    return Client.open(options);
  }
}
