import { cutText, escapeActive } from '../base/printable.ts';
import type { Turn } from '../inspect/dialogue.ts';
import type { CaptureRecord } from '../inspect/record.ts';

/** What the two ends of a wire are called: in a capture they are known, elsewhere only who began or who stands left. */
export type Ends = readonly [peer: string, bridge: string];

/** A record for people: when, how long after the one before, who to whom, what; then the content, and what is wrong. */
export function turnLines(turn: Turn, ends: Ends): string[] {
  const { record, sinceMs, wrong } = turn;
  const time = record.time === undefined ? '' : record.time.slice(11, 23);
  const since = sinceMs === undefined ? '' : `+${sinceMs} ms`;
  const head = `${time.padEnd(12)} ${since.padStart(10)}  ${whatText(turn, ends)}`.trimEnd();
  const text = 'text' in record && record.text ? [`${INDENT}${shown(record.text)}`] : [];
  return [shown(head), ...text, ...wrong.map((why) => `${INDENT}!! ${shown(why)}`)];
}

function whatText({ record, kind, name, id, answeredMs }: Turn, ends: Ends): string {
  if ('lost' in record) return 'capture';
  if ('event' in record) return eventText(record);
  const who = wayText(record, ends);
  const began =
    'began' in record && record.began !== undefined ? `began ${record.began.slice(11, 23)}, ` : '';
  const answered = answeredMs === undefined ? '' : `after ${answeredMs} ms, `;
  const masked = 'is_masked' in record && record.is_masked === true ? ', masked' : '';
  const what = [kind ?? 'no message', name ?? '', id === undefined ? '' : `#${id}`]
    .filter((word) => word !== '')
    .join(' ');
  return `${who}  ${what} (${answered}${began}${record.bytes} bytes${masked})`;
}

function eventText(record: Extract<CaptureRecord, { readonly event: string }>): string {
  const { connection, event, peer, dialect, framing, why } = record;
  const words = [
    dialect,
    framing === 'messages' ? 'WebSocket' : framing === 'exchange' ? 'HTTP' : undefined,
    peer === undefined ? undefined : `from ${peer}`,
    why,
  ];
  const details = words.filter((word) => word !== undefined).join(', ');
  return `${connection} ${event}${details === '' ? '' : `: ${details}`}`;
}

function wayText(record: Extract<CaptureRecord, { readonly from: string }>, [peer, bridge]: Ends): string {
  const other = 'endpoint' in record ? record.endpoint : peer;
  const way = record.from === 'bridge' ? `${bridge} → ${other}` : `${other} → ${bridge}`;
  return 'endpoint' in record ? way : `${way} [${record.connection}]`;
}

const INDENT = ' '.repeat(25);
const MAX_SHOWN = 4000;

function shown(text: string): string {
  return escapeActive(cutText(text, MAX_SHOWN));
}
