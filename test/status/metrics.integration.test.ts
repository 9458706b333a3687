import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { LogLevels } from '../../src/base/log-levels.ts';
import { Statistics } from '../../src/base/statistics.ts';
import type { ConnectionStatus } from '../../src/base/status.ts';
import { Presence } from '../../src/channel/presence.ts';
import { metricsText } from '../../src/status/metrics.ts';
import { type ProcessStatus, processStatus } from '../../src/status/process-status.ts';
import { FakeClock } from '../kit/fake-clock.ts';

const PAN = '4111111111111111';

/** A process that serves one connection with an open purchase. */
function observed(more: { readonly method?: string; readonly endpoint?: string } = {}): ProcessStatus {
  const clock = new FakeClock();
  const statistics = new Statistics();
  const presence = new Presence();
  const isKnown = (method: string) => method === 'Purchase' || method === 'Status';
  statistics.count('frames in', 3);
  statistics.count('a rare event', 2);
  statistics.keptAlive(40);
  statistics.requests.count('Purchase', 'result', isKnown, 12);
  statistics.requests.count('Purchase', 'OUTCOME_UNKNOWN', isKnown, 1000);
  statistics.requests.count(more.method ?? 'Invented', 'error', isKnown, 0.01);
  presence.change(more.endpoint ?? 'unix:/run/pay.sock', 'unknown', 'missing');
  const connection: ConnectionStatus = {
    ...{ connection: 'till.x', dialect: 'jsonpos', peer: '10.0.0.7', state: 'open' },
    since: new Date(clock.wallMs() - 60_000).toISOString(),
    open_requests: 1,
    requests: [
      {
        method: 'Purchase',
        since: new Date(clock.wallMs() - 45_000).toISOString(),
        transaction: { state: 'handed-over', identity: { receipt_id: '17', note: PAN } },
      },
    ],
    applications: [
      { endpoint: 'unix:/run/pay.sock', channels: ['payment'], state: 'missing', waiting_bytes: 5 },
    ],
    wire_waiting_bytes: 7,
  };
  return processStatus({
    ...{
      version: '1.2.3',
      command: 'serve',
      pid: 4711,
      clock,
      startedMs: clock.nowMs(),
      statistics,
      presence,
    },
    levels: new LogLevels('info'),
    isFixed: (endpoint) => endpoint === 'unix:/run/pay.sock',
    isStopping: () => false,
    source: () => ({
      gauges: {},
      connections: [connection],
      places: [{ place: 'serial:/dev/ttyS0', state: 'opening', failures: 3 }],
    }),
    journal: () => ({ place: '/var/lib/j', is_usable: true, unresolved: 2, contradicted: 0, damaged: 0 }),
  });
}

test('metrics tell connections, requests, applications, lines, journal and queues', () => {
  const text = metricsText([observed()], 'openmetrics');
  for (const line of [
    'posbridge_connections{dialect="jsonpos"} 1',
    'posbridge_open_requests 1',
    'posbridge_open_transactions{state="handed-over"} 1',
    'posbridge_oldest_transaction_seconds 45',
    'posbridge_requests_total{method="Purchase",outcome="result"} 1',
    'posbridge_requests_total{method="other",outcome="error"} 1',
    'posbridge_unknown_outcomes_total 1',
    'posbridge_request_duration_seconds_bucket{method="Purchase",le="30.0"} 1',
    'posbridge_request_duration_seconds_bucket{method="Purchase",le="+Inf"} 2',
    'posbridge_request_duration_seconds_sum{method="Purchase"} 1012',
    'posbridge_keepalive_duration_seconds_count 1',
    'posbridge_application_up{endpoint="unix:/run/pay.sock"} 0',
    'posbridge_place_up{place="serial:/dev/ttyS0"} 0',
    'posbridge_journal_up 1',
    'posbridge_unresolved_transactions 2',
    'posbridge_frames_total{direction="in"} 3',
    'posbridge_waiting_bytes{by="peer"} 7',
    'posbridge_waiting_bytes{by="application"} 5',
    'posbridge_events_total{event="a rare event"} 2',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  expect(text.endsWith('# EOF\n')).toBe(true);
});

test('metrics of several processes are sums', () => {
  const text = metricsText([observed(), observed()], 'text');
  expect(text).toContain('posbridge_processes 2\n');
  expect(text).toContain('posbridge_requests_total{method="Purchase",outcome="result"} 2\n');
  expect(text).toContain('posbridge_unresolved_transactions 2\n'); // they share the journal
});

test('what a peer invents makes no label, nor does an endpoint that names the connection', () => {
  const status = observed({ method: PAN, endpoint: 'unix:/run/till.x.sock' });
  const text = metricsText([status], 'openmetrics');
  expect(text).toContain('posbridge_application_up{endpoint="per connection"} 0\n');
  expect(text).not.toContain(PAN);
  expect(JSON.stringify(status)).not.toContain(PAN);
});

test.each(['text', 'openmetrics'] as const)(
  'metrics as %s follow the conventions of Prometheus',
  (format) => {
    const input = metricsText([observed()], format);
    if (format === 'text') execFileSync('promtool', ['check', 'metrics'], { input }); // it reads no other form
    for (const line of input
      .split('\n')
      .filter((text) => text.startsWith('# TYPE') && text.endsWith('counter'))) {
      expect(line.split(' ')[2]?.endsWith('_total')).toBe(format === 'text');
    }
  },
);

test.each(['check', 'test'])('the example of alerts stands up to promtool %s rules', (action) => {
  const file = {
    check: 'examples/prometheus/posbridge.rules.yml',
    test: 'test/fixtures/prometheus/alerts.test.yml',
  };
  execFileSync('promtool', [action, 'rules', file[action as 'check' | 'test']]);
});
