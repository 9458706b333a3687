import type { ChargePointReport } from '../dialect/ocpp/database/reports.ts';
import type { FrameRow, TransactionRow } from '../dialect/ocpp/database/tables.ts';
import { columns } from './columns.ts';

/** A table of charge points, a line each. */
export function pointsTable(points: readonly ChargePointReport[]): string[] {
  const head = ['IDENTITY', 'STATE', 'REGISTRATION', 'CONNECTORS', 'MODEL', 'LAST SEEN'];
  const rows = points.map((point) => [
    point.identity,
    point.online ? 'online' : 'offline',
    point.registration ?? '-',
    point.connectors
      .filter(({ connector_id }) => connector_id > 0)
      .map(({ connector_id, status, error_code }) => `${connector_id}:${status}${faultOf(error_code)}`)
      .join(' ') || '-',
    [point.vendor, point.model].filter(Boolean).join(' ') || '-',
    shortTime(point.last_seen_at),
  ]);
  return columns([head, ...rows]);
}

/** Everything about one charge point. */
export function detailsOf(
  point: ChargePointReport,
  running: readonly TransactionRow[],
  waiting: number,
): string[] {
  const { connectors, ...members } = point;
  const rows = Object.entries(members).filter(([, value]) => value !== null);
  return [
    ...columns(rows.map(([name, value]) => [name.replaceAll('_', ' '), String(value)])),
    ...(waiting > 0 ? [`messages that wait for an application: ${waiting}`] : []),
    '',
    ...columns([
      ['CONNECTOR', 'STATUS', 'ERROR', 'SINCE'],
      ...connectors.map(({ connector_id, status, error_code, updated_at }) => [
        String(connector_id),
        status,
        error_code,
        shortTime(updated_at),
      ]),
    ]),
    ...(running.length > 0 ? ['', ...transactionsTable(running)] : []),
  ];
}

export function transactionsTable(rows: readonly TransactionRow[]): string[] {
  const head = ['ID', 'CHARGE POINT', 'CONNECTOR', 'TAG', 'STARTED', 'STOPPED', 'KWH', 'REASON'];
  return columns([
    head,
    ...rows.map((row) => [
      String(row.id),
      row.charge_point,
      String(row.connector_id),
      row.id_tag,
      shortTime(row.started_at),
      row.stopped_at === null ? 'running' : shortTime(row.stopped_at),
      row.meter_stop === null ? '-' : ((row.meter_stop - row.meter_start) / 1000).toFixed(3),
      row.stop_reason ?? '-',
    ]),
  ]);
}

export function frameLine({ at, charge_point, direction, text }: FrameRow): string {
  return `${at} ${charge_point} ${direction === 'in' ? '<-' : '->'} ${text}`;
}

function faultOf(errorCode: string): string {
  return errorCode === 'NoError' ? '' : `(${errorCode})`;
}

/** To the second. */
function shortTime(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z');
}
