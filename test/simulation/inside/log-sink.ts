/** Stands in for src/base/log-sink.ts: the log goes into the story. */
import type { LogSink } from '../../../src/base/log-sink.ts';
import { realm } from './realm.ts';

export type { LogSink } from '../../../src/base/log-sink.ts';

export function openLogSink(): LogSink {
  return { write: (line) => realm.log(line), flush: () => {} };
}
