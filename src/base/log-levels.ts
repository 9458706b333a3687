import { LOG_LEVELS, type LogLevel } from './log.ts';

/** How much a log says: in general, and of single connections everything. Both may change while the process runs. */
export class LogLevels {
  #general: LogLevel;
  #rank: number;
  readonly #traced = new Set<string>();

  constructor(general: LogLevel) {
    this.#general = general;
    this.#rank = RANKS[general];
  }

  get general(): LogLevel {
    return this.#general;
  }

  set general(level: LogLevel) {
    this.#general = level;
    this.#rank = RANKS[level];
  }

  /** From now on every message of this connection is logged, or no more than of others. */
  trace(connection: string, isTraced: boolean): void {
    if (isTraced) this.#traced.add(connection);
    else this.#traced.delete(connection);
  }

  isTraced(connection: string): boolean {
    return this.#traced.has(connection);
  }

  allows(level: LogLevel, connection: string | undefined): boolean {
    if (RANKS[level] <= this.#rank) return true;
    return this.#traced.size > 0 && connection !== undefined && this.#traced.has(connection);
  }
}

const RANKS = Object.fromEntries(LOG_LEVELS.map((level, rank) => [level, rank])) as Record<LogLevel, number>;
