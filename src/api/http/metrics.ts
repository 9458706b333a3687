import { ANYBODY } from '../caller.ts';
import { SALE_STATES } from '../sale.ts';
import type { ApiService } from '../service.ts';
import type { EventStreams } from './event-streams.ts';

/** Everything that is counted, in the text format of Prometheus. */
export type MetricsText = () => string;

/** Requests by operation and status. */
export class RequestCounts {
  readonly #counts = new Map<string, number>();

  count(operation: string, status: number): void {
    const labels = `operation="${operation}",status="${status}"`;
    this.#counts.set(labels, (this.#counts.get(labels) ?? 0) + 1);
  }

  get lines(): string[] {
    return [...this.#counts].map(([labels, count]) => `posbridge_api_requests_total{${labels}} ${count}`);
  }
}

export function metricsText(
  requests: RequestCounts,
  service: ApiService,
  streams: EventStreams,
): MetricsText {
  return () => {
    const states = new Map(SALE_STATES.map((state) => [state, 0]));
    for (const { state } of service.book.all) states.set(state, (states.get(state) ?? 0) + 1);
    const terminals = service.terminals(ANYBODY);
    const lines = [
      '# HELP posbridge_api_requests_total Requests that were answered.',
      '# TYPE posbridge_api_requests_total counter',
      ...requests.lines,
      '# HELP posbridge_api_sales Sales in the store by state.',
      '# TYPE posbridge_api_sales gauge',
      ...[...states].map(([state, count]) => `posbridge_api_sales{state="${state}"} ${count}`),
      '# HELP posbridge_api_terminal_connected Whether a terminal is connected.',
      '# TYPE posbridge_api_terminal_connected gauge',
      ...terminals.map(
        ({ name, isConnected }) =>
          `posbridge_api_terminal_connected{terminal="${name}"} ${isConnected ? 1 : 0}`,
      ),
      '# HELP posbridge_api_event_streams Event streams that are open.',
      '# TYPE posbridge_api_event_streams gauge',
      `posbridge_api_event_streams ${streams.count}`,
    ];
    return `${lines.join('\n')}\n`;
  };
}
