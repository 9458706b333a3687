import { Script } from 'node:vm';
import type { PosClient, PosClientOptions } from '../../src/index.ts';
import type { Machine } from './world/machine.ts';
import type { End } from './world/network.ts';
import { Exited, Process } from './world/process.ts';
import { type Realm, realmOf } from './world/realm.ts';

interface Exports {
  main(): Promise<void>;
  readonly PosClient: typeof PosClient;
}

/** The code under test, from the bundle: every process gets an instance of its own. */
export class Subject {
  readonly #load: (realm: Realm) => Exports;

  constructor(code: string) {
    this.#load = new Script(code, { filename: 'subject.js' }).runInThisContext();
  }

  /** `posbridge ARGS` as a process; `inherited` is its standard input and output. */
  program(machine: Machine, name: string, args: readonly string[], inherited?: End): Process {
    const process = new Process(machine, name);
    process.tell(`starts posbridge ${args.join(' ')}`);
    inherited?.moveTo(process);
    process.inherited = inherited;
    // A program needs a while to start.
    process.after(20 + process.random.fraction() * 30, () => {
      const { main } = this.#load(realmOf(process, args, {}));
      main().catch((fault: unknown) => {
        if (!(fault instanceof Exited)) throw fault;
      });
    });
    return process;
  }

  /** The library in a process. */
  client(process: Process, options: PosClientOptions): Promise<PosClient> {
    const { PosClient: Client } = this.#load(realmOf(process, [], {}));
    return Client.open(options);
  }
}
