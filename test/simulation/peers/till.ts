import { NetworkError } from '../world/network.ts';
import type { Process } from '../world/process.ts';
import { RawConnection } from './raw-register.ts';
import type { Sale, Sales } from './sales.ts';

/** A register loses its patience after a while; that somebody asks for ever is what the end of a history is for. */
const PATIENCE_MS = 40_000;
/** Whoever lives answers a keepalive within this time, whatever its applications and disks do. */
const KEEPALIVE_MS = 50;

export interface TillOptions {
  readonly place: string;
  readonly sales: Sales;
  /** Whether faults go on. */
  readonly isRough: () => boolean;
  /** Whether every process of the other side has been running all the time since a moment. */
  readonly wasSteady: (sinceMs: number) => boolean;
  readonly wrong: (text: string) => void;
}

/**
 * A register that speaks for itself, and does all that a bad one does: repeats, cuts, asks elsewhere, uses ids again.
 */
export class Till {
  readonly #process: Process;
  readonly #options: TillOptions;
  #connection: RawConnection | undefined;
  #questions = 0;

  constructor(process: Process, options: TillOptions) {
    this.#process = process;
    this.#options = options;
  }

  /** One sale, until its register has heard what became of it, or has had enough. */
  async sell(sale: Sale): Promise<void> {
    const { sales, isRough } = this.#options;
    const { random, machine } = this.#process;
    const untilMs = machine.world.nowMs + PATIENCE_MS;
    void this.#ask(await this.#connected(), 'Purchase', sale);
    while (machine.world.nowMs < untilMs && isRough()) {
      await pause(this.#process, 50 + random.below(random.chance(0.1) ? 12_000 : 2000));
      if (sales.isKnown(sale)) return;
      const whim = random.below(24);
      const connection = await this.#connected();
      if (connection !== this.#connection || whim < 4) {
        connection.close();
        void this.#ask(await this.#connected(), random.oneOf(['Purchase', 'Check']), sale);
      } else if (whim < 7) void this.#ask(connection, 'Purchase', sale);
      else if (whim < 10) void this.#ask(connection, 'Check', sale);
      else if (whim < 13) await this.#askElsewhere(sale);
      else if (whim < 15) void connection.request('Status', {}, this.#id());
      else if (whim < 17) void this.#keepalive(connection);
    }
  }

  leave(): void {
    this.#connection?.close();
  }

  async #askElsewhere(sale: Sale): Promise<void> {
    const { random } = this.#process;
    const other = await connect(this.#process, this.#options.place);
    if (random.chance(0.3)) other.notify('Abort', sale.params);
    else void this.#ask(other, random.oneOf(['Purchase', 'Check']), sale).finally(() => other.close());
  }

  #ask(connection: RawConnection, method: 'Purchase' | 'Check', sale: Sale): Promise<void> {
    return this.#options.sales.ask(connection, method, sale, this.#id());
  }

  async #keepalive(connection: RawConnection): Promise<void> {
    const { world } = this.#process.machine;
    const sentMs = world.nowMs;
    const isUp = connection.hasHeard;
    const answer = await connection.request('_Keepalive', {}, `k${this.#id()}`);
    const tookMs = world.nowMs - sentMs;
    // Connecting takes a program its time to start, and a stopped one answers nothing.
    const isSteady = isUp && this.#options.wasSteady(sentMs - 1000);
    const isLate = answer !== undefined && tookMs > KEEPALIVE_MS && isSteady;
    if (isLate) this.#options.wrong(`a keepalive was answered after ${Math.round(tookMs)} ms`);
  }

  /** Some registers use the same ids again, and must not be told of another request for it. */
  #id(): string {
    this.#questions += 1;
    return this.#process.random.chance(0.15) ? 'again' : `q${this.#questions}`;
  }

  async #connected(): Promise<RawConnection> {
    if (this.#connection?.isOpen !== true)
      this.#connection = await connect(this.#process, this.#options.place);
    return this.#connection;
  }
}

/** However often it takes. */
export async function connect(process: Process, place: string): Promise<RawConnection> {
  for (;;) {
    try {
      return new RawConnection(process, await process.machine.world.network.connect(process, place));
    } catch (fault) {
      if (!(fault instanceof NetworkError)) throw fault;
      await pause(process, 200);
    }
  }
}

export function pause(process: Process, ms: number): Promise<void> {
  return new Promise((resolve) => process.after(ms, resolve));
}
