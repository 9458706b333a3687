import type { HistogramCounts } from './process-status.ts';

/**
 * `openmetrics`: OpenMetrics 1.0. `text`: what Prometheus read before, and node_exporter's textfile collector still
 * does.
 */
export type MetricsFormat = 'openmetrics' | 'text';

export const METRICS_TYPES: Readonly<Record<MetricsFormat, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  text: 'text/plain; version=0.0.4; charset=utf-8',
};

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'info';
  readonly unit?: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface HistogramFamily extends Omit<Family, 'type' | 'samples'> {
  readonly type: 'histogram';
  readonly bounds: readonly number[];
  readonly samples: readonly { readonly labels?: Labels; readonly counts: HistogramCounts }[];
}

/** Writes families in a format. A family without samples is left out. */
export function metricsOf(families: readonly (Family | HistogramFamily)[], format: MetricsFormat): string {
  const lines = families.flatMap((family) => familyLines(family, format));
  return [...lines, ...(format === 'openmetrics' ? ['# EOF'] : []), ''].join('\n');
}

function familyLines(family: Family | HistogramFamily, format: MetricsFormat): string[] {
  if (family.samples.length === 0) return [];
  const { name, type, unit, help } = family;
  const isOpen = format === 'openmetrics';
  const suffix = type === 'counter' ? '_total' : type === 'info' ? '_info' : '';
  const headName = isOpen ? name : `${name}${suffix}`;
  const typeName = !isOpen && type === 'info' ? 'gauge' : type;
  const head = [
    `# HELP ${headName} ${isOpen ? help.replaceAll('"', '\\"') : help}`,
    `# TYPE ${headName} ${typeName}`,
    ...(isOpen && unit !== undefined ? [`# UNIT ${headName} ${unit}`] : []),
  ];
  const lines =
    family.type === 'histogram'
      ? family.samples.flatMap((sample) => histogramLines(name, family.bounds, sample))
      : family.samples.map(({ labels = {}, value }) => `${name}${suffix}${labelsText(labels)} ${value}`);
  return [...head, ...lines];
}

function histogramLines(
  name: string,
  bounds: readonly number[],
  { labels = {}, counts }: HistogramFamily['samples'][number],
): string[] {
  let seen = 0;
  const buckets = counts.counts.map((count, bucket) => {
    seen += count;
    const bound = bounds[bucket];
    const le = bound === undefined ? '+Inf' : Number.isInteger(bound) ? `${bound}.0` : `${bound}`;
    return `${name}_bucket${labelsText({ ...labels, le })} ${seen}`;
  });
  return [
    ...buckets,
    `${name}_sum${labelsText(labels)} ${counts.sum}`,
    `${name}_count${labelsText(labels)} ${seen}`,
  ];
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
