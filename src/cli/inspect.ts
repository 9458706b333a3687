import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { BridgeError, describeFault } from '../base/errors.ts';
import { DIALECTS } from '../dialect/registry.ts';
import type { DialectRow } from '../dialect/row.ts';
import { dialogueOf } from '../inspect/dialogue.ts';
import { pcapngOf } from '../inspect/pcapng.ts';
import { guessDialect, readCapture, readSegments } from '../inspect/reading.ts';
import type { CaptureRecord } from '../inspect/record.ts';
import { formOf, type SourceForm, segmentsOf } from '../inspect/sources.ts';
import { readDialect } from './bridge-options.ts';
import { EXIT } from './exit-codes.ts';
import { type Ends, turnLines } from './inspect-view.ts';
import type { Settings } from './settings.ts';
import { writeLines } from './stdout.ts';

const ENDS: Readonly<Record<SourceForm, Ends>> = {
  capture: ['peer', 'posbridge'],
  socat: ['left', 'right'],
  'tshark-json': ['client', 'server'],
  'tshark-fields': ['client', 'server'],
  raw: ['wire', 'reader'],
};

/** `posbridge inspect`: recorded bytes as a dialogue. */
export async function runInspect(settings: Settings, [file]: readonly string[]): Promise<number> {
  if (file === undefined) throw new BridgeError('USAGE', 'say which file, or - for standard input');
  const bytes = readSource(file);
  const form = formOf(bytes);
  const { records, notes } = await readRecords(settings, file, form, bytes);
  const target = settings.text('pcapng');
  if (target !== undefined) {
    await writeFile(target, pcapngOf(records), { mode: 0o600 }).catch((cause: unknown) => {
      throw settings.fault('pcapng', `${target} cannot be written: ${describeFault(cause)}`, cause);
    });
    return EXIT.ok;
  }
  const { turns, unanswered } = dialogueOf(records);
  const faults = [...unanswered, ...notes];
  if (settings.flag('json') === true) {
    const objects = turns.map(({ record, sinceMs, answeredMs, kind, name, id, wrong }) => ({
      ...record,
      ...{ kind, name, id, since_ms: sinceMs, answered_ms: answeredMs },
      wrong,
    }));
    await writeLines([
      ...objects.map((one) => JSON.stringify(one)),
      ...faults.map((why) => JSON.stringify({ wrong: [why] })),
    ]);
  } else {
    await writeLines([
      ...turns.flatMap((turn) => turnLines(turn, ENDS[form])),
      ...faults.map((why) => `!! ${why}`),
    ]);
  }
  return faults.length > 0 || turns.some(({ wrong }) => wrong.length > 0) ? EXIT.declined : EXIT.ok;
}

function readSource(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (cause) {
    throw new BridgeError('USAGE', `${file} cannot be read: ${describeFault(cause)}`, { cause });
  }
}

async function readRecords(
  settings: Settings,
  file: string,
  form: SourceForm,
  bytes: Buffer,
): Promise<{ readonly records: readonly CaptureRecord[]; readonly notes: readonly string[] }> {
  if (form === 'capture') {
    const { records, unreadable } = readCapture(bytes.toString());
    return { records, notes: unreadable === 0 ? [] : [`${unreadable} lines of the capture cannot be read`] };
  }
  try {
    const segments = segmentsOf(form, bytes);
    const row = settings.isGiven('dialect') ? readDialect(settings) : await guessDialect(segments, DIALECTS);
    return { records: await readSegments(segments, known(row, file)), notes: [] };
  } catch (cause) {
    if (cause instanceof BridgeError) throw cause;
    throw new BridgeError('USAGE', `${file}: ${describeFault(cause)}`, { cause });
  }
}

function known(row: DialectRow | undefined, file: string): DialectRow {
  if (row !== undefined) return row;
  const names = DIALECTS.map(({ name }) => name).join(', ');
  throw new BridgeError(
    'USAGE',
    `${file}: this is nothing that a dialect makes sense of; say --dialect (${names})`,
  );
}
