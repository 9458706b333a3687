import type { PosClient } from '../pos/pos-client.ts';
import type { Interrupts } from './pos-interrupts.ts';
import type { PosScreen } from './pos-screen.ts';
import type { Settings } from './settings.ts';

/** What an action of `posbridge pos` works with. */
export interface PosJob {
  readonly settings: Settings;
  /** What follows the action. */
  readonly operands: readonly string[];
  readonly client: PosClient;
  readonly screen: PosScreen;
  readonly interrupts: Interrupts;
  /** Where the terminal is, for people. */
  readonly to: string;
}

/** Does the work and answers with the exit status. */
export type PosWork = (job: PosJob) => Promise<number>;

/** Refuses operands and options before anything is opened; what it makes of them is for the work. */
export type PreparePos = (settings: Settings, operands: readonly string[]) => PosWork;
