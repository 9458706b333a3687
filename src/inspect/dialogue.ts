import { parseMessage } from '../rpc/message.ts';
import type { CaptureRecord } from './record.ts';

/** One record with what can be said of it by those before it. */
export interface Turn {
  readonly record: CaptureRecord;
  /** Since the record before it, ms. */
  readonly sinceMs?: number;
  readonly kind?: string;
  readonly name?: string;
  readonly id?: string;
  /** How long the request was open that it answers, ms. */
  readonly answeredMs?: number;
  /** What is wrong, a plain sentence each. */
  readonly wrong: readonly string[];
}

interface Open {
  readonly name: string | undefined;
  readonly timeMs: number | undefined;
  readonly place: string;
}

/** Reads records as a dialogue: which answer belongs to which request, how long it took, and what does not fit. */
export function dialogueOf(records: readonly CaptureRecord[]): {
  readonly turns: Turn[];
  readonly unanswered: string[];
} {
  const open = new Map<string, Open>();
  /** Who has said something at all: of a record of one side no answers can be expected. */
  const voices = new Set<string>();
  for (const record of records) if ('from' in record) voices.add(`${placeOf(record)} ${record.from}`);
  let lastMs: number | undefined;
  const turns = records.map((record): Turn => {
    const timeMs = record.time === undefined ? undefined : Date.parse(record.time);
    const sinceMs = timeMs === undefined || lastMs === undefined ? undefined : timeMs - lastMs;
    lastMs = timeMs ?? lastMs;
    const about = aboutOf(record);
    const wrong = [...about.wrong];
    let answeredMs: number | undefined;
    if ('from' in record && about.id !== undefined) {
      const place = placeOf(record);
      const other = otherThan(record);
      if (about.kind === 'request') {
        const key = `${place} ${record.from} ${about.id}`;
        if (open.has(key)) wrong.push('a request with this id is open already');
        open.set(key, { name: about.name, timeMs, place: `${place} ${other}` });
      } else if (about.kind === 'result' || about.kind === 'error') {
        const key = `${place} ${other} ${about.id}`;
        const asked = open.get(key);
        open.delete(key);
        if (asked === undefined && voices.has(`${place} ${other}`))
          wrong.push('it answers no request that is open');
        if (asked?.timeMs !== undefined && timeMs !== undefined) answeredMs = timeMs - asked.timeMs;
      }
    }
    return {
      record,
      wrong,
      ...(sinceMs !== undefined && { sinceMs }),
      ...(about.kind !== undefined && { kind: about.kind }),
      ...(about.name !== undefined && { name: about.name }),
      ...(about.id !== undefined && { id: about.id }),
      ...(answeredMs !== undefined && { answeredMs }),
    };
  });
  const unanswered = [...open.entries()]
    .filter(([, { place }]) => voices.has(place))
    .map(([key, { name, timeMs }]) => {
      const waited =
        timeMs === undefined || lastMs === undefined ? '' : `, ${lastMs - timeMs} ms before the record ends`;
      return `no answer to ${name ?? 'a request'} #${key.split(' ').at(-1)}${waited}`;
    });
  return { turns, unanswered };
}

type Spoken = Extract<CaptureRecord, { readonly from: string }>;

function otherThan(record: Spoken): string {
  if (record.from !== 'bridge') return 'bridge';
  return 'endpoint' in record ? 'application' : 'peer';
}

/** Where a record was taken. Lines of an application are a dialogue of their own. */
function placeOf(record: Spoken): string {
  return 'endpoint' in record ? `line ${record.endpoint}` : record.connection;
}

interface About {
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly id?: string | undefined;
  readonly wrong: readonly string[];
}

function aboutOf(record: CaptureRecord): About {
  if ('lost' in record) return { wrong: [`${record.lost} bytes were left out: the disk was too slow`] };
  if ('endpoint' in record) return aboutLine(record.text);
  if (!('from' in record)) return { wrong: [] };
  const { kind, name, id, wrong } = record;
  return { kind, name, id, wrong: wrong === undefined ? [] : [wrong] };
}

function aboutLine(text: string): About {
  const parsed = parseMessage(Buffer.from(text), 'line');
  if (!parsed.ok) return { wrong: [`${parsed.code}: ${parsed.why}`] };
  const { message } = parsed;
  const id = message.kind === 'notification' ? undefined : message.id;
  return { kind: message.kind, name: 'method' in message ? message.method : undefined, id, wrong: [] };
}
