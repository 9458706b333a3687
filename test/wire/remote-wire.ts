import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { deferred } from '../../src/base/deferred.ts';
import type { Wire, WireEvents } from '../../src/wire/wire.ts';
import { bundleOf } from './bundle.ts';

type Told = { readonly message: string; readonly code: string } | undefined;

export type HostCommand =
  | {
      readonly do:
        | 'start'
        | 'pause'
        | 'resume'
        | 'endOutput'
        | 'destroy'
        | 'destroyAndOpen'
        | 'ping'
        | 'exit';
    }
  | { readonly do: 'write'; readonly bytes: Uint8Array };

export type HostEvent =
  | { readonly event: 'open'; readonly peer: string }
  | { readonly event: 'refused' | 'closed' | 'done'; readonly fault: Told }
  | { readonly event: 'chunk'; readonly bytes: Uint8Array }
  | { readonly event: 'end' }
  | { readonly event: 'pong'; readonly descriptors: Readonly<Record<string, string>> };

/** An fd wire in a child process, with descriptors that it really has inherited. */
export class RemoteWire implements Wire {
  readonly framing = 'stream';
  readonly peer;
  readonly child: ChildProcess;
  #events: WireEvents | undefined;
  #done: ((fault?: Error) => void)[] = [];
  #pongs: ((descriptors: Readonly<Record<string, string>>) => void)[] = [];

  /** `stdio` must keep a place for 'ipc'. Rejects with what `openFdWire` threw. The child ends with the test. */
  static async open(
    fds: { read?: number; write?: number },
    stdio: StdioOptions,
    options: { readonly uid?: number } = {},
  ): Promise<RemoteWire> {
    const child = spawn(process.execPath, [await bundleOf('wire-host'), JSON.stringify(fds)], {
      stdio,
      serialization: 'advanced',
      ...options,
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const opened = deferred<RemoteWire>();
    child.on('error', opened.reject);
    child.on('exit', () => opened.reject(new Error('the host died')));
    child.once('message', (event: HostEvent) => {
      if (event.event === 'open') opened.resolve(new RemoteWire(child, event.peer));
      else if (event.event === 'refused') opened.reject(errorOf(event.fault));
      if (event.event === 'refused') child.kill('SIGKILL');
    });
    return opened.promise;
  }

  private constructor(child: ChildProcess, peer: string) {
    this.child = child;
    this.peer = { text: peer };
    child.on('message', (event: HostEvent) => this.#hear(event));
  }

  start(events: WireEvents): void {
    this.#events = events;
    this.#tell({ do: 'start' });
  }

  write(bytes: Uint8Array, done: (fault?: Error) => void): void {
    this.#done.push(done);
    this.#tell({ do: 'write', bytes });
  }

  pause(): void {
    this.#tell({ do: 'pause' });
  }

  resume(): void {
    this.#tell({ do: 'resume' });
  }

  endOutput(): void {
    this.#tell({ do: 'endOutput' });
  }

  destroy(): void {
    this.#tell({ do: 'destroy' });
  }

  /** Destroys the wire and at once opens a file, which takes a number that becomes free. */
  destroyAndOpen(): void {
    this.#tell({ do: 'destroyAndOpen' });
  }

  /** Ends the child with its exit handlers, and resolves when it is gone. */
  exit(): Promise<void> {
    return new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.#tell({ do: 'exit' });
    });
  }

  /** What the child has open; it has then obeyed all commands so far. */
  ping(): Promise<Readonly<Record<string, string>>> {
    return new Promise((resolve) => {
      this.#pongs.push(resolve);
      this.#tell({ do: 'ping' });
    });
  }

  /** Ends the child and resolves when it is gone. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    return new Promise((resolve) => {
      if (this.child.exitCode !== null || this.child.signalCode !== null) return resolve();
      this.child.once('exit', () => resolve());
      this.child.kill(signal);
    });
  }

  #tell(command: HostCommand): void {
    if (this.child.connected) this.child.send(command);
  }

  #hear(event: HostEvent): void {
    switch (event.event) {
      case 'chunk':
        this.#events?.chunk(Buffer.from(event.bytes));
        break;
      case 'end':
        this.#events?.end();
        break;
      case 'closed':
        this.#events?.closed(event.fault && errorOf(event.fault));
        break;
      case 'done':
        this.#done.shift()?.(event.fault && errorOf(event.fault));
        break;
      case 'pong':
        this.#pongs.shift()?.(event.descriptors);
        break;
    }
  }
}

function errorOf(told: Told): Error {
  return Object.assign(new Error(told?.message), { code: told?.code });
}
