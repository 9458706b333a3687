import type { AskingDialect, AskingSettings } from './asking.ts';
import type { Demo } from './demo.ts';
import type { Dialect } from './dialect.ts';
import type { Inspector } from './inspecting.ts';
import type { SimulatorModule } from './simulator.ts';

/**
 * Which ends of a protocol there are. `answers`: a peer on a wire that somebody else has opened. `dials`: connects to
 * the peer. `listens`: for peers (`serve`). `asks`: a terminal, as its register. `simulates`: `posbridge terminal` can
 * be such a terminal by itself.
 */
export type Role = 'answers' | 'dials' | 'listens' | 'asks' | 'simulates';

/** An option that only this dialect has. */
export interface DialectOption {
  readonly name: string;
  /** What the value is called in the help; a flag has none. */
  readonly value?: string;
  /** In the help it stands behind the dialect's name: `sca: …`. It ends with the default, where there is one. */
  readonly help: string;
  /** It means nothing to a simulated terminal. */
  readonly isNotSimulated?: true;
}

/** A row of the registry: what has to be known of a dialect before its code is loaded. */
export interface DialectRow {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly options: readonly DialectOption[];
  /** Options of every bridge that mean nothing here, such as `keepalive` and `sync`: they are refused. */
  readonly lacks: readonly string[];
  /** What stands behind `simulator:`; default: the simulated payment terminal. */
  readonly simulator?: () => Promise<SimulatorModule>;
  /** Default: `posbridge demo` cannot show it. */
  readonly demo?: () => Promise<Demo>;
  /** Loads it with the options that the user gave. Rejects with `DialectSettings.fault`. */
  setUp(settings: DialectSettings): Promise<Dialect>;
  /** Loads the end that asks terminals; goes with the role `asks`. Rejects with `AskingSettings.fault`. */
  asks?(settings: AskingSettings): Promise<AskingDialect>;
  /**
   * Loads what reads a recorded wire, for `posbridge inspect` and `--capture`. A test demands it of every row in the
   * registry.
   */
  inspects?(): Promise<Inspector>;
  /** What an endpoint of a terminal may say beside where it is: `?name=value`, of no concern to the wire. */
  readonly terminalOptions?: readonly DialectOption[];
}

/** What a dialect may ask about its own options. */
export interface DialectSettings {
  /** What the user gave. */
  text(option: string): string | undefined;
  /** Whether the user gave an option that has no value. */
  flag(option: string): boolean;
  /** The simulated terminal is behind the channels. */
  readonly isSimulated: boolean;
  /** A variable of the environment. */
  environment(name: string): string | undefined;
  /** The error about an option that cannot be used. `why` follows `--OPTION: `: what is wrong, then what to do. */
  fault(option: string, why: string): Error;
}
