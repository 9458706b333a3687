import { type JsonObject, textAt } from '../../rpc/json-tree.ts';
import type { Assumptions } from './assumptions.ts';
import { type Element, field } from './document.ts';
import type { Terminal } from './terminal.ts';

/** What STATUS tells of a terminal, beside its verdict. */
export function statusFields(
  { session, running }: Terminal,
  assumed: Assumptions,
  nowMs: number,
  status: JsonObject | undefined,
): Element[] {
  const state =
    running !== undefined ? 'status-busy' : session !== undefined ? 'status-session' : 'status-idle';
  const serial = textAt(status, 'serial_number');
  const label = session?.owner.register.startsWith('P_') === true ? session.owner.register : undefined;
  return [
    field('SECONDARY_DATA', assumed[state]),
    ...(label === undefined ? [] : [field('MACLABEL_IN_SESSION', label)]),
    ...(session === undefined
      ? []
      : [
          field('SESSION_DURATION', durationText(nowMs - session.startedMs)),
          field('INVOICE_SESSION', session.invoice),
        ]),
    ...(serial === undefined ? [] : [field('SERIAL_NUMBER', serial)]),
  ];
}

function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return [seconds / 3600, (seconds / 60) % 60, seconds % 60]
    .map((part) => String(Math.floor(part)).padStart(2, '0'))
    .join(':');
}
