import type { Clock } from '../base/clock.ts';
import type { Histogram } from '../base/histogram.ts';
import type { LogLevel } from '../base/log.ts';
import type { LogLevels } from '../base/log-levels.ts';
import { maskValue } from '../base/mask.ts';
import { shorten } from '../base/printable.ts';
import type { Statistics } from '../base/statistics.ts';
import type { ConnectionStatus, PlaceStatus, StatusSource, TransactionStatus } from '../base/status.ts';
import type { Presence } from '../channel/presence.ts';
import type { JournalStatus } from './journal-watch.ts';

/** All that one process tells about itself, at one moment. */
export interface ProcessStatus {
  /** The version. */
  readonly posbridge: string;
  readonly command: string;
  readonly pid: number;
  readonly time: string;
  readonly started: string;
  readonly is_stopping: boolean;
  readonly log_level: LogLevel;
  readonly memory_bytes: number;
  readonly cpu_seconds: number;
  readonly places: readonly PlaceStatus[];
  readonly totals: Totals;
  /** At most `MAX_CONNECTIONS` of them. */
  readonly connections: readonly (ConnectionStatus & { readonly is_traced: boolean })[];
  readonly applications: readonly ApplicationCounts[];
  readonly journal?: JournalStatus;
  /** By name. */
  readonly counts: Readonly<Record<string, number>>;
  readonly requests: readonly RequestCounts[];
  readonly keepalives: HistogramCounts;
}

/** Over all connections. */
export interface Totals {
  /** By what the peer speaks. */
  readonly connections: Readonly<Record<string, number>>;
  readonly open_requests: number;
  /** By state. */
  readonly transactions: Readonly<Record<TransactionStatus['state'], number>>;
  /** When the oldest open transaction began. */
  readonly oldest_transaction?: string;
  readonly wire_waiting_bytes: number;
  readonly channel_waiting_bytes: number;
}

/** How many connections have this application, and how many miss it. */
export interface ApplicationCounts {
  readonly endpoint: string;
  /** The same for every connection. */
  readonly is_fixed: boolean;
  readonly there: number;
  readonly missing: number;
}

export interface RequestCounts {
  readonly method: string;
  /** The protocol has it; others are a peer's own invention. */
  readonly is_known: boolean;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly seconds: HistogramCounts;
}

export interface HistogramCounts {
  readonly counts: readonly number[];
  readonly sum: number;
}

/** What the status of a process is made of. */
export interface Observed {
  readonly version: string;
  readonly command: string;
  readonly pid: number;
  readonly clock: Clock;
  readonly startedMs: number;
  readonly statistics: Statistics;
  readonly presence: Presence;
  readonly levels: LogLevels;
  /** Whether an application's endpoint is the same for every connection. */
  readonly isFixed: (endpoint: string) => boolean;
  readonly isStopping: () => boolean;
  /** Whoever has connections, as soon as there is one. */
  readonly source: () => StatusSource | undefined;
  readonly journal: () => JournalStatus | undefined;
}

/** Gathers it. Masked, as everything that leaves the process. */
export function processStatus(observed: Observed): ProcessStatus {
  const { version, command, pid, clock, startedMs, statistics, presence, levels, source, journal } = observed;
  const { connections = [], places = [] } = source() ?? {};
  const now = clock.wallMs();
  const { user, system } = process.cpuUsage();
  const watched = journal();
  const { connections: listed, ...status }: ProcessStatus = {
    posbridge: version,
    command,
    pid,
    time: new Date(now).toISOString(),
    started: new Date(now - (clock.nowMs() - startedMs)).toISOString(),
    is_stopping: observed.isStopping(),
    log_level: levels.general,
    memory_bytes: process.memoryUsage.rss(),
    cpu_seconds: (user + system) / 1e6,
    places,
    totals: totalsOf(connections),
    // Each by itself: what is masked at one go is bounded.
    connections: connections.slice(0, MAX_CONNECTIONS).map((one) => {
      const shown = maskValue(one) as ConnectionStatus;
      return { ...shown, is_traced: levels.isTraced(one.connection) };
    }),
    applications: [...presence.counts].map(([endpoint, { there, missing, isMissed }]) => ({
      endpoint,
      is_fixed: observed.isFixed(endpoint),
      there,
      missing: Math.max(missing, isMissed ? 1 : 0),
    })),
    ...(watched !== undefined && { journal: watched }),
    counts: statistics.counts,
    requests: [...statistics.requests].map(([method, { isKnown, outcomes, seconds }]) => ({
      method: shorten(method, MAX_METHOD),
      is_known: isKnown,
      outcomes: Object.fromEntries([...outcomes].map(([outcome, { sum }]) => [outcome, sum])),
      seconds: countsOf(seconds),
    })),
    keepalives: countsOf(statistics.keepalives),
  };
  return { ...(maskValue(status) as typeof status), connections: listed };
}

function totalsOf(connections: readonly ConnectionStatus[]): Totals {
  const byDialect: Record<string, number> = {};
  const transactions = { undecided: 0, queued: 0, 'handed-over': 0, asking: 0, settled: 0 };
  let oldest: string | undefined;
  let [requests, onWires, onChannels] = [0, 0, 0];
  for (const {
    dialect,
    open_requests,
    requests: open,
    applications,
    wire_waiting_bytes = 0,
  } of connections) {
    byDialect[dialect] = (byDialect[dialect] ?? 0) + 1;
    requests += open_requests;
    onWires += wire_waiting_bytes;
    for (const { waiting_bytes } of applications) onChannels += waiting_bytes;
    for (const { since, transaction } of open) {
      if (transaction === undefined) continue;
      transactions[transaction.state] += 1;
      if (oldest === undefined || since < oldest) oldest = since;
    }
  }
  return {
    connections: byDialect,
    open_requests: requests,
    transactions,
    ...(oldest !== undefined && { oldest_transaction: oldest }),
    wire_waiting_bytes: onWires,
    channel_waiting_bytes: onChannels,
  };
}

/** Connections that are told one by one. */
const MAX_CONNECTIONS = 1000;

const MAX_METHOD = 64;

function countsOf({ counts, sum }: Histogram): HistogramCounts {
  return { counts: [...counts], sum };
}
