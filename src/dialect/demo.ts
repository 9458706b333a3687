import type { Clock } from '../base/clock.ts';
import type { Wire } from '../wire/wire.ts';
import type { Dialect } from './dialect.ts';
import type { Simulator } from './simulator.ts';

/** What `posbridge demo` shows of a dialect. */
export type Demo = ListeningDemo | BrokeredDemo | PlayedDemo;

/**
 * Peers come to a simulated application, which has a page in the browser: the simulated terminal, or the dialect's own.
 */
export interface ListeningDemo {
  readonly kind: 'listening';
  /** The dialect itself, where it needs something that is of no use after the demo. Default: as for `serve`. */
  readonly dialect?: () => Promise<Dialect>;
  /** Peers that the demo brings along. */
  readonly peers?: (address: string, clock: Clock) => { stop(): void };
  /** Where it listens unless told otherwise. */
  readonly listen: string;
  /** What to type in another window, a paragraph or more. */
  whatToTry(address: string): string;
}

/** A broker, a simulated terminal that dials into it, and a register that pays through it. */
export interface BrokeredDemo {
  readonly kind: 'brokered';
  /** Where the broker listens unless told otherwise. */
  readonly listen: string;
  /**
   * The broker, and the places for registers beside it.
   *
   * @param isUsual they find them where they usually are; else wherever there is room.
   */
  broker(isUsual: boolean): Promise<Dialect>;
  terminal(): Promise<Dialect>;
  /** How a register finds the terminal, once the broker listens at these places for registers: `DIALECT+ENDPOINT`. */
  to(places: readonly string[]): string;
  readonly currency: string;
}

/** Both ends run in the demo itself, which shows what they say and ends. */
export interface PlayedDemo {
  readonly kind: 'played';
  /** Plays everything; false when something did not happen as it should. */
  play(stage: Stage): Promise<boolean>;
}

/** What a played demo may use. */
export interface Stage {
  readonly clock: Clock;
  /** Writes a line to standard output. */
  show(line: string): void;
  /**
   * Bridges this wire to the application behind all four channels. `ended` resolves with the bridge, which is also told
   * to end by SIGINT and SIGTERM.
   */
  bridge(wire: Wire, dialect: Dialect, application: Simulator): Promise<{ readonly ended: Promise<void> }>;
}
