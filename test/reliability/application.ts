import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Running, Workbench } from '../interop/kit.ts';

/** The payment application of these tests as seen by its parent: told every step, and able to kill it between two. */

const PROGRAM = path.join(import.meta.dirname, 'payment-application.mjs');
const STUCK_MS = 45_000;

export type Step = 'read' | 'begun' | 'charged' | 'answered';

/** See payment-application.mjs. */
export interface Settings {
  readonly delayMs?: number;
  readonly haltAt?: Step | null;
  readonly reads?: boolean;
  readonly answers?: 'once' | 'twice' | 'astray' | 'unreadable';
  readonly padBytes?: number;
  readonly lies?: number;
  readonly life?: number;
}

export interface Told {
  readonly event: Step | 'asked' | 'refused' | 'other' | 'connected' | 'listening';
  /** `receipt_id/sequence_id`. */
  readonly key?: string;
  /** Of a socket. */
  readonly number?: number;
}

export interface RecordLine {
  readonly key: string;
  readonly what: 'begun' | 'charged' | 'declined' | 'cancelled' | 'promised';
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** What it has answered. */
  readonly answer?: { readonly result?: string };
}

export class PaymentApplication {
  readonly told: Told[] = [];
  readonly #bench: Workbench;
  readonly #watchers = new Set<() => void>();
  #running: Running | undefined;

  private constructor(bench: Workbench) {
    this.#bench = bench;
  }

  static async start(bench: Workbench, settings: Settings = {}): Promise<PaymentApplication> {
    const application = new PaymentApplication(bench);
    await application.start(settings);
    return application;
  }

  /** Again after `kill`: it remembers nothing but its record. */
  async start(settings: Settings = {}): Promise<void> {
    const args = [PROGRAM, this.#bench.socketPath, this.#recordPath, JSON.stringify(settings)];
    this.#running = this.#bench.start(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const before = this.told.length;
    this.#running.child.on('message', (told: Told) => {
      this.told.push(told);
      for (const look of [...this.#watchers]) look();
    });
    await this.#until(() => this.told.slice(before).some(({ event }) => event === 'listening'), 'listening');
  }

  /** Resolves when it is dead, whoever has killed it. */
  async dead(): Promise<void> {
    await this.#running?.exited;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#running?.kill();
  }

  set(settings: Settings): void {
    this.#send({ set: settings });
  }

  /** Lets every Purchase go on that stands at a step; none stops there any more. */
  go(): void {
    this.#send({ go: true });
  }

  /** Reads the socket that has not been read so far. */
  resume(number: number): void {
    this.#send({ resume: number });
  }

  /** Resolves when it has said so, now or before. */
  at(event: Told['event'], key?: string): Promise<void> {
    return this.#until(() => this.count(event, key) > 0, `${event} ${key ?? ''}`);
  }

  count(event: Told['event'], key?: string): number {
    return this.told.filter((told) => told.event === event && (key === undefined || told.key === key)).length;
  }

  /** What it has on its disk. */
  get record(): RecordLine[] {
    if (!existsSync(this.#recordPath)) return [];
    const lines = readFileSync(this.#recordPath, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as RecordLine);
  }

  /** How often the card was charged. */
  charges(key: string): number {
    return this.record.filter((line) => line.what === 'charged' && line.key === key).length;
  }

  get #recordPath(): string {
    return this.#bench.path('charges');
  }

  #send(message: object): void {
    this.#running?.child.send(message, () => {});
  }

  #until(isTrue: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!isTrue()) return;
        clearTimeout(stuck);
        this.#watchers.delete(look);
        resolve();
      };
      const stuck = setTimeout(() => {
        this.#watchers.delete(look);
        const errors = this.#running?.errors ?? '';
        reject(new Error(`application: not ${what}: ${JSON.stringify(this.told.slice(-20))} ${errors}`));
      }, STUCK_MS);
      this.#watchers.add(look);
      look();
    });
  }
}
