import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Wire } from '../wire/wire.ts';

export interface Refusal {
  readonly connection: string;
  readonly method: string;
  /** What names the sale: a JSON object. */
  readonly params: Buffer;
  readonly code: string;
  readonly details: string;
}

/** The program behind `simulator:`: an application that takes any number of wires. */
export interface Simulator {
  attach(wire: Wire): void;
  /** A bridge has refused a transaction, since another one is running: the application itself never heard of it. */
  refused?(refusal: Refusal): void;
  close(): Promise<void>;
}

/** What a module with a simulator exports. */
export interface SimulatorModule {
  /** `options` are the endpoint's own. Rejects with a BridgeError for one that this simulator cannot use. */
  openSimulator(
    options: Readonly<Record<string, string>>,
    context: { readonly clock: Clock; readonly log: Logger },
  ): Promise<Simulator>;
}
