import { type Family, metricsOf } from '../../status/openmetrics.ts';
import { ANYBODY } from '../caller.ts';
import { SALE_STATES } from '../sale.ts';
import type { ApiService } from '../service.ts';
import type { EventStreams } from './event-streams.ts';

/** Everything that is counted, in the text format of Prometheus. */
export type MetricsText = () => string;

/** Requests by operation and status. */
export class RequestCounts {
  readonly #counts = new Map<string, { readonly operation: string; readonly status: string; sum: number }>();

  count(operation: string, status: number): void {
    const key = `${operation} ${status}`;
    const count = this.#counts.get(key) ?? { operation, status: String(status), sum: 0 };
    count.sum += 1;
    this.#counts.set(key, count);
  }

  get samples(): Family['samples'] {
    return [...this.#counts.values()].map(({ operation, status, sum }) => ({
      labels: { operation, status },
      value: sum,
    }));
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
    const families: Family[] = [
      {
        name: 'posbridge_api_requests',
        type: 'counter',
        help: 'Requests that were answered.',
        samples: requests.samples,
      },
      {
        name: 'posbridge_api_sales',
        type: 'gauge',
        help: 'Sales in the store by state.',
        samples: [...states].map(([state, value]) => ({ labels: { state }, value })),
      },
      {
        name: 'posbridge_api_terminal_connected',
        type: 'gauge',
        help: 'Whether a terminal is connected.',
        samples: service.terminals(ANYBODY).map(({ name, isConnected }) => ({
          labels: { terminal: name },
          value: isConnected ? 1 : 0,
        })),
      },
      {
        name: 'posbridge_api_event_streams',
        type: 'gauge',
        help: 'Event streams that are open.',
        samples: [{ value: streams.count }],
      },
    ];
    return metricsOf(families, 'text');
  };
}
