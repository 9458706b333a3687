import { REQUEST_BOUNDS } from '../base/request-meter.ts';
import { KEEPALIVE_BOUNDS } from '../base/statistics.ts';
import {
  type Family,
  type HistogramFamily,
  type Labels,
  type MetricsFormat,
  metricsOf,
  type Sample,
} from './openmetrics.ts';
import type { HistogramCounts, ProcessStatus } from './process-status.ts';

/**
 * Metrics of one process, or the sums over several. Labels have a bounded number of values: methods that a peer has
 * invented are `other`, and applications whose endpoint names the connection are one.
 */
export function metricsText(processes: readonly ProcessStatus[], format: MetricsFormat): string {
  return metricsOf(
    [
      ...aboutProcesses(processes),
      ...aboutConnections(processes),
      ...aboutRequests(processes),
      ...aboutPlaces(processes),
      ...aboutTraffic(processes),
    ],
    format,
  );
}

function aboutProcesses(processes: readonly ProcessStatus[]): Family[] {
  const versions = new Set(processes.map(({ posbridge }) => posbridge));
  const builds = [...versions].map((version) => ({ labels: { version }, value: 1 }));
  const startedS = processes.map(({ started }) => Date.parse(started) / 1000);
  const info: Family = {
    name: 'posbridge_build',
    type: 'info',
    help: 'The version that runs.',
    samples: builds,
  };
  if (processes.length === 0) return [gauge('posbridge_processes', 'Processes that run.', 0)];
  return [
    info,
    gauge('posbridge_processes', 'Processes that run.', processes.length),
    {
      ...gauge('process_start_time_seconds', 'When it was started.', Math.min(...startedS)),
      unit: 'seconds',
    },
    {
      ...gauge(
        'process_resident_memory_bytes',
        'Memory that is resident.',
        sum(processes, (one) => one.memory_bytes),
      ),
      unit: 'bytes',
    },
    {
      ...counter('process_cpu_seconds', 'Time of processors that was used.', [
        { value: sum(processes, (one) => one.cpu_seconds) },
      ]),
      unit: 'seconds',
    },
  ];
}

function aboutConnections(processes: readonly ProcessStatus[]): Family[] {
  const agesS = processes.flatMap(({ time, totals: { oldest_transaction: oldest } }) =>
    oldest === undefined ? [] : [(Date.parse(time) - Date.parse(oldest)) / 1000],
  );
  const journals = processes.flatMap(({ journal }) => (journal?.is_usable === undefined ? [] : [journal]));
  const folders = new Map(journals.map((journal) => [journal.place, journal]));
  const ofJournals = (read: (journal: (typeof journals)[number]) => number | undefined) =>
    sum([...folders.values()], (journal) => read(journal) ?? 0);
  const families = [
    {
      ...gauge('posbridge_connections', 'Connections that are open, by what the peer speaks.', 0),
      samples: [...sums(processes, ({ totals }) => totals.connections)].map(([dialect, value]) => ({
        labels: { dialect },
        value,
      })),
    },
    ofCounts(processes, 'posbridge_connections_opened', 'Connections that have begun.', [
      ['connections opened', {}],
    ]),
    ofCounts(processes, 'posbridge_connections_refused', 'Connections that were turned away.', [
      ['connections refused', {}],
    ]),
    gauge(
      'posbridge_open_requests',
      'Requests of peers that are not answered yet.',
      sum(processes, ({ totals }) => totals.open_requests),
    ),
    {
      ...gauge('posbridge_open_transactions', 'Transactions that are open, by where each is.', 0),
      samples: [...sums(processes, ({ totals }) => totals.transactions)].map(([state, value]) => ({
        labels: { state },
        value,
      })),
    },
    {
      ...gauge(
        'posbridge_oldest_transaction_seconds',
        'Age of the oldest open transaction; 0: there is none.',
        Math.max(0, ...agesS),
      ),
      unit: 'seconds',
    },
  ];
  if (folders.size === 0) return families;
  return [
    ...families,
    gauge(
      'posbridge_journal_up',
      'Whether every journal can be used.',
      Math.min(...journals.map((one) => (one.is_usable ? 1 : 0))),
    ),
    gauge(
      'posbridge_unresolved_transactions',
      'Entries of the journal without an outcome and without a process.',
      ofJournals((one) => one.unresolved),
    ),
    gauge(
      'posbridge_contradicted_transactions',
      'Entries of the journal that are charged although "not charged" was told.',
      ofJournals((one) => one.contradicted),
    ),
    gauge(
      'posbridge_damaged_entries',
      'Entries of the journal that cannot be read.',
      ofJournals((one) => one.damaged),
    ),
  ];
}

function aboutRequests(processes: readonly ProcessStatus[]): (Family | HistogramFamily)[] {
  const outcomes = new Map<string, { labels: Labels; value: number }>();
  const times = new Map<string, { labels: Labels; counts: { counts: number[]; sum: number } }>();
  for (const { method, is_known, outcomes: own, seconds } of processes.flatMap(({ requests }) => requests)) {
    const label = is_known ? method : 'other';
    for (const [outcome, count] of Object.entries(own)) {
      const sample = outcomes.get(`${label} ${outcome}`) ?? { labels: { method: label, outcome }, value: 0 };
      sample.value += count;
      outcomes.set(`${label} ${outcome}`, sample);
    }
    const time = times.get(label) ?? { labels: { method: label }, counts: emptyCounts(REQUEST_BOUNDS) };
    addCounts(time.counts, seconds);
    times.set(label, time);
  }
  const keepalives = emptyCounts(KEEPALIVE_BOUNDS);
  for (const one of processes) addCounts(keepalives, one.keepalives);
  return [
    counter(
      'posbridge_requests',
      'Requests of peers that are over, by how they ended: result, error, or what the bridge itself said.',
      [...outcomes.values()],
    ),
    counter('posbridge_unknown_outcomes', 'Transactions that ended without an outcome.', [
      {
        value: sum(
          processes.flatMap(({ requests }) => requests),
          (one) => one.outcomes['OUTCOME_UNKNOWN'] ?? 0,
        ),
      },
    ]),
    {
      name: 'posbridge_request_duration_seconds',
      type: 'histogram',
      unit: 'seconds',
      help: 'How long requests of peers were open.',
      bounds: REQUEST_BOUNDS,
      samples: [...times.values()],
    },
    {
      name: 'posbridge_keepalive_duration_seconds',
      type: 'histogram',
      unit: 'seconds',
      help: 'How long peers took to answer a keepalive.',
      bounds: KEEPALIVE_BOUNDS,
      samples: [{ counts: keepalives }],
    },
  ];
}

function aboutPlaces(processes: readonly ProcessStatus[]): Family[] {
  const applications = new Map<string, boolean>();
  for (const { endpoint, is_fixed, missing } of processes.flatMap((one) => one.applications)) {
    const label = is_fixed ? endpoint : 'per connection';
    applications.set(label, (applications.get(label) ?? true) && missing === 0);
  }
  const places = new Map<string, boolean>();
  for (const { place, state } of processes.flatMap((one) => one.places)) {
    places.set(place, (places.get(place) ?? true) && state !== 'opening');
  }
  const upOrDown = (all: ReadonlyMap<string, boolean>, label: string) =>
    [...all].map(([name, isUp]) => ({ labels: { [label]: name }, value: isUp ? 1 : 0 }));
  return [
    {
      ...gauge(
        'posbridge_application_up',
        'Whether the application is there for every connection that wants it.',
        0,
      ),
      samples: upOrDown(applications, 'endpoint'),
    },
    {
      ...gauge('posbridge_place_up', 'Whether we listen there, or have the line open.', 0),
      samples: upOrDown(places, 'place'),
    },
  ];
}

function aboutTraffic(processes: readonly ProcessStatus[]): Family[] {
  const others = new Map<string, number>();
  for (const { counts } of processes) {
    for (const [name, count] of Object.entries(counts)) {
      if (!NAMED_COUNTS.has(name)) others.set(name, (others.get(name) ?? 0) + count);
    }
  }
  return [
    ...TRAFFIC.map(({ name, help, unit, counts }) => ({
      ...ofCounts(processes, name, help, counts),
      ...(unit !== undefined && { unit }),
    })),
    {
      ...gauge('posbridge_waiting_bytes', 'Bytes that wait to be taken, by whom.', 0),
      unit: 'bytes',
      samples: [
        { labels: { by: 'peer' }, value: sum(processes, ({ totals }) => totals.wire_waiting_bytes) },
        {
          labels: { by: 'application' },
          value: sum(processes, ({ totals }) => totals.channel_waiting_bytes),
        },
      ],
    },
    counter(
      'posbridge_events',
      'What else was counted, by its name in the statistics of the log.',
      [...others].map(([event, value]) => ({ labels: { event }, value })),
    ),
  ];
}

interface CountFamily {
  readonly name: string;
  readonly help: string;
  readonly unit?: string;
  /** Names of the statistics, with the labels that each gets. */
  readonly counts: readonly (readonly [string, Labels])[];
}

const BOTH_WAYS = (what: string): CountFamily['counts'] => [
  [`${what} in`, { direction: 'in' }],
  [`${what} out`, { direction: 'out' }],
];

const TRAFFIC: readonly CountFamily[] = [
  {
    name: 'posbridge_wire_bytes',
    unit: 'bytes',
    help: 'Bytes of peers, and to them.',
    counts: BOTH_WAYS('wire bytes'),
  },
  {
    name: 'posbridge_channel_bytes',
    unit: 'bytes',
    help: 'Bytes of applications, and to them.',
    counts: BOTH_WAYS('channel bytes'),
  },
  { name: 'posbridge_frames', help: 'Frames of peers, and to them.', counts: BOTH_WAYS('frames') },
  {
    name: 'posbridge_dropped_lines',
    help: 'Lines that an application had no room for.',
    counts: ['notification', 'answer'].map((kind) => [`dropped ${kind}s`, { kind }] as const),
  },
  {
    name: 'posbridge_refused_lines',
    help: 'Lines of applications that were refused.',
    counts: [['refused lines', {}]],
  },
  {
    name: 'posbridge_line_errors',
    help: 'Bytes that a serial line has damaged.',
    counts: [['line errors', {}]],
  },
];

const NAMED_COUNTS: ReadonlySet<string> = new Set([
  ...TRAFFIC.flatMap(({ counts }) => counts.map(([name]) => name)),
  'connections opened',
  'connections refused',
]);

function gauge(name: string, help: string, value: number): Family {
  return { name, type: 'gauge', help, samples: [{ value }] };
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'counter', help, samples };
}

function ofCounts(
  processes: readonly ProcessStatus[],
  name: string,
  help: string,
  counts: CountFamily['counts'],
): Family {
  return counter(
    name,
    help,
    counts.map(([count, labels]) => ({ labels, value: sum(processes, (one) => one.counts[count] ?? 0) })),
  );
}

function sum<T>(all: readonly T[], read: (one: T) => number): number {
  return all.reduce((total, one) => total + read(one), 0);
}

/** Counts by name, over all processes. */
function sums(
  processes: readonly ProcessStatus[],
  read: (one: ProcessStatus) => Readonly<Record<string, number>>,
): Map<string, number> {
  const all = new Map<string, number>();
  for (const [name, count] of processes.flatMap((one) => Object.entries(read(one)))) {
    all.set(name, (all.get(name) ?? 0) + count);
  }
  return all;
}

function emptyCounts(bounds: readonly number[]): { counts: number[]; sum: number } {
  return { counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 };
}

function addCounts(to: { counts: number[]; sum: number }, { counts, sum: more }: HistogramCounts): void {
  to.counts = to.counts.map((count, bucket) => count + (counts[bucket] ?? 0));
  to.sum += more;
}
