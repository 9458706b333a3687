import { type Family, metricsOf } from '../../status/openmetrics.ts';
import { type Caller, maySee } from '../caller.ts';
import { SALE_STATES } from '../sale.ts';
import type { ApiService } from '../service.ts';
import type { EventStreams } from './event-streams.ts';

/** What is counted, as far as a caller may know it, in the text format of Prometheus. */
export type MetricsText = (caller: Caller) => string;

/** Requests by operation and status. */
export class RequestCounts {
  readonly #counts = new Map<string, Map<number, number>>();

  count(operation: string, status: number): void {
    let counts = this.#counts.get(operation);
    if (counts === undefined) {
      counts = new Map();
      this.#counts.set(operation, counts);
    }
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }

  get samples(): Family['samples'] {
    return [...this.#counts].flatMap(([operation, counts]) =>
      [...counts].map(([status, value]) => ({ labels: { operation, status: String(status) }, value })),
    );
  }
}

export function metricsText(
  requests: RequestCounts,
  service: ApiService,
  streams: EventStreams,
): MetricsText {
  return (caller) => {
    // What all callers do together says something of terminals that are not this one's.
    const isForAll = caller.terminals === undefined;
    const states = new Map(SALE_STATES.map((state) => [state, 0]));
    for (const sale of service.book.all) {
      if (maySee(caller, sale)) states.set(sale.state, (states.get(sale.state) ?? 0) + 1);
    }
    const families: Family[] = [
      {
        name: 'posbridge_api_requests',
        type: 'counter',
        help: 'Requests that were answered.',
        samples: isForAll ? requests.samples : [],
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
        samples: service.terminals(caller).map(({ name, isConnected }) => ({
          labels: { terminal: name },
          value: isConnected ? 1 : 0,
        })),
      },
      {
        name: 'posbridge_api_event_streams',
        type: 'gauge',
        help: 'Event streams that are open.',
        samples: isForAll ? [{ value: streams.count }] : [],
      },
    ];
    return metricsOf(families, 'text');
  };
}
